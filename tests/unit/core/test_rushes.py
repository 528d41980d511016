"""Pins surges as triggers see them: sales to customers only, over restarts, and what they take."""

from __future__ import annotations

from collections.abc import Iterable

from cloud_sync.contract import events as ev
from cloud_sync.contract.documents import Policy
from gateway.core.facts import Facts
from gateway.core.rushes import Rushes

ITEM = "09506000134352"
MINUTE_US = 60_000_000
START_US = 1_800_000_000_000_000


def facts() -> Facts:
    known = Facts("J1")
    known.policies[ITEM] = Policy(
        warehouse="J1", gtin=ITEM, demand_units_per_day=24.0, demand_sd_units_per_day=2.0,
        reorder_point_units=12, lead_time_days=0.5,
    )  # fmt: skip
    return known


def sales(times: Iterable[int], *, to: str = "@customer") -> list[ev.Event]:
    return [
        ev.Event(
            event_id=f"00000000-0000-7000-8000-{n:012x}", type=ev.ORDER_DELIVERED, version=1,
            occurred_at_us=at_us, received_at_us=at_us, warehouse="J1",
            lines=(ev.Line(item=ITEM, from_location="PACK", to_location=to, quantity=1),),
        )
        for n, at_us in enumerate(times)
    ]  # fmt: skip


HOURLY = [START_US + n * 60 * MINUTE_US for n in range(48)]
BURST = [HOURLY[-1] + n * MINUTE_US for n in range(1, 31)]


def test_the_usual_pace_is_no_surge() -> None:
    rushes = Rushes(facts())
    rushes.note(sales(HOURLY))
    rush = rushes.rush(ITEM, HOURLY[-1])
    assert rush is not None
    assert not rush.is_on


def test_a_sale_a_minute_of_what_sells_once_an_hour_is_one_and_is_told_once() -> None:
    rushes = Rushes(facts())
    rushes.note(sales([*HOURLY, *BURST]))
    rush = rushes.rush(ITEM, BURST[-1])
    assert rush is not None
    assert rush.is_on
    assert rush.n_sales > 10 * rush.n_expected
    # 24 a day; at most twenty times that, for four hours, less the usual.
    assert 24 * 4 / 24 * 5 < rush.extra_units <= 24 * 4 / 24 * 19
    assert rushes.rush(ITEM, BURST[-1]) is None, "told, and still on"


def test_a_busy_hour_of_every_day_is_no_surge_and_the_same_at_night_is_one() -> None:
    known = facts()
    # Three quarters of a day's 24 are sold in one hour.
    hour = START_US // (60 * MINUTE_US) % 24
    known.policies[ITEM] = known.policies[ITEM].model_copy(
        update={"hours": [12 * 23 * 3 if n == hour else 12 for n in range(24)]}
    )
    lunch = sales(START_US + n * 3 * MINUTE_US for n in range(18))
    night = sales(START_US + (12 * 60 + n * 3) * MINUTE_US for n in range(18))
    rush_at = {}
    for name, sold in (("lunch", lunch), ("night", night)):
        rushes = Rushes(known)
        rushes.note(sold)
        rush_at[name] = rushes.rush(ITEM, sold[-1].occurred_at_us)
    assert [rush is not None and rush.is_on for rush in rush_at.values()] == [False, True]


def test_goods_that_go_anywhere_else_are_no_sales() -> None:
    rushes = Rushes(facts())
    rushes.note(sales([*HOURLY, *BURST], to="@waste"))
    rush = rushes.rush(ITEM, BURST[-1])
    assert rush is not None
    assert not rush.is_on


def test_a_surge_ends_when_sales_are_the_usual_again() -> None:
    rushes = Rushes(facts())
    rushes.note(sales([*HOURLY, *BURST]))
    rushes.rush(ITEM, BURST[-1])
    rush = rushes.rush(ITEM, BURST[-1] + 24 * 60 * MINUTE_US)
    assert rush is not None
    assert not rush.is_on
