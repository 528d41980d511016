-- EPCIS events, ours and those captured from others (store/epcis_events.py).
create table epcis_events(
  position bigint primary key,
  warehouse text not null,
  event_id text not null,
  declared_at_us bigint not null,
  event_time_us bigint not null,
  record_time_us bigint not null,
  context text not null,
  body text not null,
  unique (event_id, declared_at_us)
);
create index epcis_events_time on epcis_events(event_time_us, position);
create index epcis_events_recorded on epcis_events(record_time_us, position);

-- What events can be found by. value is in its common spelling, given as it was written.
create table epcis_keys(
  name text not null,
  value text not null,
  position bigint not null,
  warehouse text not null,
  given text not null,
  primary key (name, value, position)
);

-- The place of the newest event. One row, locked by whoever adds, so that an event can never
-- become visible before one with a smaller place.
create table epcis_feed(
  id bigint primary key check (id = 1),
  last bigint not null
);
insert into epcis_feed(id, last) values (1, 0);

-- How far each gateway's journal has been told as EPCIS events.
create table epcis_cursors(
  gateway text not null,
  epoch text not null,
  seq bigint not null,
  primary key (gateway, epoch)
);

-- Places that captured master data puts below others, in their common spelling.
create table epcis_children(
  parent text not null,
  child text not null,
  primary key (parent, child)
);

create table epcis_captures(
  capture_id text primary key,
  position bigint not null,
  caller text not null,
  created_at_us bigint not null,
  finished_at_us bigint not null,
  behaviour text not null,
  success bigint not null,
  errors text not null
);
create index epcis_captures_position on epcis_captures(position);

create table epcis_queries(
  name text primary key,
  query text not null,
  warehouses text,
  created_at_us bigint not null
);

-- position: up to where the subscriber has been told. due_at_us: when it is looked at next.
create table epcis_subscriptions(
  subscription_id text primary key,
  query text not null,
  dest text not null,
  signature_token text,
  schedule text,
  report_if_empty bigint not null,
  initial_at_us bigint not null,
  created_at_us bigint not null,
  notified_at_us bigint,
  position bigint not null,
  due_at_us bigint not null,
  n_failures bigint not null
);
create index epcis_subscriptions_due on epcis_subscriptions(due_at_us);
