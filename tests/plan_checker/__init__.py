"""Checks plans against the journal they were made from; it knows JSON and SQL, not the product."""
