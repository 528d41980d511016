-- The cold chain as the sensor watch has folded it, in the transaction that moves its cursor
-- (gateway/core/excursions.py, docs/cold-chain.md).

create table cold_sensor(
  zone        text not null,
  device      text not null,
  at_us       integer not null,    -- of the last reading that was believed
  centi_c     integer not null,
  since_us    integer,             -- of the first bad reading; null while it is good
  sides       text not null,       -- of the limits that were crossed, with spaces between
  event_id    text not null,       -- of climate.excursion.started; "" if only suspected
  n_good      integer not null,
  good_us     integer not null,
  min_centi_c integer not null,
  max_centi_c integer not null,
  told_us     integer not null,
  primary key (zone, device)
) strict, without rowid;

create table cold_zone(
  zone     text primary key,
  until_us integer not null        -- up to when exposure is counted
) strict, without rowid;

create table exposed_lot(
  item     text not null,
  lot      text not null,
  above_us integer not null,
  below_us integer not null,
  heat     integer not null,       -- 1/100 degree C above the limit times microseconds
  verdict  text not null,          -- "", hold or waste: the gravest so far
  primary key (item, lot)
) strict, without rowid;
