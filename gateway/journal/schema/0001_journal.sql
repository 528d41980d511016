-- The journal proper. Its invariants stand in docs/journal.md and in gateway/journal/store.py.

create table meta(
  key   text primary key,
  value text not null
) strict, without rowid;

create table journal(
  seq            integer primary key,  -- 1, 2, 3 … without gaps, assigned at commit
  event_id       text not null,
  type           text not null,
  occurred_at_us integer not null,
  recorded_at_us integer not null,     -- the box's wall clock at commit; for retention only
  body           blob not null,        -- the event's canonical bytes
  chain          blob not null         -- BLAKE2b-128 link, cloud_sync/contract/chain.py
) strict;

-- What each device was told about each of its messages; repeats are answered from here.
create table receipt(
  device text not null,
  boot   text not null,
  seq    integer not null,
  result blob not null,
  primary key (device, boot, seq)
) strict, without rowid;

-- The highest number per boot: above it nothing needs to be looked up.
create table device_mark(
  device  text not null,
  boot    text not null,
  highest integer not null,
  primary key (device, boot)
) strict, without rowid;

create table quarantine(
  id             integer primary key,
  device         text not null,
  received_at_us integer not null,
  kind           text not null,
  reason         text not null,
  raw            blob not null
) strict;

create table cursor(
  consumer text primary key,
  seq      integer not null
) strict, without rowid;
