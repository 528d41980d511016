-- The ledger beside the balances (docs/ledger.md): counts with their variances, sweeps, what
-- corrects what, and one row per warehouse that all who change its stock lock first.
-- Places are text that sorts, byte by byte, as the places do.
create table ledgers(
  warehouse text primary key,
  n_batches integer not null,
  horizon text not null,
  last_count text not null,
  n_open integer not null,
  times text not null
) strict;

create table stock_counts(
  warehouse text not null,
  location text not null,
  item text not null,
  lot text not null,
  status text not null,
  unit text not null,
  place text not null,
  event_id text not null,
  counted integer not null,
  variance integer not null,
  is_swept integer not null,
  primary key (warehouse, place, location, item, lot, status, unit)
) strict, without rowid;

create table stock_sweeps(
  warehouse text not null,
  location text not null,
  place text not null,
  event_id text not null,
  item text not null,
  status text not null,
  unit text not null,
  primary key (warehouse, place, location)
) strict, without rowid;

-- is_open: what it corrects has not come yet.
create table corrections(
  warehouse text not null,
  event_id text not null,
  corrects text not null,
  is_open integer not null,
  primary key (warehouse, event_id)
) strict, without rowid;
create index corrections_target on corrections(warehouse, corrects);
