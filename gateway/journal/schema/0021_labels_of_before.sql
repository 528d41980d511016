-- Of which lot the pieces are whose labels were read before 0017 kept it: the rows still say so.
-- As `serial_statements` would have written them row by row, the newest label last; a row that is
-- damaged, or says what this program cannot read, is left to the check of the chain.

insert into serial_lot(item, serial, lot, at_us)
  with labelled(seq, at_us, path, said) as (
    select seq, occurred_at_us, iif(type = 'unit.packed', '$.body.children', '$.lines'),
        iif(json_valid(cast(body as text)), cast(body as text), '{}')
      from journal
      where type in ('goods.received', 'transfer.received', 'goods.returned', 'unit.packed')
      and instr(cast(body as text), '"serials"') > 0
  ), part(seq, at_us, said) as (
    select seq, at_us, iif(each.type = 'object', each.value, '{}')
      from labelled, json_each(labelled.said, labelled.path) as each
  )
  select said ->> '$.item', serial.value, said ->> '$.lot', at_us
    from part, json_each(part.said, '$.serials') as serial
    where json_type(said, '$.item') = 'text' and json_type(said, '$.lot') = 'text'
    and serial.type = 'text'
    order by seq
  on conflict do update set lot = excluded.lot, at_us = excluded.at_us
    where excluded.at_us >= at_us;
