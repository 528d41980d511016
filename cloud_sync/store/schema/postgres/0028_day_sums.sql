-- What was sold, short, wasted and done on each day of a warehouse (demand/day_sums.py), for the
-- reports; how far each journal is added up; and the row that whoever adds up locks.
create table day_sums(
  warehouse text not null,
  kind text not null,
  day text not null,
  subject text not null,
  detail text not null,
  unit text not null,
  quantity bigint not null,
  primary key (warehouse, kind, day, subject, detail, unit)
);

create table day_cursors(
  warehouse text not null,
  gateway text not null,
  epoch text not null,
  seq bigint not null,
  primary key (warehouse, gateway, epoch)
);

create table day_lock(
  id integer primary key check (id = 1)
);
insert into day_lock(id) values (1);
