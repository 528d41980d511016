-- The warehouse is in the rows of every warehouse's, as in PostgreSQL, whose tables can be
-- distributed by it (docs/decisions/0015-warehouse-in-every-key.md). One file needs it in no key.
drop index received_event;
create unique index received_event on received(warehouse, event_id) where status = 'accepted';

alter table epochs rename to former_epochs;
create table epochs(
  warehouse text not null,
  gateway text not null,
  epoch text not null,
  seq integer not null,
  head blob not null,
  started_at_us integer not null,
  primary key (warehouse, gateway, epoch)
) strict;
insert into epochs(warehouse, gateway, epoch, seq, head, started_at_us)
select g.warehouse, f.gateway, f.epoch, f.seq, f.head, f.started_at_us
from former_epochs f join gateways g on g.gateway = f.gateway;
drop table former_epochs;

alter table gateway_exceptions rename to former_exceptions;
create table gateway_exceptions(
  warehouse text not null,
  gateway text not null,
  epoch text not null,
  kind text not null,
  message text not null,
  n integer not null,
  first_at_us integer not null,
  last_at_us integer not null,
  primary key (warehouse, gateway, epoch, kind)
) strict;
insert into gateway_exceptions(
  warehouse, gateway, epoch, kind, message, n, first_at_us, last_at_us)
select g.warehouse, f.gateway, f.epoch, f.kind, f.message, f.n, f.first_at_us, f.last_at_us
from former_exceptions f join gateways g on g.gateway = f.gateway;
drop table former_exceptions;

alter table epcis_cursors rename to former_cursors;
create table epcis_cursors(
  warehouse text not null,
  gateway text not null,
  epoch text not null,
  seq integer not null,
  primary key (warehouse, gateway, epoch)
) strict;
insert into epcis_cursors(warehouse, gateway, epoch, seq)
select g.warehouse, f.gateway, f.epoch, f.seq
from former_cursors f join gateways g on g.gateway = f.gateway;
drop table former_cursors;

alter table plans rename to former_plans;
create table plans(
  warehouse text not null,
  plan_id text not null,
  event_id text not null,
  primary key (plan_id, warehouse)
) strict, without rowid;
insert into plans(warehouse, plan_id, event_id)
select warehouse, plan_id, event_id from former_plans;
drop table former_plans;
