-- When each receipt was written, so that receipts too can be forgotten one day. Those written
-- before this column existed count as written together with the last row.

alter table receipt add column recorded_at_us integer not null default 0;

update receipt set recorded_at_us = coalesce((select max(recorded_at_us) from journal), 0);
