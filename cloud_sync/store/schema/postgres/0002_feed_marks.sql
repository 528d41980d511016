-- What tells a place in this feed from the same place in a feed that was lost (store/feed.py).
create table feed_marks(
  last bigint primary key,
  mark text not null
);
