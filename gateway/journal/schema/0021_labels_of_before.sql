-- Of which lot the pieces are whose labels were read before 0017 kept it: the rows still say so.
-- As `serial_statements` would have written them row by row, the newest label last; a row that is
-- damaged, or says what this program cannot read, is left to the check of the chain.

insert into serial_lot(item, serial, lot, at_us)
  select item, serial, lot, occurred_at_us from (
    select journal.seq, journal.occurred_at_us, line.value ->> '$.item' as item,
        serial.value as serial, line.value ->> '$.lot' as lot
      from journal, json_each(
          case when json_valid(cast(journal.body as text)) then cast(journal.body as text)
            else '{}' end, '$.lines') as line,
        json_each(case when line.type = 'object' then line.value else '{}' end,
          '$.serials') as serial
      where journal.type in ('goods.received', 'transfer.received', 'goods.returned')
      and instr(cast(journal.body as text), '"serials"') > 0
    union all
    select journal.seq, journal.occurred_at_us, child.value ->> '$.item',
        serial.value, child.value ->> '$.lot'
      from journal, json_each(
          case when json_valid(cast(journal.body as text)) then cast(journal.body as text)
            else '{}' end, '$.body.children') as child,
        json_each(case when child.type = 'object' then child.value else '{}' end,
          '$.serials') as serial
      where journal.type = 'unit.packed'
      and instr(cast(journal.body as text), '"serials"') > 0
  )
  where typeof(item) = 'text' and typeof(lot) = 'text' and typeof(serial) = 'text'
  order by seq
  on conflict do update set lot = excluded.lot, at_us = excluded.at_us
    where excluded.at_us >= at_us;
