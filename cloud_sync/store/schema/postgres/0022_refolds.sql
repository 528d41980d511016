-- Stock that is being folded again, warehouse by warehouse (store/refold.py): the warehouses that
-- are still to be folded, and '' while the run is not finished.
create table refolds(
  warehouse text primary key
);

-- What the warehouses folded so far make of virtual places, which belong to all of them.
create table stock_refolded(
  warehouse text not null,
  item text not null,
  location text not null,
  lot text not null,
  status text not null,
  unit text not null,
  quantity bigint not null,
  primary key (warehouse, item, location, lot, status, unit)
);

-- is_refolded: what the warehouse adds to virtual places goes into both tables.
alter table ledgers add column is_refolded bigint not null default 0;
