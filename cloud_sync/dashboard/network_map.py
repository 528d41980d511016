"""The warehouses of a network and the trips between them, drawn without anybody's tiles.

Where all places have coordinates on the globe the projection is equirectangular about their
middle: a degree of longitude is as long as it is at the middle's latitude, which over a country
is true to some per cent. Else the plane of the network document (`xy_km`) is drawn as it is.
North is up in both; a bar says how long a kilometre is.

A trip goes from its central warehouse along its stops and back. Legs are bows to the side, each
zone's a little further out, so that trips of several zones between two places stay apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from markupsafe import Markup

from cloud_sync.dashboard.scale import round_step

EARTH_KM: Final = 6371.0
WIDTH: Final = 720
HEIGHT: Final = 460
_MARGIN: Final = 64
_BOWS: Final = (0.10, 0.18, 0.26, -0.10, -0.18)
_THIN: Final = 1.5
_THICK: Final = 6.0
_LABEL_HEIGHT: Final = 16

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Spot:
    """A warehouse as it is known. xy_km: in the network document; degrees: latitude, longitude."""

    id: str
    name: str
    is_central: bool
    xy_km: Point | None = None
    degrees: Point | None = None


@dataclass(frozen=True, slots=True)
class Tour:
    """A trip of one zone. words: what is said of it; label: beside its first leg, if anything."""

    zone: str
    central: str
    stops: tuple[str, ...]
    load_kg: float
    words: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """What the map says of itself. name: unique on its page."""

    name: str
    title: str
    description: str


def places_km(spots: Sequence[Spot]) -> dict[str, Point]:
    """Where the warehouses are, in km east and north of their middle; those unknown are left out.

    Degrees count where every warehouse has them, so that two kinds of places are never mixed.
    """
    degrees = [it.degrees for it in spots if it.degrees is not None]
    if spots and len(degrees) == len(spots):
        return _projected({it.id: it.degrees for it in spots if it.degrees is not None})
    return {it.id: it.xy_km for it in spots if it.xy_km is not None}


def _projected(degrees: Mapping[str, Point]) -> dict[str, Point]:
    middle_latitude = math.fsum(it[0] for it in degrees.values()) / len(degrees)
    # A mean of directions, so that a network across the date line stays together.
    east = math.fsum(math.cos(math.radians(it[1])) for it in degrees.values())
    north = math.fsum(math.sin(math.radians(it[1])) for it in degrees.values())
    middle_longitude = math.degrees(math.atan2(north, east))
    shrink = math.cos(math.radians(middle_latitude))
    return {
        name: (
            EARTH_KM * shrink * math.radians((longitude - middle_longitude + 180) % 360 - 180),
            EARTH_KM * math.radians(latitude - middle_latitude),
        )
        for name, (latitude, longitude) in degrees.items()
    }


def draw(
    spots: Sequence[Spot], tours: Sequence[Tour], words: Words, *, zones: Sequence[str]
) -> Markup:
    """The map; without any known place, nothing. zones: in the order of their colours."""
    known = places_km(spots)
    if not known:
        return Markup()
    per_km, at = _fitted(known)
    heaviest = max((tour.load_kg for tour in tours), default=0.0)
    drawn = [_tour(tour, at, zones, heaviest) for tour in tours]
    names = _names([it for it in spots if it.id in at], at)
    return Markup(
        '<svg class="map" viewBox="0 0 {} {}" role="img" aria-labelledby="{n}-t {n}-d">'
        '<title id="{n}-t">{}</title><desc id="{n}-d">{}</desc>{}{}{}{}</svg>'
    ).format(
        WIDTH, HEIGHT, words.title, words.description, Markup().join(drawn),
        Markup().join(_spot(it, at[it.id]) for it in spots if it.id in at), names,
        _bar_of_km(per_km), n=words.name,
    )  # fmt: skip


def _fitted(known: Mapping[str, Point]) -> tuple[float, dict[str, Point]]:
    """Units of the drawing for a km, and where the places come to stand in it."""
    xs, ys = [x for x, _ in known.values()], [y for _, y in known.values()]
    wide, high = max(xs) - min(xs), max(ys) - min(ys)
    room = ((WIDTH - 2 * _MARGIN) / wide if wide else math.inf,
            (HEIGHT - 2 * _MARGIN) / high if high else math.inf)  # fmt: skip
    per_km = min(room)
    per_km = 1.0 if math.isinf(per_km) else per_km
    left = (WIDTH - wide * per_km) / 2 - min(xs) * per_km
    top = (HEIGHT - high * per_km) / 2 + max(ys) * per_km
    return per_km, {
        name: (round(left + x * per_km, 1), round(top - y * per_km, 1))
        for name, (x, y) in known.items()
    }


def _tour(tour: Tour, at: Mapping[str, Point], zones: Sequence[str], heaviest: float) -> Markup:
    colour = zones.index(tour.zone)
    bow = _BOWS[colour % len(_BOWS)]
    way = [it for it in (tour.central, *tour.stops, tour.central) if it in at]
    wide = _THIN + (_THICK - _THIN) * (tour.load_kg / heaviest if heaviest else 0.0)
    legs = list(pairwise(way))
    # What goes out in a straight line comes back in the same one: bows keep the two apart.
    out = [_leg(at[a], at[b], bow) for a, b in legs if a != b]
    if not out:
        return Markup()
    path = " ".join(it.path for it in out[:-1]) if len(out) > 1 else out[0].path
    back = (
        Markup('<path class="back l{}" d="{}"/>').format(colour, out[-1].path)
        if len(out) > 1
        else Markup()
    )
    label = Markup()
    if tour.label:
        x, y = out[0].middle
        label = Markup('<text class="load" x="{}" y="{}">{}</text>').format(x, y, tour.label)
    return Markup(
        '<g class="trip"><title>{}</title>{}'
        '<path class="leg l{}" stroke-width="{:.1f}" d="{}"/>{}</g>'
    ).format(tour.words, back, colour, wide, path, label)


@dataclass(frozen=True, slots=True)
class _Leg:
    path: str
    middle: Point


def _leg(start: Point, end: Point, bow: float) -> _Leg:
    """A bow from place to place, to the left of the way."""
    (x1, y1), (x2, y2) = start, end
    bend_x = (x1 + x2) / 2 + (y2 - y1) * bow
    bend_y = (y1 + y2) / 2 - (x2 - x1) * bow
    middle = ((x1 + 2 * bend_x + x2) / 4, (y1 + 2 * bend_y + y2) / 4)
    return _Leg(
        f"M{x1:g} {y1:g}Q{bend_x:.1f} {bend_y:.1f} {x2:g} {y2:g}",
        (round(middle[0], 1), round(middle[1], 1)),
    )


def _spot(spot: Spot, place: Point) -> Markup:
    """A square for a central warehouse, a dot for a pre-positioned one: told apart by shape."""
    x, y = place
    shape = (
        Markup('<rect class="central" x="{}" y="{}" width="16" height="16"/>').format(x - 8, y - 8)
        if spot.is_central
        else Markup('<circle class="place" cx="{}" cy="{}" r="6"/>').format(x, y)
    )
    return Markup("<g><title>{}</title>{}</g>").format(spot.name, shape)


def _names(spots: Sequence[Spot], at: Mapping[str, Point]) -> Markup:
    """Names beside their places, where the least is covered."""
    taken = [(x - 9, y - 9, x + 9, y + 9) for x, y in at.values()]
    parts = []
    for spot in spots:
        name = spot.name if len(spot.name) <= 18 else spot.name[:17] + "…"
        x, y = at[spot.id]
        half = sum(6.8 * (1.8 if ord(it) > 0x2E7F else 1.0) for it in name) / 2
        middles = [(x + 13 + half, y), (x - 13 - half, y), (x, y - 18), (x, y + 18)]
        boxes = [
            (a - half, b - _LABEL_HEIGHT / 2, a + half, b + _LABEL_HEIGHT / 2) for a, b in middles
        ]
        inside = [it for it in boxes if it[0] >= 0 and it[2] <= WIDTH] or boxes
        best = min(inside, key=lambda box: _covered(box, taken))
        taken.append(best)
        parts.append(
            Markup('<text class="name" x="{:.1f}" y="{:.1f}">{}</text>').format(
                (best[0] + best[2]) / 2, best[3] - 4, name
            )
        )
    return Markup().join(parts)


Box = tuple[float, float, float, float]


def _covered(box: Box, taken: Iterable[Box]) -> float:
    return sum(
        max(0.0, min(box[2], it[2]) - max(box[0], it[0]))
        * max(0.0, min(box[3], it[3]) - max(box[1], it[1]))
        for it in taken
    )


def _bar_of_km(per_km: float) -> Markup:
    """A round number of km, some sixth of the drawing long."""
    km = round_step(WIDTH / 6 / per_km)
    while km * per_km > WIDTH / 2.5:
        km /= 2
    return Markup(
        '<g class="scale"><path d="M16 {y}v6h{long:.1f}v-6"/>'
        '<text x="20" y="{text}">{km:g} km</text></g>'
    ).format(y=HEIGHT - 22, text=HEIGHT - 24, long=km * per_km, km=km)
