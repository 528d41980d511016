-- Boxes that become gateways by a code, and the keys by which they stay it (contract/enrolment.py).

create table invitations(
  code_sha256 blob primary key,
  gateway text not null,
  warehouse text not null,
  created_at_us integer not null,
  expires_at_us integer not null,
  box_key blob                      -- of the box that used it, if one has
) strict;

-- The key of the box that a gateway is now, and the number of its last renewal.
create table box_keys(
  warehouse text not null,
  gateway text not null,
  box_key blob not null,
  number integer not null,
  created_at_us integer not null,
  primary key (warehouse, gateway)
) strict;
