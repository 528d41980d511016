-- What each batch added to balances, by the day of its places (store/postings.py). Only grows.
create table stock_postings(
  warehouse text not null,
  item text not null,
  day bigint not null,
  location text not null,
  lot text not null,
  status text not null,
  unit text not null,
  batch bigint not null,
  n bigint not null,
  gateway text not null,
  epoch text not null,
  quantity bigint not null,
  entries bytea not null,
  primary key (warehouse, item, day, location, lot, status, unit, batch, n) include (quantity)
);

create table ledger_batches(
  warehouse text not null,
  known_us bigint not null,
  batch bigint not null,
  primary key (warehouse, known_us, batch)
);

-- has_postings: stock_postings has had every batch of the warehouse from its first on.
alter table ledgers add column known_us bigint not null default 0;
alter table ledgers add column has_postings bigint not null default 0;
