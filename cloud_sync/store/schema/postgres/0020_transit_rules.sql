-- How long goods may be on their way before somebody is told (store/transit_rules.py). One row.
create table transit_rules(
  id bigint primary key check (id = 1),
  content text not null
);

-- What stands below zero is asked for by itself (store/exception_lists.py); hardly any does.
create index stock_negative on stock(warehouse, location, item, lot, status, unit)
where quantity < 0 and warehouse <> '';
