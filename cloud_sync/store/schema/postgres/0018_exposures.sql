-- What the lots of a transfer had suffered when they left (contract/exposures.py), as told by the
-- gateways of its source; of one lot the worst counts.
create table exposures(
  warehouse text not null,
  document text not null,
  item text not null,
  lot text not null,
  event_id text not null,
  above_us bigint not null,
  below_us bigint not null,
  heat_centi_c_us bigint not null,
  verdict text not null,
  primary key (warehouse, document, item, lot, event_id)
);
