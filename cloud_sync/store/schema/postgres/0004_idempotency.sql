-- What was answered to whom under which Idempotency-Key (store/idempotency.py).
-- status and answer are null only inside the transaction that claims the key.
create table idempotency(
  caller text not null,
  key text not null,
  request bytea not null,
  at_us bigint not null,
  status bigint,
  answer bytea,
  primary key (caller, key)
);
create index idempotency_age on idempotency(at_us);
