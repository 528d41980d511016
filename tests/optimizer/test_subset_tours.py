"""Pins the best order of every set where the load matters on the way: against every order."""

import itertools

import numpy as np
import pytest

from optimizer import parse_case, solve
from optimizer.appraisal import trip_figures
from optimizer.exact import TooLarge
from optimizer.network import BLOCKED, make_network
from optimizer.subset_tours import ordered_tours
from optimizer.tables import make_tables
from tests.optimizer.oracle.drawn import drawn_case
from tests.optimizer.oracle.tiny import random_case, with_every_option

N = 6


@pytest.mark.parametrize("centrals", [1, 2])
@pytest.mark.parametrize("seed", range(6))
def test_no_order_of_any_set_is_cheaper_in_any_cycle(seed: int, centrals: int) -> None:
    case = with_every_option(random_case(seed, warehouses=N, centrals=centrals), seed)
    case["products"][0] |= {"transit_spoilage_per_hour": 0.05, "shelf_life_days": 9}
    case["products"][0]["vehicle"] |= {"cost_per_kg_km": 0.01, "capacity_kg": 2500}
    problem = parse_case(case)
    net, k = make_network(make_tables(problem, problem.products[0])), centrals - 1
    tours = ordered_tours(net, k)
    assert tours is not None
    for mask in range(1, 1 << N):
        members = [j for j in range(N) if mask >> j & 1]
        trips = [(0, k, order) for order in itertools.permutations(members)]
        cost, _ = trip_figures(net, trips)
        least = cost.min(axis=1)
        assert np.minimum(tours.cost[mask], BLOCKED) == pytest.approx(least, rel=1e-12)
        for cycle in np.flatnonzero(least < BLOCKED).tolist():
            order = tours.order(mask, cycle)
            assert cost[cycle, trips.index((0, k, order))] == pytest.approx(least[cycle])


def test_orders_beyond_counting_are_given_up() -> None:
    """Twelve warehouses on large vehicles, where what is carried costs money by the kilometre."""
    problem = parse_case(drawn_case(38))
    net = make_network(make_tables(problem, problem.products[0]))
    assert ordered_tours(net, 0) is None
    with pytest.raises(TooLarge, match="orders of stops"):
        solve(problem, solver="exact")
