-- Who is told of changes, how far, and what is still to be told (store/webhooks.py).
create table webhooks(
  id text not null primary key,
  url text not null,
  secret text not null,
  kinds text not null,
  place bigint not null,
  created_at_us bigint not null
);
create table webhook_deliveries(
  id text not null primary key,
  webhook text not null,
  body text not null,
  status text not null check (status in ('waiting', 'delivered', 'dead')),
  n_tries bigint not null,
  next_at_us bigint,
  last_error text,
  created_at_us bigint not null,
  done_at_us bigint
);
create index webhook_deliveries_due on webhook_deliveries(next_at_us) where status = 'waiting';
create index webhook_deliveries_webhook on webhook_deliveries(webhook, status);
