-- Who changed what, each entry chained to the one before (store/audit.py). Nobody changes or deletes
-- one: the table itself refuses it.
create table audit_log(
  seq bigint primary key,
  body bytea not null,
  link bytea not null
);

-- The last entry. One row, locked by whoever writes the next.
create table audit_head(
  id bigint primary key check (id = 1),
  seq bigint not null,
  link bytea not null
);
insert into audit_head(id, seq, link) values (1, 0, decode('0000000000000000000000000000000000000000000000000000000000000000', 'hex'));

create function refuse_change() returns trigger language plpgsql as $$
  begin
    raise exception '% is only added to', tg_table_name using errcode = 'insufficient_privilege';
  end $$;

create trigger audit_log_only_grows before update or delete or truncate on audit_log
  for each statement execute function refuse_change();
