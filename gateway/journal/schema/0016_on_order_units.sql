-- What is on order and what came of it, by unit: pieces and grams of one item are never added.
-- A row of before says its unit by the delivery's document. Where a delivery speaks of grams, and
-- every row is still there, all is folded again when the projector starts (ledger_tables.py).

create table on_order_by_unit(
  asn      text not null,
  item     text not null,
  unit     text not null,        -- EA or g
  ordered  integer not null default 0,
  received integer not null default 0,
  primary key (asn, item, unit)
) strict, without rowid;

insert into on_order_by_unit(asn, item, unit, ordered, received)
  select asn, item, coalesce((select json_extract(line.value, '$.unit')
      from document, json_each(document.data, '$.ordered') as line
      where document.kind = 'asn' and document.key = on_order.asn
      and json_extract(line.value, '$.item') = on_order.item
      and json_extract(line.value, '$.unit') is not null limit 1), 'EA'), ordered, received
  from on_order;
drop table on_order;
alter table on_order_by_unit rename to on_order;

delete from ledger_time where exists (
    select 1 from document, json_each(document.data, '$.ordered') as line
    where document.kind = 'asn' and json_extract(line.value, '$.unit') = 'g')
  and (select value from meta where key = 'base_seq') = '0'
  and (exists (select 1 from meta where key = 'from_the_first' and value = '1')
    or not exists (select 1 from meta where key in ('salvage', 'from_the_first')));
