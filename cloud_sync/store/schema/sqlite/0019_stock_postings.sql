-- What each batch added to balances, by the day of its places (store/postings.py). Only grows.
create table stock_postings(
  warehouse text not null,
  item text not null,
  day integer not null,
  location text not null,
  lot text not null,
  status text not null,
  unit text not null,
  batch integer not null,
  n integer not null,
  gateway text not null,
  epoch text not null,
  quantity integer not null,
  entries blob not null,
  primary key (warehouse, item, day, location, lot, status, unit, batch, n)
) strict, without rowid;

create table ledger_batches(
  warehouse text not null,
  known_us integer not null,
  batch integer not null,
  primary key (warehouse, known_us, batch)
) strict, without rowid;

-- has_postings: stock_postings has had every batch of the warehouse from its first on.
alter table ledgers add column known_us integer not null default 0;
alter table ledgers add column has_postings integer not null default 0;
