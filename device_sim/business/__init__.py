"""Weeks of a warehouse network in virtual time: replenishment policies against each other.

What is played, counted and compared: docs/business-simulation.md.
"""
