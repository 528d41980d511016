"""First expired, first out: which lots an order takes, split where one does not suffice.

`allocate` takes what expires first, whatever the way; among equals what comes first on the way.
`in_walking_order` then sorts the stops for the picker. `consume` says what is still to be
picked after something was, which need not be what was asked for.

Invariants: no candidate gives more than it has; what is allocated and what is missing add up to
what is wanted; no unit that expires later is taken while one that expires earlier is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from gateway.core.flows.goods import Candidate, Goods, Stop

_NEVER = "9999-99-99"


def allocate(wanted: int, candidates: Iterable[Candidate]) -> tuple[list[Stop], int]:
    """The stops for `wanted` units of one item, first expired first, and how many are missing."""
    stops = []
    for candidate in sorted(candidates, key=_fefo):
        if wanted <= 0:
            break
        taken = min(wanted, candidate.quantity)
        if taken > 0:
            stops.append(Stop(candidate.location, candidate.goods, taken))
            wanted -= taken
    return stops, max(0, wanted)


def _fefo(candidate: Candidate) -> tuple[str, int, str, Goods]:
    return candidate.expiry or _NEVER, candidate.walk, candidate.location, candidate.goods


def in_walking_order(
    stops: Iterable[Stop], walk: Callable[[str], int], expiry: Callable[[Goods], str | None]
) -> list[Stop]:
    """The stops as a picker passes them; at one place what expires first comes first."""
    return sorted(
        stops,
        key=lambda stop: (
            walk(stop.location),
            stop.location,
            stop.goods.item,
            expiry(stop.goods) or _NEVER,
            stop.goods,
        ),
    )


def consume(stops: Sequence[Stop], location: str, goods: Goods, quantity: int) -> list[Stop]:
    """What is left to pick after `quantity` of some goods was taken at a place.

    The stop that was meant shrinks first, then one of the same lot elsewhere, then any of the
    item: who took another lot still took it for the order.
    """
    left = list(stops)
    if len(left) == 1 and (left[0].location, left[0].goods) == (location, goods):
        rest = left[0].quantity - quantity
        return [Stop(location, goods, rest)] if rest > 0 else []
    meant: Sequence[Callable[[Stop], bool]] = (
        lambda stop: stop.location == location and stop.goods == goods,
        lambda stop: stop.goods == goods,
        lambda stop: stop.location == location and _is_kin(stop, goods),
        lambda stop: _is_kin(stop, goods),
    )
    for is_meant in meant:
        for i, stop in enumerate(left):
            if quantity > 0 and is_meant(stop):
                taken = min(quantity, stop.quantity)
                left[i] = stop._replace(quantity=stop.quantity - taken)
                quantity -= taken
    return [stop for stop in left if stop.quantity > 0]


def put_back(stops: Sequence[Stop], location: str, goods: Goods, quantity: int) -> list[Stop]:
    """What is left to pick after a pick was taken back: it is to be done again, there."""
    left = list(stops)
    for i, stop in enumerate(left):
        if stop.location == location and stop.goods == goods:
            left[i] = stop._replace(quantity=stop.quantity + quantity)
            return left
    return [*left, Stop(location, goods, quantity)]


def drop(stops: Sequence[Stop], location: str, goods: Goods, quantity: int) -> list[Stop]:
    """The stops without `quantity` that is not there."""
    left = []
    for stop in stops:
        if stop.location == location and stop.goods == goods:
            gone = min(quantity, stop.quantity)
            quantity -= gone
            left.append(stop._replace(quantity=stop.quantity - gone))
        else:
            left.append(stop)
    return [stop for stop in left if stop.quantity > 0]


def still_wanted(
    lines: Mapping[tuple[str, str], int], picked: Mapping[Goods, int]
) -> dict[tuple[str, str], int]:
    """Units still to be picked by (item, unit); an over-pick of one item helps no other."""
    done: dict[tuple[str, str], int] = {}
    for goods, n in picked.items():
        key = goods.item, goods.unit
        done[key] = done.get(key, 0) + n
    left = {key: n - done.get(key, 0) for key, n in lines.items()}
    return {key: n for key, n in left.items() if n > 0}


def _is_kin(stop: Stop, goods: Goods) -> bool:
    return (stop.goods.item, stop.goods.unit) == (goods.item, goods.unit)
