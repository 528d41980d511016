-- What the gateway remembers of devices over a restart of its own.

-- Tags that arrived at a read point and have not left it; folded from the journal by the
-- projector. Without it a tag that goes while the gateway is away would stay for ever.
create table tag_present(
  read_point     text not null,    -- DEVICE.ANTENNA
  epc            text not null,    -- hex, as read
  n_reads        integer not null,
  rssi_centi_dbm integer,
  first_us       integer not null,
  last_us        integer not null,
  primary key (read_point, epc)
) strict, without rowid;

-- What was learnt from the messages of each boot of a device; saved shortly after it changed.
create table device_boot(
  device      text not null,
  boot        text not null,       -- "" for a device that names none
  highest     integer,             -- up to here `missing` was judged; null: it numbers nothing
  missing     text not null,       -- JSON: [[first, last], …], ascending
  n_beyond    integer not null,    -- missing numbers that are counted and not named
  offset_us   integer,             -- receipt less device time; null: it never told its time
  heard_at_us integer not null,    -- when this row was written; the oldest rows leave
  primary key (device, boot)
) strict, without rowid;

insert into device_boot(device, boot, highest, missing, n_beyond, heard_at_us)
  select device, boot, highest, '[]', 0, 0 from device_mark;
