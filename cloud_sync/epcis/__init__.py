"""EPCIS 2.0 without input or output: what a document may say, our events in it, and queries."""
