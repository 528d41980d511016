-- Of which lot each piece is, as its label said when it came or was packed, kept by the projector
-- for sweeps: a tag names its piece and no lot (docs/flows.md).

create table serial_lot(
  item   text not null,
  serial text not null,
  lot    text not null,
  at_us  integer not null,
  primary key (item, serial)
) strict, without rowid;
create index serial_lot_at on serial_lot(at_us);
