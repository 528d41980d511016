"""What a solver decides about one product, in the numbering of its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Route:
    """One trip: supplying central warehouse, cycle in days, warehouses in driving order."""

    central: int
    cycle_days: int
    stops: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Decisions:
    """All that is decided; quantities and costs follow (``evaluation.price``)."""

    routes: tuple[Route, ...]
    procurement_days: Mapping[int, int]
    """Procurement cycle of every central warehouse in use."""

    def canonical(self) -> Decisions:
        """The same decisions in a fixed order, so that equal plans read equal."""
        routes = sorted(self.routes, key=lambda r: (r.central, r.stops))
        return Decisions(tuple(routes), dict(sorted(self.procurement_days.items())))
