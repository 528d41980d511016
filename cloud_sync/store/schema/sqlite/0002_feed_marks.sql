-- What tells a place in this feed from the same place in a feed that was lost (store/feed.py).
create table feed_marks(
  last integer primary key,
  mark text not null
) strict;
