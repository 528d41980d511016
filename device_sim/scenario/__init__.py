"""Scenarios: a day in the simulated warehouse, with faults by schedule and a proof at the end."""
