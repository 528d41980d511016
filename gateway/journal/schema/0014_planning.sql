-- Where each cause of replenishment stands, and the plans of this warehouse with their steps
-- (docs/planning.md). A plan's network plan is in its event and in `milestone`, not here.

create table cause_state(
  cause       text not null,
  item        text not null,     -- "" for a cause that is for no single item
  is_armed    integer not null,
  fired_at_us integer,
  window      integer,           -- the last one it fired for
  primary key (cause, item)
) strict, without rowid;

insert into cause_state(cause, item, is_armed, fired_at_us)
  select 'reorder_point', item, is_armed, fired_at_us from trigger_state;
drop table trigger_state;

create table plan(
  plan_id        text primary key,
  event_id       text not null,
  computed_at_us integer not null,
  body           text not null   -- JSON
) strict, without rowid;

create table plan_step(
  plan_id text not null,
  name    text not null,
  id      text not null,         -- of the event or the decision
  at_us   integer not null,
  author  text not null,
  reason  text not null,
  primary key (plan_id, name, id)
) strict, without rowid;
