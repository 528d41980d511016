"""The box's own pages: how the gateway is, and the page that makes a phone a PDA.

They run in a process of their own (decision 21): a page that hangs, leaks or is flooded takes
nothing from the intake, and tells that the gateway is down when it is.
"""
