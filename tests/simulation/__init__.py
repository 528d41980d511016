"""A whole warehouse in one thread under virtual time: one seed is one history, faults and all.

What runs is the gateway's own wiring (gateway.assembly) and the cloud's own inbox; simulated are
the clock, the disk, the broker, the network, the devices and the arithmetic of the solver.
"""
