-- Which rows of a warehouse's journals concern an item (store/item_rows.py).
create table item_rows(
  warehouse text not null,
  item text not null,
  gateway text not null,
  epoch text not null,
  first_seq integer not null,
  rows blob not null,
  primary key (warehouse, item, gateway, epoch, first_seq)
) strict, without rowid;

-- has_items: item_rows has had every row of the warehouse from its first on.
insert into ledgers(warehouse, n_batches, horizon, last_count, n_open, times)
select distinct warehouse, 0, '', '', 0, '{}' from received where status = 'accepted'
on conflict (warehouse) do nothing;
alter table ledgers add column has_items integer not null default 0;
