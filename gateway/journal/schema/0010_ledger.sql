-- The ledger beside the balances: counts with their variances, sweeps, and what corrects what.
-- Places are text that sorts as they do. What the tables mean: docs/ledger.md.

create table stock_count(
  warehouse text not null,
  location  text not null,
  item      text not null,
  lot       text not null,
  status    text not null,
  unit      text not null,
  place     text not null,
  event_id  text not null,
  counted   integer not null,
  variance  integer not null,    -- counted less what the books said there
  is_swept  integer not null,    -- not named by the count, but in its scope
  primary key (warehouse, location, item, lot, status, unit, place)
) strict, without rowid;

create table stock_sweep(
  warehouse text not null,
  location  text not null,
  place     text not null,
  event_id  text not null,
  item      text not null,       -- "" for all items
  status    text not null,
  unit      text not null,
  primary key (warehouse, location, place)
) strict, without rowid;

create table correction(
  event_id text primary key,
  corrects text not null
) strict, without rowid;

create table ledger_time(
  id      integer primary key check (id = 1),
  time_us integer not null,      -- the journal's, after the last row that was folded
  horizon text not null          -- the greatest place of any row
) strict;
