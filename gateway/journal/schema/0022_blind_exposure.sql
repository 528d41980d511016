-- When deliveries left their senders, and when goods came of which nobody said with what. Blind
-- receipts are rows too, under names that no delivery has (core/carried.py).

alter table exposure_in add column moved_us integer not null default 0;
