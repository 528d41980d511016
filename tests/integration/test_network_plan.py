"""Pins the network plan at a real central gateway: an independent checker passes it, with a dark
warehouse and one that was never heard of in it, and finds out every spoilt copy; a storm of two
thousand items is one plan."""

from __future__ import annotations

import asyncio
import copy
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from pydantic import BaseModel

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract import served as told
from tests.plan_checker.check import check, read_rows
from tests.plan_checker.facts import Event, Json
from tests.rigs.gateway import GatewayProcess
from tests.rigs.made_once import made_once
from tests.rigs.planning import ZONES, config, gtin, m_company, network_document
from tests.rigs.seeding import seed

pytestmark = pytest.mark.slow

CONFIG = config("K1", gather_s=3)
"""So long that a slow machine, too, has folded all of them by then."""
N_ITEMS = 2000
DAY_US = 86_400_000_000
Rows = list[tuple[int, Event]]


def stock(place: str) -> list[tuple[str, str, BaseModel]]:
    """The pages of a warehouse that sells a third of what it has in a day."""
    pages: dict[int, list[int]] = {}
    for n in range(1, N_ITEMS + 1):
        pages.setdefault(told.page_of(gtin(n)), []).append(n)
    return [
        (
            told.SERVED_STOCK,
            f"K1.{place}.{page:02d}",
            told.ServedStock(
                warehouse="K1", of=place, items=[gtin(n) for n in members],
                on_hand=[n % 7 for n in members], on_order=[n % 2 for n in members],
                allocated=[n % 3 for n in members],
                planned=[24 if n % 50 == 0 else 0 for n in members],
                reorder_point=[3] * len(members), demand_per_day=[2.0] * len(members),
                demand_sd_per_day=[0.5] * len(members), lead_time_days=[0.25] * len(members),
                order_up_to=[15 if n % 3 else None for n in members],
                cycle_days=[1.0 if n % 3 else None for n in members],
            ),
        )
        for page, members in sorted(pages.items())
    ]  # fmt: skip


def documents(now_us: int) -> list[tuple[str, str, BaseModel]]:
    """M Company's network; J1 was heard of just now, J2 three days ago, the others never."""
    found = [network_document(m_company())]
    for n in range(1, N_ITEMS + 1):
        item = doc.Item(
            gtin=gtin(n), names={"en": f"item {n}"}, zone=ZONES[n % 3], grams_per_unit=400,
            case_pack_units=6, shelf_life_days=(None, 9, 30)[n % 3],
        )  # fmt: skip
        policy = doc.Policy(
            warehouse="K1", gtin=gtin(n), demand_units_per_day=1.0, demand_sd_units_per_day=0.5,
            reorder_point_units=50, lead_time_days=1.0,
        )  # fmt: skip
        found += [(doc.ITEM, gtin(n), item), (doc.POLICY, f"K1.{gtin(n)}", policy)]
    for place, age_us in (("J1", 0), ("J2", 3 * DAY_US)):
        contact = told.ServedContact(warehouse="K1", of=place, heard_at_us=now_us - age_us)
        found += [(told.SERVED, f"K1.{place}", contact), *stock(place)]
    for page in range(told.N_PAGES):
        items = [it for n in range(1, N_ITEMS, 2) if told.page_of(it := gtin(n)) == page]
        terms = told.TermsPage(
            warehouse="K1", items=items, supplier=["ACME"] * len(items),
            lead_time_days=[2.0] * len(items), minimum_order_units=[12] * len(items),
        )  # fmt: skip
        found.append((told.TERMS, f"K1.{page:02d}", terms))
    return found


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    kept = made_once(tmp_path_factory, "network-plan", plan) / "rows.json"
    return [(seq, event) for seq, event in json.loads(kept.read_text())]


def plan(kept: Path) -> None:
    """Have a real gateway plan it; the rows of its journal are what stays."""
    state = kept / "state"
    goods = [
        ev.Line(item=gtin(n), from_location="@supplier", to_location="R-01", quantity=n % 40)
        for n in range(1, N_ITEMS + 1)
        if n % 40
    ]
    asyncio.run(seed(state, documents(time.time_ns() // 1000), goods, warehouse="K1"))
    gateway = GatewayProcess(kept, CONFIG.format(state=state))
    gateway.start()
    try:
        gateway.until(lambda status: bool(status["plans"]), 120)
        found = read_rows(state / "journal.db")
        (first, *_) = (it["body"] for _, it in found if it["type"] == "plan.proposed")
        said = gateway.command("plan", "show", str(first["plan_id"]), "--config",
                               str(gateway.config))  # fmt: skip
        assert "DARK: estimated" in said.stdout, said.stderr
        (kept / "rows.json").write_text(json.dumps(found))
    finally:
        gateway.kill()


def plans_of(rows: Rows) -> list[Json]:
    return [event["body"] for _, event in rows if event["type"] == "plan.proposed"]


def test_a_storm_is_one_plan_for_each_supplier_and_stands_before_the_checker(rows: Rows) -> None:
    fired = [event for _, event in rows if event["type"] == "replenishment.triggered"]
    assert len(fired) >= N_ITEMS
    plans = plans_of(rows)
    assert [plan.get("supplier") for plan in plans] == [None, "ACME"]
    assert "fallback" not in plans[0]
    assert check(rows) == []


def test_dark_warehouses_are_marked(rows: Rows) -> None:
    needs = {str(it["warehouse"]): it for it in cast(list[Json], plans_of(rows)[0]["needs"])}
    assert len(needs) == 10
    assert (needs["J1"]["is_dark"], needs["J2"]["is_dark"]) == (False, True)
    assert int(str(needs["J2"]["units"])) > int(str(needs["J1"]["units"])) > 0
    assert all(it["is_dark"] for name, it in needs.items() if name not in {"J1", "J2"})


def on_need(do: Callable[[Json, str], None]) -> Callable[[Json], None]:
    """Spoil what J2 is said to need of an item."""

    def spoil(plan: Json) -> None:
        needs = cast(list[Json], plan["needs"])
        need = next(it for it in needs if it["warehouse"] == "J2")
        do(need, next(iter(cast(dict[str, int], need["by_item"]))))

    return spoil


def units_by(n: int) -> Callable[[Json, str], None]:
    def spoil(need: Json, item: str) -> None:
        cast(dict[str, int], need["by_item"])[item] += n

    return spoil


SPOILT: dict[str, Callable[[Json], None]] = {
    "needs more than its level": on_need(units_by(600)),
    "no whole packs": on_need(units_by(-1)),
    "a dark one not marked": on_need(lambda need, _: need.update(is_dark=False)),
    "heard of at another time": on_need(lambda need, _: need.update(heard_at_us=1)),
    "one left out": lambda plan: cast(list[Json], plan["needs"]).pop() and None,
    "another supplier": lambda plan: plan.update(supplier="BELL"),
    "from another source": lambda plan: plan.update(source="K9"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_plan_is_found_out(rows: Rows, how: str) -> None:
    spoilt = copy.deepcopy(rows)
    SPOILT[how](plans_of(spoilt)[0])
    assert check(spoilt) != []
