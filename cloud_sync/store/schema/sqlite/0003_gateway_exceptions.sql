-- What a person must look into about a gateway (store/exceptions.py).
create table gateway_exceptions(
  gateway text not null,
  epoch text not null,
  kind text not null,
  message text not null,
  n integer not null,
  first_at_us integer not null,
  last_at_us integer not null,
  primary key (gateway, epoch, kind)
) strict;
