-- What was last told of each device by a device.health event, written with that event: so that a
-- restart tells nothing again, and misses nothing that changed meanwhile.

create table device_told(
  device         text primary key,
  state          text not null,       -- online, lost or faulty
  is_battery_low integer not null,
  firmware       text,
  at_us          integer not null     -- when it was told; the oldest rows leave
) strict, without rowid;
