-- Attributes of the elements of captured master data, which are kept in their common spelling.
create table epcis_attributes(
  name text not null,
  value text not null,
  element text not null,
  primary key (name, value, element)
) strict, without rowid;
create index epcis_attributes_element on epcis_attributes(element);

-- Page tokens that somebody gave back, until they would have ended by themselves.
create table epcis_ended_tokens(
  token text primary key,
  expires_at_us integer not null
) strict, without rowid;
create index epcis_ended_tokens_expiry on epcis_ended_tokens(expires_at_us);

-- How a subscriber wants identifiers written; see service/epcis_http.py.
alter table epcis_subscriptions add column epc_format text not null default 'Never_Translates';
