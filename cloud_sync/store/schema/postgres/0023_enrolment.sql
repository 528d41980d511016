-- Boxes that become gateways by a code, and the keys by which they stay it (contract/enrolment.py).

create table invitations(
  code_sha256 bytea primary key,
  gateway text not null,
  warehouse text not null,
  created_at_us bigint not null,
  expires_at_us bigint not null,
  box_key bytea                      -- of the box that used it, if one has
);

-- The key of the box that a gateway is now, and the number of its last renewal.
create table box_keys(
  warehouse text not null,
  gateway text not null,
  box_key bytea not null,
  number bigint not null,
  created_at_us bigint not null,
  primary key (warehouse, gateway)
);
