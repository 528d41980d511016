-- What sensors of a warehouse measured, in the order of its time, for the pages' charts
-- (store/glances.py). Other rows are not in it.
create index received_climate on received(warehouse, occurred_at_us)
  where type = 'climate.sampled' and status = 'accepted';
