-- The alarms that were told by a gateway.health event and are not told to be over, written with
-- that event: so that a restart tells nothing again, and misses no end.

create table alarm_told(
  name     text not null,
  about    text not null,        -- the device or file it is about; "" for the gateway itself
  text     text not null,
  since_us integer not null,
  primary key (name, about)
) strict, without rowid;
