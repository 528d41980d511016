"""Pins the trip pool: what it puts together, from which candidates, under which centre."""

import itertools

import numpy as np
import pytest

from optimizer import parse_case
from optimizer.decisions import Decisions, Route
from optimizer.evaluation import objective_of
from optimizer.exact import solve_exactly
from optimizer.network import Network, make_network
from optimizer.subset_tours import HeldKarp
from optimizer.subsets import share_out
from optimizer.tables import ProductTables, make_tables
from optimizer.trip_pool import MAX_WAREHOUSES, Cover, TripPool, make_trip_pool
from tests.optimizer.oracle.flows import Json
from tests.optimizer.oracle.several_centres import case_of_kind
from tests.optimizer.oracle.tiny import flat_case, random_case


def tables_of(case: Json) -> ProductTables:
    problem = parse_case(case)
    return make_tables(problem, problem.products[0])


def cost_of(net: Network, cover: Cover) -> float:
    """What the cover costs when every trip runs in its best cycle."""
    days = {k: d for k, d in enumerate(cover.setting) if d}
    choices = [
        [Route(k, t, stops) for t in range(1, net.tables.n_cycles + 1) if days[k] % t == 0]
        for k, stops in cover.trips
    ]
    fits = [
        [r for r in rs if all(net.tables.allowed[j, r.cycle_days - 1] for j in r.stops)]
        for rs in choices
    ]
    capacity = net.tables.product.vehicle.capacity_kg
    carried = [
        [
            r
            for r in rs
            if sum(net.tables.quantity_kg[j, r.cycle_days - 1] for j in r.stops) <= capacity
        ]
        for rs in fits
    ]
    return min(
        objective_of(net.tables, Decisions(tuple(routes), days))
        for routes in itertools.product(*carried)
    )


def every_day(tables: ProductTables) -> np.ndarray:
    return np.arange(1, tables.n_procurement_cycles + 1)


@pytest.mark.parametrize("centrals", [1, 2, 3])
@pytest.mark.parametrize("kind", ["near", "apart", "pooled"])
def test_trips_of_the_optimum_are_put_together_whoever_ran_them(kind: str, centrals: int) -> None:
    """Seen from the wrong central warehouse and in the wrong company, but seen."""
    tables = tables_of(case_of_kind(kind, 3, warehouses=6, centrals=centrals))
    net, best = make_network(tables), solve_exactly(tables)
    pool = TripPool(net)
    pool.see((0, 0, route.stops[::-1]) for route in best.routes)
    cover = pool.best_cover([], every_day(tables))
    assert cover is not None
    assert cost_of(net, cover) == pytest.approx(objective_of(tables, best), rel=1e-9)


def test_nothing_is_asked_twice() -> None:
    tables = tables_of(random_case(4, warehouses=5, centrals=2))
    pool = TripPool(make_network(tables))
    assert pool.best_cover([], every_day(tables)) is not None
    assert pool.best_cover([], every_day(tables)) is None
    pool.see([(0, 0, [1, 3, 2])])
    assert pool.best_cover([], every_day(tables)) is not None


def test_a_warehouse_more_or_less_than_a_good_trip_is_tried() -> None:
    """One trip for both is best in the flat case; it is kin of a trip to A alone."""
    tables = tables_of(flat_case(vehicle={"capacity_kg": 10_000}))
    for best, trips in ([], 2), ([(0, 0, [0])], 1):
        cover = TripPool(make_network(tables)).best_cover(best, np.array([4]))
        assert cover is not None
        assert len(cover.trips) == trips


def test_sets_that_fill_the_vehicle_are_tried_unseen() -> None:
    """Both warehouses in two days are 60.0 of 61 kg: full enough to be looked at."""
    tables = tables_of(flat_case(vehicle={"capacity_kg": 61}))
    cover = TripPool(make_network(tables)).best_cover([], np.array([2]))
    assert cover is not None
    assert sorted(cover.trips[0][1]) == [0, 1]


def test_no_cover_where_no_procurement_cycle_fits_everyone() -> None:
    """A wants three days at least, and nothing is procured for three."""
    tables = tables_of(flat_case(minimum_order_kg=30))
    assert TripPool(make_network(tables)).best_cover([], np.array([1, 2])) is None


@pytest.mark.parametrize("warehouses", [1, MAX_WAREHOUSES])
def test_pool_is_made_where_sets_are_few(warehouses: int) -> None:
    net = make_network(tables_of(random_case(1, warehouses=warehouses, centrals=1)))
    assert make_trip_pool(net) is not None


def test_no_pool_beyond_its_reach() -> None:
    case = random_case(1, warehouses=MAX_WAREHOUSES + 1, centrals=1)
    assert make_trip_pool(make_network(tables_of(case))) is None


def test_shortest_tours_agree_with_every_order() -> None:
    net = make_network(tables_of(random_case(8, warehouses=6, centrals=2)))
    tours, d = HeldKarp(net, 1), net.distance_km

    def length(stops: tuple[int, ...]) -> float:
        path = [1, *(2 + j for j in stops), 1]
        return sum(float(d[a, b]) for a, b in itertools.pairwise(path))

    for mask in range(1, 64):
        members = [j for j in range(6) if mask >> j & 1]
        least = min(length(order) for order in itertools.permutations(members))
        assert tours.length_km[mask] == pytest.approx(least, rel=1e-12)
        assert length(tours.order(mask)) == pytest.approx(least, rel=1e-12)


@pytest.mark.parametrize("centrals", [1, 2, 3, 4])
def test_shares_are_the_cheapest_of_all(centrals: int) -> None:
    """Nine warehouses: a set may have more parts than a byte counts."""
    rng, n = np.random.default_rng(centrals), 9
    cost = [rng.random(1 << n) * np.bitwise_count(np.arange(1 << n)) for _ in range(centrals)]
    shares = share_out(cost)
    assert shares is not None
    assert sum(shares) == (1 << n) - 1
    assert sum(mask.bit_count() for mask in shares) == n
    least = cost[0].copy()
    for mine in cost[1:]:
        least = np.array([_cheapest_share(least, mine, mask) for mask in range(1 << n)])
    found = sum(c[mask] for c, mask in zip(cost, shares, strict=True))
    assert found == pytest.approx(least[-1], rel=1e-12)


def _cheapest_share(before: np.ndarray, mine: np.ndarray, mask: int) -> float:
    part, least = mask, float(before[0] + mine[mask])
    while part:
        part = (part - 1) & mask
        least = min(least, float(before[mask ^ part] + mine[part]))
    return least


def test_no_shares_where_a_warehouse_has_no_supplier() -> None:
    cost = np.array([0.0, 1.0, np.inf, np.inf])
    assert share_out([cost]) is None
    assert share_out([cost, cost]) is None
    assert share_out([cost, np.array([0.0, np.inf, 1.0, np.inf])]) == [1, 2]
