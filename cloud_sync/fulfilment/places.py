"""How far a customer is from a warehouse, in metres along the sphere."""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from typing import Final

EARTH_RADIUS_M: Final = 6_371_008.8
"""The mean radius of the earth (IUGG)."""


@dataclass(frozen=True, slots=True)
class Coordinates:
    """A place on the earth, in degrees (WGS 84); north and east are positive."""

    latitude: float
    longitude: float


def distance_m(one: Coordinates, other: Coordinates) -> int:
    """The length of the great circle between two places (haversine), rounded to metres."""
    phi_1, phi_2 = radians(one.latitude), radians(other.latitude)
    d_lambda = radians(other.longitude - one.longitude)
    half = sin((phi_2 - phi_1) / 2) ** 2 + cos(phi_1) * cos(phi_2) * sin(d_lambda / 2) ** 2
    return round(2 * EARTH_RADIUS_M * asin(sqrt(min(1.0, half))))
