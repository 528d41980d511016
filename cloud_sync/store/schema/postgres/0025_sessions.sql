-- Whoever signed in to the pages with a token: as long as the token is good, and no longer than a
-- day's work. Only the hash of what the browser holds is kept (store/sessions.py).
create table sessions(
  session_sha256 bytea primary key,
  token_sha256 bytea not null,
  created_at_us bigint not null,
  expires_at_us bigint not null
);
create index sessions_expiry on sessions(expires_at_us);
