"""Demand as events tell it: what was asked for, when, and when there was nothing to sell.

Pure, and without numpy, so that a running gateway may hold it. What is made of it (forecasts,
safety stock, reorder points) is arithmetic on arrays: optimizer/demand, in a process of its own.
"""
