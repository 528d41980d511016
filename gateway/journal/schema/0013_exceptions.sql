-- Evidence of exceptions that nobody has settled, kept by the projector (docs/exceptions.md).
-- What is settled leaves; who settled it is in the journal.

create table exception_evidence(
  kind     text not null,
  key      text not null,        -- a JSON list of text
  event_id text not null,
  at_us    integer not null,
  detail   text not null,
  primary key (kind, key, event_id)
) strict, without rowid;
create index exception_evidence_event on exception_evidence(event_id);
