-- What gateways said of lots last (store/lot_states.py). Places are text that sorts.
create table lot_states(
  warehouse text not null,
  item text not null,
  lot text not null,
  is_held bigint not null,
  held_at text not null,
  is_recalled bigint not null,
  recalled_at text not null,
  primary key (warehouse, item, lot)
);
create index lot_states_item on lot_states(item) where is_held = 1 or is_recalled = 1;
