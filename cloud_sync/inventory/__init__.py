"""Stock as a pure function of the set of events, written once for edge and cloud."""
