-- What was answered to whom under which Idempotency-Key (store/idempotency.py).
-- status and answer are null only inside the transaction that claims the key.
create table idempotency(
  caller text not null,
  key text not null,
  request blob not null,
  at_us integer not null,
  status integer,
  answer blob,
  primary key (caller, key)
) strict, without rowid;
create index idempotency_age on idempotency(at_us);
