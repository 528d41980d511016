-- Events of some warehouses in the order of a time; and how far older events have the keys that
-- follow from others (store/epcis_keys.py).
create index epcis_events_of_time on epcis_events(warehouse, event_time_us, position);
create index epcis_events_of_record on epcis_events(warehouse, record_time_us, position);

alter table epcis_feed add column keyed integer not null default 0;
alter table epcis_feed add column to_key integer not null default 0;
update epcis_feed set to_key = last;
