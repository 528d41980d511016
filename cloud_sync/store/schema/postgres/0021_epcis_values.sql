-- What events say, once per warehouse and spelling (store/epcis_values.py).
create table epcis_values(
  name text not null,
  given text collate "C" not null,
  warehouse text not null,
  value text not null,
  primary key (name, given, warehouse)
);
create index epcis_values_seen on epcis_values(name, warehouse, given);
create index epcis_values_meant on epcis_values(name, value, warehouse);

insert into epcis_values(name, given, warehouse, value)
select name, given, warehouse, min(value) from epcis_keys
where name in ('eventType', 'epc', 'parentID', 'inputEPC', 'outputEPC', 'bizStep', 'bizLocation',
  'readPoint', 'disposition')
group by name, given, warehouse;
