-- Orders of customers, as they were placed; what became of them is in `status` (docs/orders.md).
-- version is there to be locked. tried_at_us: when goods were last looked for.
create table orders(
  order_id text not null,
  platform text not null,
  market text not null,
  status text not null,
  ordered_at_us integer not null,
  ship_by_us integer not null,
  is_missing integer not null,
  is_cancelled integer not null,
  tried_at_us integer not null,
  n_parcels integer not null,
  version integer not null,
  content text not null,
  primary key (order_id)
) strict, without rowid;
create index orders_due on orders(ship_by_us, order_id)
  where status not in ('delivered', 'cancelled');
create index orders_missing on orders(tried_at_us, order_id) where is_missing = 1;

-- What one warehouse is to send for an order.
create table parcels(
  warehouse text not null,
  parcel text not null,
  order_id text not null,
  number integer not null,
  status text not null check (status in ('open', 'done', 'moved', 'cancelled')),
  distance_m integer not null,
  primary key (warehouse, parcel)
) strict, without rowid;
create unique index parcels_named on parcels(parcel);
create index parcels_of_order on parcels(order_id, number);
create index parcels_open on parcels(warehouse, order_id) where status = 'open';

-- Goods promised and still on the shelves: quantity - consumed of each active row. The rows of
-- one reservation have its id; that of a parcel is the parcel's.
create table reservations(
  warehouse text not null,
  item text not null,
  unit text not null,
  reservation text not null,
  quantity integer not null check (quantity > 0),
  consumed integer not null check (consumed between 0 and quantity),
  state text not null
    check (state in ('held', 'confirmed', 'released', 'expired', 'consumed')),
  expires_at_us integer,
  order_id text,
  created_at_us integer not null,
  primary key (warehouse, item, unit, reservation)
) strict, without rowid;
create index reservations_active on reservations(warehouse, item, unit)
  where state in ('held', 'confirmed');
create index reservations_named on reservations(reservation);
create index reservations_of_order on reservations(order_id) where order_id is not null;
create index reservations_held on reservations(expires_at_us) where state = 'held';

-- One row per goods and warehouse that was ever promised, locked by whoever promises more of it.
create table shelves(
  warehouse text not null,
  item text not null,
  unit text not null,
  primary key (warehouse, item, unit)
) strict, without rowid;

create table promise_rules(
  id integer primary key check (id = 1),
  content text not null
) strict;
