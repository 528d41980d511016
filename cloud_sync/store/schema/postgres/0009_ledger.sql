-- The ledger beside the balances (docs/ledger.md): counts with their variances, sweeps, what
-- corrects what, and one row per warehouse that all who change its stock lock first.
-- Places are text that sorts, byte by byte, as the places do.
create table ledgers(
  warehouse text primary key,
  n_batches bigint not null,
  horizon text collate "C" not null,
  last_count text collate "C" not null,
  n_open bigint not null,
  times text not null
);

create table stock_counts(
  warehouse text not null,
  location text not null,
  item text not null,
  lot text not null,
  status text not null,
  unit text not null,
  place text collate "C" not null,
  event_id text not null,
  counted bigint not null,
  variance bigint not null,
  is_swept bigint not null,
  primary key (warehouse, place, location, item, lot, status, unit)
);

create table stock_sweeps(
  warehouse text not null,
  location text not null,
  place text collate "C" not null,
  event_id text not null,
  item text not null,
  status text not null,
  unit text not null,
  primary key (warehouse, place, location)
);

-- is_open: what it corrects has not come yet.
create table corrections(
  warehouse text not null,
  event_id text not null,
  corrects text not null,
  is_open bigint not null,
  primary key (warehouse, event_id)
);
create index corrections_target on corrections(warehouse, corrects);
