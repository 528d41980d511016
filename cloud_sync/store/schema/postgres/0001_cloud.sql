-- Everything received, in the order of each gateway's journal, with the bytes as they came.
-- body is null for a duplicate: its bytes are those of the accepted row with the same event_id.
create table received(
  position bigint generated always as identity primary key,
  warehouse text not null,
  gateway text not null,
  epoch text not null,
  seq bigint not null,
  status text not null check (status in ('accepted', 'duplicate', 'quarantined')),
  reason text,
  event_id text,
  type text,
  device text,
  occurred_at_us bigint,
  received_at_us bigint not null,
  link bytea not null,
  body bytea,
  unique (gateway, epoch, seq)
);
create unique index received_event on received(event_id) where status = 'accepted';
create index received_quarantined on received(position) where status = 'quarantined';

create table gateways(
  gateway text primary key,
  warehouse text not null,
  epoch text,
  instance text,
  batch_at_us bigint,
  contact_at_us bigint
);

-- The journals of each gateway: the last row received of each, and its link.
create table epochs(
  gateway text not null,
  epoch text not null,
  seq bigint not null,
  head bytea not null,
  started_at_us bigint not null,
  primary key (gateway, epoch)
);

create table credentials(
  token_sha256 bytea primary key,
  name text not null,
  role text not null check (role in ('gateway', 'admin', 'reader')),
  warehouse text,
  created_at_us bigint not null,
  revoked_at_us bigint
);

create table stock(
  warehouse text not null,
  item text not null,
  location text not null,
  lot text not null,
  status text not null,
  unit text not null,
  quantity bigint not null,
  primary key (warehouse, item, location, lot, status, unit)
);
create index stock_item on stock(item);

-- What the first event about a lot said.
create table lots(
  item text not null,
  lot text not null,
  occurred_at_us bigint not null,
  event_id text not null,
  expiry text,
  primary key (item, lot)
);

-- Sums per document: what was dispatched (kind transfer) and received (kind asn) under it.
create table flows(
  warehouse text not null,
  kind text not null,
  document text not null,
  item text not null,
  lot text not null,
  unit text not null,
  quantity bigint not null,
  primary key (kind, document, warehouse, item, lot, unit)
);
create index flows_lot on flows(item, lot);

create table plans(
  plan_id text primary key,
  warehouse text not null,
  event_id text not null
);

-- Each document at its newest version. warehouse '' is everybody's.
create table documents(
  kind text not null,
  key text not null,
  warehouse text not null,
  version bigint not null,
  changed_at bigint not null unique,
  is_deleted bigint not null,
  content text,
  primary key (kind, key)
);

-- The end of the change feed. One row, locked by whoever adds to the feed, so that a change can
-- never become visible before one with a smaller number.
create table feed(
  id bigint primary key check (id = 1),
  last bigint not null
);
insert into feed(id, last) values (1, 0);
