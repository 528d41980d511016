-- The events of a warehouse in the order of their places, for readers who may see no others.
create index epcis_events_of on epcis_events(warehouse, position);
