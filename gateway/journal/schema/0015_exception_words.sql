-- What the exceptions queue needs besides its open evidence (docs/exceptions.md): traces of what
-- only two events show together, what ended or settled evidence, and the words of people.

create table exception_trace(
  family   text not null,
  key      text not null,        -- a JSON list of text
  at_us    integer not null,
  event_id text not null,
  says     text not null,        -- a JSON list of text
  primary key (family, key, at_us, event_id)
) strict, without rowid;
create index exception_trace_at on exception_trace(at_us);

-- Evidence of the kind and key that is older than until_us is ended.
create table exception_end(
  kind     text not null,
  key      text not null,
  until_us integer not null,
  event_id text not null,
  primary key (kind, key)
) strict, without rowid;

-- Evidence that was settled, for as long as it might be found once more; kind and key are ''
-- where another event settled all that this one shows.
create table exception_settled(
  event_id text not null,
  kind     text not null,
  key      text not null,
  at_us    integer not null,
  primary key (event_id, kind, key)
) strict, without rowid;
create index exception_settled_at on exception_settled(at_us);

-- Every word that was said, here or in the cloud.
create table exception_word(
  word     text primary key,
  kind     text not null,
  key      text not null,
  evidence text not null,        -- a JSON list of text
  at_us    integer not null,
  action   text not null,
  reason   text not null,
  author   text not null
) strict, without rowid;
