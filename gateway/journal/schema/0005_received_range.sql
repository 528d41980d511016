-- Which messages of a device were received, for ever: what is left of a receipt once its result
-- is forgotten. Numbers without a gap between them are one row; ranges of a boot never touch.

create table received_range(
  device text not null,
  boot   text not null,
  first  integer not null,
  last   integer not null,
  primary key (device, boot, first)
) strict, without rowid;
