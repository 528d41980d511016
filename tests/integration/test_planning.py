"""Pins planning at the real gateway: a trigger becomes a plan that an independent checker passes,
people see why it is so and decide it, and every spoilt copy of it is found out."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable, Iterator
from typing import cast

import pytest
from pydantic import BaseModel

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract.levels import Levels, Worth
from tests.plan_checker.check import check, read_rows
from tests.plan_checker.facts import Event, Json
from tests.rigs.gateway import GatewayProcess, Status
from tests.rigs.planning import ZONES, config, gtin, m_company, network_document
from tests.rigs.seeding import seed

pytestmark = pytest.mark.slow

CONFIG = config("J1", gather_s=0.5)
N_ITEMS = 12
LEVELS = Levels(
    order_up_to_units=64, cycle_days=2.0, by="margin", worth=Worth(wasted=2.0, held=0.001)
)
Rows = list[tuple[int, Event]]


def documents() -> list[tuple[str, str, BaseModel]]:
    """Items of all zones and how they are kept, the office's network with narrow limits."""
    found: list[tuple[str, str, BaseModel]] = []
    for n in range(1, N_ITEMS + 1):
        item = doc.Item(
            gtin=gtin(n), names={"en": f"item {n}"}, zone=ZONES[n % 3], grams_per_unit=400,
            case_pack_units=6, shelf_life_days=(None, 4, 30)[n % 3],
        )  # fmt: skip
        policy = doc.Policy(
            warehouse="J1", gtin=gtin(n), demand_units_per_day=20.0 + n,
            demand_sd_units_per_day=5.0, reorder_point_units=25, lead_time_days=0.25,
            levels=LEVELS if n % 2 else None,
        )  # fmt: skip
        found += [(doc.ITEM, gtin(n), item), (doc.POLICY, f"J1.{gtin(n)}", policy)]
    return [*found, network_document(m_company(approval={"lines_max": 3}))]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    directory = tmp_path_factory.mktemp("planning")
    state = directory / "state"
    stock = [
        ev.Line(item=gtin(n), from_location="@supplier", to_location="R-01", quantity=3 * n)
        for n in range(1, N_ITEMS + 1)
    ]
    asyncio.run(seed(state, documents(), stock))
    it = GatewayProcess(directory, CONFIG.format(state=state))
    it.start()
    try:
        it.until(lambda status: bool(status["plans"]))
        yield it
    finally:
        it.kill()


def rows_of(gateway: GatewayProcess) -> Rows:
    return read_rows(gateway.config.parent / "state" / "journal.db")


def plan_of(rows: Rows) -> Json:
    (plan,) = (event["body"] for _, event in rows if event["type"] == "plan.proposed")
    return plan


def say(gateway: GatewayProcess, *arguments: str) -> str:
    done = gateway.command("plan", *arguments, "--config", str(gateway.config))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_plan_stands_before_an_independent_checker(gateway: GatewayProcess) -> None:
    rows = rows_of(gateway)
    assert check(rows) == []
    plan = plan_of(rows)
    fired = [event for _, event in rows if event["type"] == "replenishment.triggered"]
    assert {event["event_id"] for event in fired} >= set(cast(list[str], plan["triggers"]))
    assert "fallback" not in plan
    assert len(cast(list[Json], plan["lines"])) > 3


def spoilt(do: Callable[[Json, list[Json]], None]) -> Callable[[Json], None]:
    return lambda plan: do(plan, cast(list[Json], plan["lines"]))


def changed(key: str, by: int) -> Callable[[Json], None]:
    """The first line with a number that is another."""
    return spoilt(lambda _, lines: lines[0].update({key: int(str(lines[0][key])) + by}))


SPOILT: dict[str, Callable[[Json], None]] = {
    "a pack is broken": changed("quantity", -1),
    "more than is needed": changed("quantity", 6),
    "older stock": changed("position_units", 1),
    "an item twice": spoilt(lambda _, lines: lines.append(lines[0])),
    "an unknown item": spoilt(lambda _, lines: lines[0].update(item=gtin(99))),
    "nobody asked": spoilt(lambda plan, _: plan.update(approval="automatic")),
    "future rows": spoilt(lambda plan, _: plan.update(based_on_seq=10**6)),
    "another source": spoilt(lambda plan, _: plan.update(source="K9")),
    "a solver in name only": spoilt(lambda plan, _: plan.update(network_plan={})),
    "a trigger that never fired": spoilt(lambda plan, _: plan.update(triggers=["x"])),
}


@pytest.mark.parametrize("how", [*SPOILT, "an overloaded trip", "a warehouse left out"])
def test_a_spoilt_plan_is_found_out(gateway: GatewayProcess, how: str) -> None:
    rows = copy.deepcopy(rows_of(gateway))
    plan = plan_of(rows)
    if how in SPOILT:
        SPOILT[how](plan)
    else:
        products = cast(list[Json], cast(Json, plan["network_plan"])["products"])
        orders = cast(list[Json], products[0]["warehouses"])
        trips = cast(list[Json], products[0]["trips"])
        if how == "an overloaded trip":
            orders[0]["quantity_kg"] = 10_000.0
        else:
            cast(list[str], trips[0]["stops"]).pop()
    # What was told once must have one answer: the trigger that is gone from the plan has none.
    assert check(rows) != []


def test_people_see_why_decide_and_ask(gateway: GatewayProcess) -> None:
    plan_id = str(plan_of(rows_of(gateway))["plan_id"])
    (line,) = say(gateway, "list", "--open").splitlines()
    assert line.startswith(f"{plan_id}  proposed")
    assert "3 may go without a person's word" in line
    shown = say(gateway, "show", plan_id)
    for word in (
        "cost a day, ambient: ",
        "without it:",
        "a person must approve it",
        " by worth (a lost sale costs its margin)",
        " by demand and deviation",
    ):
        assert word in shown
    say(gateway, "approve", plan_id, "--reason", "it is right", "--author", "ana")

    def is_decided(_: Status) -> bool:
        return any(
            row.get("body", {}).get("decision") == "approved" for _, row in rows_of(gateway)
        )

    def is_folded(status: Status) -> bool:
        cursors = cast(dict[str, int], status["cursors"])
        return cursors["projector"] >= rows_of(gateway)[-1][0]

    gateway.until(is_decided)
    gateway.until(is_folded)
    told = json.loads(say(gateway, "show", plan_id, "--json"))
    assert told["state"] == "approved"
    assert (told["steps"][-1]["author"], told["steps"][-1]["reason"]) == ("ana", "it is right")

    say(gateway, "now", "--author", "ana")

    def is_asked(_: Status) -> bool:
        bodies = [row.get("body", {}) for _, row in rows_of(gateway)]
        return "ana asked for a plan" in [body.get("reason") for body in bodies]

    gateway.until(is_asked)
    assert check(rows_of(gateway)) == []


def test_a_wrong_wish_is_one_line(gateway: GatewayProcess) -> None:
    config = str(gateway.config)
    for arguments, word in (
        (("show", "PL-9"), "no plan PL-9"),
        (("now", "--item", "12"), "no GTIN"),
        (("approve", "PL-9", "--reason", "x"), "no plan PL-9"),
    ):
        done = gateway.command("plan", *arguments, "--config", config)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert word in done.stderr
