# Pins the what-if: a change touches what it names and nothing else, two plans are compared term by
# term, the real solver answers the page, and what cannot be is said in words.

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from typing import cast

import pytest

from cloud_sync.dashboard import what_if_pages
from cloud_sync.dashboard.network_plan import NetworkPlan, read_plan
from cloud_sync.dashboard.what_if import (
    Change,
    WhatIfFailed,
    ask,
    changed_case,
    compare,
    solve_case,
)
from cloud_sync.store.documents import Draft, put_documents
from cloud_sync.store.ports import Database
from tests.rigs.planner_site import PlannerSite, network, network_plan
from tests.rigs.reader import Reader

Json = dict[str, object]


def part(case: Mapping[str, object], *path: str | int) -> object:
    found: object = case
    for each in path:
        found = cast(dict[str | int, object], found)[each]
    return found


def test_a_change_touches_what_it_names_and_nothing_else() -> None:
    case = network()
    before = copy.deepcopy(case)
    changed = changed_case(case, Change(warehouse="J1", demand_percent=50))
    assert case == before, "the case that is asked about stays"
    here = ("warehouses", 0, "products", "ambient")
    assert part(changed, *here, "demand_kg_per_day") == 150
    assert part(changed, *here, "demand_sd_kg") == 15
    assert part(changed, "warehouses", 1) == part(before, "warehouses", 1)
    assert part(changed, "products") == part(before, "products")
    other = changed_case(case, Change(zone="frozen", demand_percent=50, capacity_percent=10))
    assert other == before


def test_vehicles_and_preservation_are_of_a_zone() -> None:
    change = Change(
        zone="ambient", preservation_percent=100, capacity_percent=-50, trip_cost_percent=25,
        cost_per_km_percent=10,
    )  # fmt: skip
    changed = changed_case(network(), change)
    assert part(changed, "products", 0, "preservation_cost") == 0.6
    assert part(changed, "products", 0, "vehicle") == {
        "capacity_kg": 500, "trip_cost": 200, "cost_per_km": pytest.approx(2.2),
    }  # fmt: skip


def plan(cycle_days: int, transport: float) -> NetworkPlan:
    raw = network_plan(cycle_days)
    cast(list[Json], raw["products"])[0]["costs"] = {"transport": transport, "procurement": 70.0}
    found = read_plan(raw)
    assert found is not None
    return found


def test_two_plans_are_compared_term_by_term() -> None:
    found = compare(plan(2, 30.0), plan(4, 25.0))
    controllable, *terms = found.costs
    assert (controllable.before, controllable.after, controllable.side) == (30.0, 25.0, "better")
    assert {it.name: it.side for it in terms if it.side != "same"} == {"transport": "better"}
    assert {it.name: (it.before, it.after) for it in found.figures} == {
        "trips_per_day": (0.5, 0.25),
        "km_per_day": (15.7, 7.85),
    }
    assert [(it.warehouse, it.cycles, it.is_another) for it in found.cycles] == [
        ("J1", (2, 4), True),
        ("J2", (2, 4), True),
    ]


async def test_the_solver_is_asked_for_both_and_what_it_says_is_told() -> None:
    asked: list[Mapping[str, object]] = []

    async def solver(case: Mapping[str, object]) -> Mapping[str, object]:
        asked.append(case)
        return network_plan(len(asked))

    found = await ask(network(), Change(demand_percent=10), solver=solver)
    assert asked[0] == network()
    assert asked[1] == changed_case(network(), Change(demand_percent=10))
    assert (found.before.products[0].trips[0].cycle_days, found.cycles[0].cycles) == (1, (1, 2))

    async def nonsense(_: Mapping[str, object]) -> Mapping[str, object]:
        return {"products": 3}

    with pytest.raises(WhatIfFailed, match="no plan"):
        await ask(network(), Change(demand_percent=10), solver=nonsense)


async def test_what_cannot_be_driven_is_said_in_a_line() -> None:
    with pytest.raises(WhatIfFailed, match="capacity") as caught:
        await solve_case(changed_case(network(), Change(capacity_percent=-99)))
    assert "\n" not in str(caught.value)


@pytest.fixture
async def site(database: Database, now_us: list[int]) -> PlannerSite:
    it = PlannerSite(database, now_us[0])
    await it.open()
    return it


async def test_a_planner_asks_and_sees_both_side_by_side(
    site: PlannerSite, reader: Reader
) -> None:
    await reader.sign_in("ana", "planner")
    fields = {"warehouse": "*", "zone": "*", "demand_percent": "50"}
    found = await reader.send("/ui/what-if", fields, seen="/ui/what-if")
    assert found.status_code == 200, found.text
    assert 'id="what-if-costs"' in found.text
    assert "as it is" in found.text
    assert 'value="50"' in found.text, "what was asked stays in the form"
    assert 'class="side-worse"' in found.text, "who sells more drives more"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"demand_percent": "x"}, "Demand: a number from"),
        ({"demand_percent": "-100"}, "Demand: a number from"),
        ({"capacity_percent": "nan"}, "Vehicle capacity: a number from"),
        ({"demand_percent": "0"}, "Change something first"),
    ],
)
async def test_what_is_no_question_is_told(
    fields: dict[str, str], said: str, site: PlannerSite, reader: Reader
) -> None:
    await reader.sign_in("ana", "planner")
    found = await reader.send("/ui/what-if", fields, seen="/ui/what-if")
    assert found.status_code == 400
    assert said in found.text


async def test_one_question_at_a_time(site: PlannerSite, reader: Reader) -> None:
    await reader.sign_in("ana", "planner")
    async with what_if_pages._TURN:
        found = await reader.send("/ui/what-if", {"demand_percent": "5"}, seen="/ui/what-if")
    assert found.status_code == 503
    assert "Try again in a moment" in found.text


async def test_without_a_network_or_with_a_strange_one_the_page_says_so(
    reader: Reader, database: Database
) -> None:
    await reader.sign_in("ana", "planner")
    assert "There is no planning network yet" in await reader.see("/ui/what-if")
    strange = Draft("network", "network", "", {"format": "forepost-network/1", "products": 3})
    await database.transact(partial(put_documents, drafts=[strange]))
    assert "There is no planning network yet" in await reader.see("/ui/what-if")
