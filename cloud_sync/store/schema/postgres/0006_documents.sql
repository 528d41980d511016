-- The warehouse comes first in the key of a document: rows of one warehouse can live together, and
-- what is called the same in two of them stays apart. Who loses sight of a document keeps a
-- tombstone of it.
alter table documents rename to former_documents;
create table documents(
  warehouse text not null,
  kind text not null,
  key text not null,
  version bigint not null,
  changed_at bigint not null unique,
  is_deleted bigint not null,
  content text,
  primary key (warehouse, kind, key)
);
create index documents_key on documents(kind, key);
create index documents_feed on documents(warehouse, changed_at);
insert into documents(warehouse, kind, key, version, changed_at, is_deleted, content)
select warehouse, kind, key, version, changed_at, is_deleted, content from former_documents;
drop table former_documents;
