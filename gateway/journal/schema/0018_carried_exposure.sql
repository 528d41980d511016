-- What lots had suffered from heat and cold before they came, and when they left (core/carried).

alter table exposed_lot add column brought_above_us integer not null default 0;
alter table exposed_lot add column brought_below_us integer not null default 0;
alter table exposed_lot add column brought_heat integer not null default 0;

create table exposure_in(
  delivery       text not null,
  item           text not null,
  lot            text not null,
  at_us          integer not null,
  told_above_us  integer,          -- null while nobody has said
  told_below_us  integer,
  told_heat      integer,
  verdict        text not null,
  found_above_us integer,          -- null while nothing has come
  found_below_us integer,
  found_heat     integer,
  came_us        integer not null,
  primary key (delivery, item, lot)
) strict, without rowid;

create table exposure_out(
  transfer         text not null,
  item             text not null,
  lot              text not null,
  at_us            integer not null,
  above_us         integer not null,
  below_us         integer not null,
  heat             integer not null,
  brought_above_us integer not null,
  brought_below_us integer not null,
  brought_heat     integer not null,
  primary key (transfer, item, lot)
) strict, without rowid;
