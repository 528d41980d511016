"""Looks for plans whose products share vehicles, where it pays.

Products that may ride together are coupled by nothing but their fares. The search starts
from each product's own best plan and from plans that make friends agree (all on every car, or
where sets are few any company on any car), and then plans one product after the other anew
against the cars of the rest, until nobody gains. Every plan is priced like any other; the
cheapest stays, the first one included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations

from optimizer.decisions import Decisions
from optimizer.joint_plan import (
    Friends,
    Group,
    IsOver,
    planned_anew,
    planned_jointly,
    planned_together,
)
from optimizer.riders import Rider
from optimizer.tables import ProductTables

MAX_WAREHOUSES = 12
MAX_JOINT_ITEMS = 12
"""Products times warehouses up to which any company on any car is tried."""
MAX_ROUNDS = 6
GAIN = 1e-9
"""Relative; a smaller one is another order of the same sums."""
Price = Callable[[Sequence[Decisions]], float]


def share_rides(
    tables: Sequence[ProductTables],
    decisions: Sequence[Decisions],
    price: Price,
    is_over: IsOver,
) -> tuple[Decisions, ...]:
    """The cheapest decisions found; price tells money per day, shared vehicles considered.

    Once is_over says so the best so far is given; it is asked many times a second.

    Friends must be carried by the same warehouses, at most MAX_WAREHOUSES of them, and by the
    same central ones; other products keep their plans.
    """
    friends = friendships(tables)
    best, best_cost = tuple(decisions), price(decisions)
    for members in _circles(friends):
        if is_over():
            return best
        search = _Circle([tables[p] for p in members], _renumbered(friends, members), is_over)
        for start in search.starts([best[p] for p in members]):
            if is_over():
                return best
            found, cost = search.improved(start, partial(_price_with, price, best, members))
            if cost < best_cost * (1 - GAIN):
                best, best_cost = _with(best, members, found), cost
    return best


def _with(
    decisions: tuple[Decisions, ...], members: Group, parts: Sequence[Decisions]
) -> tuple[Decisions, ...]:
    changed = dict(zip(members, parts, strict=True))
    return tuple(changed.get(p, d) for p, d in enumerate(decisions))


def _price_with(
    price: Price, rest: tuple[Decisions, ...], members: Group, parts: Sequence[Decisions]
) -> float:
    return price(_with(rest, members, parts))


def friendships(tables: Sequence[ProductTables]) -> Friends:
    """Products that name each other and are planned for the same warehouses."""
    found: dict[int, frozenset[int]] = {}
    for p, one in enumerate(tables):
        mates = {
            q
            for q, other in enumerate(tables)
            if q != p
            and other.product.id in one.product.vehicle.shared_with
            and one.product.id in other.product.vehicle.shared_with
            and one.warehouse_ids == other.warehouse_ids
            and one.central_ids == other.central_ids
        }
        found[p] = frozenset(mates if 0 < one.n_warehouses <= MAX_WAREHOUSES else ())
    return found


def _circles(friends: Friends) -> list[Group]:
    """Products connected by friendships, friends of friends included."""
    left, found = {p for p in friends if friends[p]}, []
    while left:
        circle, fresh = set(), {min(left)}
        while fresh:
            circle |= fresh
            fresh = {q for p in fresh for q in friends[p]} - circle
        found.append(tuple(sorted(circle)))
        left -= circle
    return found


def _renumbered(friends: Friends, members: Group) -> Friends:
    position = {p: n for n, p in enumerate(members)}
    return {position[p]: frozenset(position[q] for q in friends[p]) for p in members}


class _Circle:
    """One circle of friends, numbered within it."""

    def __init__(self, tables: Sequence[ProductTables], friends: Friends, is_over: IsOver) -> None:
        self._riders = [Rider(t) for t in tables]
        self._friends, self._is_over = friends, is_over

    def starts(self, own: Sequence[Decisions]) -> Iterator[list[Decisions]]:
        """Plans to improve: the products' own, and those that make friends agree."""
        yield list(own)
        used = [set(d.procurement_days.values()) for d in own]
        if self._riders[0].n * len(own) <= MAX_JOINT_ITEMS:
            groups = [(p,) for p in range(len(own))] + list(self._companies())
            if jointly := planned_jointly(self._riders, groups, used, self._is_over):
                yield jointly
        for group in self._companies():
            riders = [self._riders[p] for p in group]
            together = planned_together(riders, [used[p] for p in group], self._is_over)
            if together:
                yield list(_with(tuple(own), group, together))

    def improved(self, start: Sequence[Decisions], price: Price) -> tuple[list[Decisions], float]:
        """Each product planned anew in turn until nobody gains."""
        best, cost = list(start), price(start)
        for _ in range(MAX_ROUNDS):
            before = cost
            for p in range(len(best)):
                if self._is_over():
                    return best, cost
                anew = planned_anew(self._riders, p, best, self._friends, self._is_over)
                if anew is None:
                    continue
                changed = [*best[:p], anew, *best[p + 1 :]]
                if (now := price(changed)) < cost * (1 - GAIN):
                    best, cost = changed, now
            if cost == before:
                break
        return best, cost

    def _companies(self) -> Iterator[Group]:
        """Products that are all friends of each other, two and more."""
        for size in range(2, len(self._riders) + 1):
            for group in combinations(range(len(self._riders)), size):
                if all(b in self._friends[a] for a, b in combinations(group, 2)):
                    yield group
