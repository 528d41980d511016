-- A checksum over each table that is not chained (table_sums.py); the first opening makes the rows.

create table model_sum(
  name    text primary key,  -- of the table
  columns text not null,     -- which the sum covers
  sum     blob not null      -- of the hashes of all rows, modulo 2^128
) strict, without rowid;
