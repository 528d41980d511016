-- What is needed to see exceptions that no event shows alone (inventory/traces.py), to end them,
-- and to keep every word that is said of one.

-- says: a JSON list of text.
create table exception_traces(
  warehouse text not null,
  family text not null,
  key text not null,
  at_us bigint not null,
  event_id text not null,
  says text not null,
  primary key (warehouse, family, key, at_us, event_id)
);
create index exception_traces_of on exception_traces(family, key, at_us);

-- One row per subject that several warehouses speak of, locked by whoever adds a trace of it.
create table exception_subjects(
  family text not null,
  key text not null,
  n bigint not null,
  primary key (family, key)
);

-- Evidence of the kind and key that is older than until_us is ended by an event.
create table exception_ends(
  warehouse text not null,
  kind text not null,
  key text not null,
  until_us bigint not null,
  event_id text not null,
  primary key (warehouse, kind, key)
);

-- Several words on one piece of evidence are kept; the first in the order of (at_us, word) stands.
-- kind, key: "" where an event settles all that its target is evidence of; it is the word then.
alter table exception_settled rename to former_settled;
create table exception_settled(
  warehouse text not null,
  event_id text not null,
  kind text not null,
  key text not null,
  word text not null,
  at_us bigint not null,
  action text not null,
  reason text not null,
  author text not null,
  primary key (warehouse, event_id, kind, key, word)
);
insert into exception_settled(warehouse, event_id, kind, key, word, at_us, action, reason, author)
select warehouse, event_id, kind, key, case kind when '' then reason else '' end, at_us, action,
  case kind when '' then '' else reason end, author from former_settled;
drop table former_settled;

-- When goods were first sent under a transfer, by the warehouse that sent them.
create table transits(
  warehouse text not null,
  transfer text not null,
  at_us bigint not null,
  event_id text not null,
  primary key (warehouse, transfer)
);

-- The first delivery of each fulfilment of an order: a parcel, or the order itself, by a warehouse.
create table order_deliveries(
  warehouse text not null,
  order_id text not null,
  document text not null,
  at_us bigint not null,
  event_id text not null,
  primary key (warehouse, order_id, document)
);
create index order_deliveries_of on order_deliveries(order_id);

-- Finds what is on its way under a transfer.
create index stock_in_transit on stock(location)
  where warehouse = '' and location like '@transit.%';
