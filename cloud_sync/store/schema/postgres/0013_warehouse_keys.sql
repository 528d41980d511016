-- The warehouse is in every key of what a warehouse has, so that the tables can be distributed by
-- it (docs/decisions/0015-warehouse-in-every-key.md, which also names those that stay whole).
alter table received drop constraint received_pkey;
alter table received drop constraint received_gateway_epoch_seq_key;
alter table received add primary key (warehouse, gateway, epoch, seq);
create index received_position on received(position);
drop index received_event;
create unique index received_event on received(warehouse, event_id) where status = 'accepted';

alter table gateways drop constraint gateways_pkey;
alter table gateways add primary key (warehouse, gateway);

alter table epochs add column warehouse text;
update epochs set warehouse = gateways.warehouse from gateways
where gateways.gateway = epochs.gateway;
alter table epochs alter column warehouse set not null;
alter table epochs drop constraint epochs_pkey;
alter table epochs add primary key (warehouse, gateway, epoch);

alter table gateway_exceptions add column warehouse text;
update gateway_exceptions set warehouse = gateways.warehouse from gateways
where gateways.gateway = gateway_exceptions.gateway;
alter table gateway_exceptions alter column warehouse set not null;
alter table gateway_exceptions drop constraint gateway_exceptions_pkey;
alter table gateway_exceptions add primary key (warehouse, gateway, epoch, kind);

alter table epcis_cursors add column warehouse text;
update epcis_cursors set warehouse = gateways.warehouse from gateways
where gateways.gateway = epcis_cursors.gateway;
alter table epcis_cursors alter column warehouse set not null;
alter table epcis_cursors drop constraint epcis_cursors_pkey;
alter table epcis_cursors add primary key (warehouse, gateway, epoch);

alter table plans drop constraint plans_pkey;
alter table plans add primary key (plan_id, warehouse);

-- One number is given once: who writes documents holds the feed's row.
alter table documents drop constraint documents_changed_at_key1;
create index documents_changed on documents(changed_at);
drop index documents_feed;
create unique index documents_feed on documents(warehouse, changed_at);

drop index parcels_named;
create index parcels_named on parcels(parcel);

-- An eventID is told once in all warehouses: who adds events holds the row of epcis_feed.
alter table epcis_events drop constraint epcis_events_pkey;
alter table epcis_events add primary key (position, warehouse);
alter table epcis_events drop constraint epcis_events_event_id_declared_at_us_key;
create unique index epcis_events_named on epcis_events(event_id, declared_at_us, warehouse);
alter table epcis_keys drop constraint epcis_keys_pkey;
alter table epcis_keys add primary key (name, value, position, warehouse);
