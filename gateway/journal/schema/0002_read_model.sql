-- The read model: what the journal's rows add up to, kept by the projector in the transaction
-- that moves its cursor. Everything here can be thrown away and folded again from the journal.

create table stock(
  warehouse text not null,   -- "" for virtual locations
  location  text not null,
  item      text not null,   -- GTIN, 14 digits
  lot       text not null,   -- "" for goods without one
  status    text not null,
  unit      text not null,   -- EA or g
  quantity  integer not null,
  primary key (warehouse, location, item, lot, status, unit)
) strict, without rowid;

create table lot(
  item   text not null,
  lot    text not null,
  expiry text,               -- YYYY-MM-DD; null for lots without one
  primary key (item, lot)
) strict, without rowid;

create table document(
  kind    text not null,
  key     text not null,
  version integer not null,
  data    text,              -- JSON; null for a tombstone
  primary key (kind, key)
) strict, without rowid;

create table on_order(
  asn      text not null,
  item     text not null,
  ordered  integer not null default 0,
  received integer not null default 0,
  primary key (asn, item)
) strict, without rowid;

create table trigger_state(
  item        text primary key,
  is_armed    integer not null,
  fired_at_us integer
) strict, without rowid;

create table climate(
  zone                text not null,
  device              text not null,
  at_us               integer not null,
  temperature_centi_c integer,
  humidity_centi_pct  integer,
  primary key (zone, device)
) strict, without rowid;

create table milestone(
  seq      integer primary key,
  event_id text not null,
  type     text not null,
  body     text not null     -- JSON
) strict;
