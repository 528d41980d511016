-- What has become of plans (contract/plan_life.py). Those from before went on their own.
create table plan_steps(
  warehouse text not null,
  plan_id text not null,
  name text not null,
  id text not null,
  at_us bigint not null,
  author text not null,
  reason text not null,
  is_ours integer not null default 0, -- said here, and to be told to the gateway
  primary key (warehouse, plan_id, name, id)
);
insert into plan_steps(warehouse, plan_id, name, id, at_us, author, reason)
select warehouse, plan_id, 'propose', event_id, 0, '', '' from plans;
insert into plan_steps(warehouse, plan_id, name, id, at_us, author, reason)
select warehouse, plan_id, 'approve', event_id, 0, '', '' from plans;
