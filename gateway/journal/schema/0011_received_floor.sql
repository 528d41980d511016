-- Where a boot's numbers have so many gaps that ranges would grow without bound: up to here it is
-- not known any more whether a number was received.

create table received_floor(
  device text not null,
  boot   text not null,
  floor  integer not null,
  primary key (device, boot)
) strict, without rowid;
