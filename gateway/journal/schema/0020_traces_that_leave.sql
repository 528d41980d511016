-- Each round of the projector asks which traces leave. Those of lots and mistakes stand for ever, so
-- an index with them in it would be walked in full: months of rows for nothing.

drop index exception_trace_at;
create index exception_trace_leaves on exception_trace(at_us) where family in ('tag', 'stock');
