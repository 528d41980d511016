-- Sensor faults that are open now, kept by the sensor watch in the transaction that moves its
-- cursor. A fault that ended leaves; its beginning and end are events in the journal.

create table sensor_fault(
  device   text not null,
  kind     text not null,    -- silent, error, out_of_range, stuck or drifting
  zone     text not null,
  since_us integer not null,
  reason   text not null,
  event_id text not null,    -- of the sensor.fault event
  primary key (device, kind)
) strict, without rowid;
