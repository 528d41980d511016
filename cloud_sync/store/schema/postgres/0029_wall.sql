-- The second wall: what somebody reads who is let into some warehouses only is read as a role that
-- the database shows the rows of these warehouses, whatever the question is (store/wall.py).
--
-- To make the role takes a right that the owner of a database need not have. Where it is missing
-- the rest is laid out all the same, and docs/security.md says what to do.
do $$
  begin
    create role forepost_scoped nologin;
  exception
    when duplicate_object or unique_violation or insufficient_privilege then
      null;
  end $$;

create function raise_wall(name text, also text[]) returns void language plpgsql as $$
  begin
    execute format('alter table %I enable row level security', name);
    execute format(
      'create policy scope on %I for select using (warehouse = any ('
      '%L::text[] || string_to_array(current_setting(''forepost.scope'', true), '','')))',
      name, also);
  end $$;

-- Documents that belong to all, or to the cloud, are filtered by right and not by warehouse.
select raise_wall('documents', array['', '@cloud']);

select raise_wall(table_name::text, array[]::text[])
  from information_schema.columns
  where table_schema = 'public' and column_name = 'warehouse'
    and table_name not in ('documents', 'credentials', 'invitations', 'box_keys');

do $$
  begin
    if exists (select from pg_roles where rolname = 'forepost_scoped') then
      grant usage on schema public to forepost_scoped;
      grant select on all tables in schema public to forepost_scoped;
      alter default privileges in schema public grant select on tables to forepost_scoped;
      execute format('grant forepost_scoped to %I', current_user);
    end if;
  exception
    when insufficient_privilege then
      null;
  end $$;
