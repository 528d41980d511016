"""Pins the hybrid's parts: split decoding, incremental prices, moves, recombination."""

import math
from itertools import combinations, pairwise

import numpy as np
import pytest

from optimizer import parse_case
from optimizer.appraisal import appraise, decode
from optimizer.decisions import Decisions, Route
from optimizer.encoding import split
from optimizer.evaluation import objective_of, violations
from optimizer.local_search import improve
from optimizer.moves import N_PAIR_MOVES, _exchange
from optimizer.network import BLOCKED, Network, make_network
from optimizer.operators import order_crossover, partition_crossover, ruin
from optimizer.segments import Segments, StopsOf
from optimizer.tables import make_tables
from tests.optimizer.oracle.tiny import random_case, with_every_option


def network(seed: int, *, options: bool, warehouses: int = 6, centrals: int = 1) -> Network:
    case = random_case(seed, warehouses=warehouses, centrals=centrals)
    if options:
        case = with_every_option(case, seed)
    problem = parse_case(case)
    return make_network(make_tables(problem, problem.products[0]))


def singles(net: Network, n_individuals: int) -> list[StopsOf]:
    return [(b, 0, [j]) for b in range(n_individuals) for j in range(net.n)]


def segments(net: Network, trips: list[StopsOf], days: int = 4) -> Segments:
    n = 1 + max(trip[0] for trip in trips)
    settings = np.full((n, net.n_centrals), days)
    return Segments(net, settings, np.full(settings.shape, net.total_variance), trips)


def stage1_and_share(net: Network, trip: StopsOf, days: int) -> float:
    """A trip's cost per day from the plain evaluation: all plans' difference to no upstream."""
    tables, best = net.tables, math.inf
    for cycle in range(1, tables.n_cycles + 1):
        decisions = Decisions((Route(0, cycle, tuple(trip[2])),), {0: days})
        broken = [line for line in violations(tables, decisions) if "trips, not 1" not in line]
        if broken:
            continue
        rate = sum(float(tables.quantity_kg[j, cycle - 1]) / cycle for j in trip[2])
        fixed = float(tables.central.fixed[0, days - 1])
        deviation = math.sqrt(net.variance(np.array(trip[2])))
        safety = float(tables.central.safety_price[0, days - 1] * tables.safety_factor[0])
        best = min(best, objective_of(tables, decisions) - fixed - safety * deviation)
        assert rate >= 0
    return best


@pytest.mark.parametrize("options", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_trip_prices_stay_true_through_a_whole_search(seed: int, options: bool) -> None:
    net = network(seed, options=options)
    seg = segments(net, singles(net, 3))
    rng = np.random.default_rng(seed)
    improve(seg, np.flatnonzero(seg.length), rng, 0.5)
    improve(seg, ruin(seg, 1, rng), rng, 0.5)
    for row in np.flatnonzero(seg.length).tolist():
        trip = (0, 0, [x % net.n for x in seg.nodes_of(row)])
        true = stage1_and_share(net, trip, days=4)
        if math.isfinite(true):
            assert seg.cost[row] == pytest.approx(true, rel=1e-9)
        else:
            assert seg.cost[row] >= BLOCKED


@pytest.mark.parametrize("seed", range(4))
def test_search_never_makes_things_worse_and_loses_nobody(seed: int) -> None:
    net = network(seed, options=False, warehouses=9)
    seg = segments(net, singles(net, 2))
    before = seg.cost.sum()
    improve(seg, np.flatnonzero(seg.length))
    assert seg.cost[seg.length > 0].sum() <= before
    for b in range(2):
        served = sorted(j for trip in seg.trips() if trip[0] == b for j in trip[2])
        assert served == list(range(net.n))


@pytest.mark.parametrize("move", range(N_PAIR_MOVES))
def test_every_move_keeps_every_stop_once_and_joins_u_to_v(move: int) -> None:
    a, b, i, j = [1, 2, 3, 4], [5, 6, 7, 8], 1, 2
    made = _exchange(move, list(a), i, list(b), j)
    assert sorted([*made[0], *made[1]]) == sorted([*a, *b])
    legs = [{x, y} for trip in made for x, y in pairwise(trip)]
    assert {a[i], b[j]} in legs


@pytest.mark.parametrize("seed", range(5))
def test_split_finds_the_best_of_all_cuts(seed: int) -> None:
    net = network(seed, options=seed % 2 == 1, warehouses=5)
    settings = np.array([[4]])
    variances = np.full((1, 1), net.total_variance)
    tour = np.random.default_rng(seed).permutation(net.n)
    _, trips = split(net, settings, variances, tour[None], 1)
    found = float(segments(net, trips).cost.sum())
    best = math.inf
    for n_cuts in range(net.n):
        for cuts in combinations(range(1, net.n), n_cuts):
            ends = [0, *cuts, net.n]
            parts = [tour[x:y].tolist() for x, y in pairwise(ends)]
            best = min(best, float(segments(net, [(0, 0, part) for part in parts]).cost.sum()))
    assert [j for trip in reversed(trips) for j in trip[2]] == tour.tolist()
    if best < BLOCKED:
        assert found == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_order_crossover_gives_a_permutation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    child = order_crossover(rng.permutation(9), rng.permutation(9), rng)
    assert sorted(child.tolist()) == list(range(9))


def test_partition_crossover_takes_the_better_part_of_each_parent() -> None:
    mother: list[StopsOf] = [(0, 0, [0, 1]), (0, 0, [2]), (0, 0, [3, 4]), (0, 0, [5])]
    father: list[StopsOf] = [(0, 0, [0]), (0, 0, [1, 2]), (0, 0, [3]), (0, 0, [4, 5])]
    costs = np.array([10.0, 10.0, 1.0, 1.0]), np.array([5.0, 5.0, 9.0, 9.0])
    child = partition_crossover(6, (mother, costs[0]), (father, costs[1]))
    assert sorted(trip[2] for trip in child) == [[0], [1, 2], [3, 4], [5]]


@pytest.mark.parametrize("centrals", [1, 2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_appraisal_meets_the_plain_evaluation(seed: int, centrals: int) -> None:
    net = network(seed, options=True, warehouses=5, centrals=centrals)
    trips: list[StopsOf] = [(0, j % centrals, [j]) for j in range(net.n)]
    found = appraise(net, np.full((1, centrals), 4), trips)
    if math.isfinite(float(found.objective[0])):
        decisions = decode(net, found.settings[0], trips)
        assert found.objective[0] == pytest.approx(objective_of(net.tables, decisions), rel=1e-9)
        assert violations(net.tables, decisions) == []
