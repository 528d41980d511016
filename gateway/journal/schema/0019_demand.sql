-- What was asked for in each hour of the warehouse's own days (docs/demand.md), kept by the
-- consumer `demand`. Sums, so a batch adds to them; day is YYYY-MM-DD, hour 0 to 23.

create table demand_hour(
  item        text not null,
  unit        text not null,     -- EA or g
  day         text not null,
  hour        integer not null,
  units       integer not null,
  short_units integer not null,  -- of these, what was not there
  n_sales     integer not null,
  squares     integer not null,  -- of the quantities of the sales
  primary key (item, unit, day, hour)
) strict, without rowid;

create table demand_outage(
  item text not null,
  day  text not null,
  hour integer not null,
  out_ms integer not null,       -- without anything usable on the shelves
  primary key (item, day, hour)
) strict, without rowid;

create table demand_item(
  item         text primary key,
  listed_us    integer not null, -- when there was some for the first time
  out_since_us integer           -- null while there is some
) strict, without rowid;

create table demand_order(
  order_id text not null,
  item     text not null,
  unit     text not null,
  asked    integer,              -- null if nobody said
  served   integer not null,
  shorts   text not null,        -- JSON: [[at_us, event id, units], …]
  last_us  integer not null,
  primary key (order_id, item, unit)
) strict, without rowid;
