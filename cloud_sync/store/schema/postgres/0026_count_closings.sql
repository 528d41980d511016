-- How each place of a count was closed last (store/counting.py).
create table count_closings(
  warehouse text not null,
  document text not null,
  location text not null,
  at_us bigint not null,
  event_id text not null,
  outcome text not null,
  primary key (warehouse, document, location)
);
