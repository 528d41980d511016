"""Arithmetic that runs in a process of its own, for the cloud and for the edge."""
