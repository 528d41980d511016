-- Who changed what, each entry chained to the one before (store/audit.py). Nobody changes or deletes
-- one: the table itself refuses it.
create table audit_log(
  seq integer primary key,
  body blob not null,
  link blob not null
) strict;

-- The last entry. One row, locked by whoever writes the next.
create table audit_head(
  id integer primary key check (id = 1),
  seq integer not null,
  link blob not null
) strict;
insert into audit_head(id, seq, link) values (1, 0, x'0000000000000000000000000000000000000000000000000000000000000000');

create trigger audit_log_no_update before update on audit_log begin
  select raise(abort, 'the audit log is only added to');
  end;

create trigger audit_log_no_delete before delete on audit_log begin
  select raise(abort, 'the audit log is only added to');
  end;
