"""When a vehicle leaves: as soon as another day would lose more sales than it saves driving.

A vehicle costs the same however much rides in it, so what it carries shares the cost of the trip,
K for a capacity of C. Waiting for a day lets the load Q grow by the day's demand r, as far as
there is room, and saves that much of a later trip; meanwhile L is lost of sales that the load
would have served. The vehicle leaves when

    L ≥ K · min(r, C - Q) / C

A full one gains nothing by waiting and leaves at once; an emptier one leaves the sooner the more
is at stake (joint replenishment with a can-order level in place of a fixed cycle: Silver, Pyke
& Thomas, Inventory and Production Management in Supply Chains, on coordinated items).
"""

from __future__ import annotations


def leaves(
    *,
    load_kg: float,
    capacity_kg: float,
    growth_kg_per_day: float,
    loss_per_day: float,
    trip_cost: float,
) -> bool:
    """Whether a vehicle with this load leaves now. loss_per_day: of one more day's waiting."""
    if load_kg <= 0.0:
        return False
    room_kg = max(0.0, capacity_kg - load_kg)
    saved = trip_cost * min(growth_kg_per_day, room_kg) / capacity_kg
    return loss_per_day >= saved
