-- The exceptions queue (store/exception_queue.py): evidence, and what settled it. Both only grow;
-- neither waits for the other. key: a JSON list of text.
create table exception_evidence(
  warehouse text not null,
  kind text not null,
  key text not null,
  event_id text not null,
  at_us integer not null,
  detail text not null,
  primary key (warehouse, kind, key, event_id)
) strict, without rowid;

-- kind, key: "" where all that an event is evidence of is settled by another event, named in
-- reason; author is "" then.
create table exception_settled(
  warehouse text not null,
  event_id text not null,
  kind text not null,
  key text not null,
  at_us integer not null,
  action text not null,
  reason text not null,
  author text not null,
  primary key (warehouse, event_id, kind, key)
) strict, without rowid;
