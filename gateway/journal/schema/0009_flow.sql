-- How far each worker's task is: folded from the journal by the projector, a record a row.
-- What the bodies hold: gateway/core/flows/kept.py.

create table flow(
  kind text not null,
  key  text not null,
  body text not null,        -- JSON
  primary key (kind, key)
) strict, without rowid;
