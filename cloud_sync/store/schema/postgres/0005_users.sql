-- Users have one role and a scope: '*' for all warehouses, or their ids with commas between.
create table users(
  name text not null primary key,
  role text not null,
  scope text not null,
  created_at_us bigint not null
);

-- Tokens were bound to a role, now they belong to a user or a gateway. Who had tokens of both
-- former roles keeps the lesser ones under a name of their own, so that none gains a right.
alter table credentials rename to former_credentials;
create table credentials(
  token_sha256 bytea primary key,
  token_id text not null unique,
  kind text not null check (kind in ('gateway', 'user')),
  name text not null,
  warehouse text,
  created_at_us bigint not null,
  expires_at_us bigint,
  revoked_at_us bigint
);
create index credentials_name on credentials(name);
insert into credentials(token_sha256, token_id, kind, name, warehouse, created_at_us, revoked_at_us)
select f.token_sha256, left(encode(f.token_sha256, 'hex'), 16), case when f.role = 'gateway' then 'gateway' else 'user' end,
  case when f.role = 'reader' and exists (
    select 1 from former_credentials a where a.name = f.name and a.role = 'admin'
  ) then 'read-only-' || left(encode(f.token_sha256, 'hex'), 16) else f.name end,
  f.warehouse, f.created_at_us, f.revoked_at_us
from former_credentials f;
insert into users(name, role, scope, created_at_us)
select c.name, case when min(f.role) = 'admin' then 'admin' else 'read-only' end, '*',
  min(c.created_at_us)
from credentials c join former_credentials f on f.token_sha256 = c.token_sha256
where c.kind = 'user' group by c.name;
drop table former_credentials;
