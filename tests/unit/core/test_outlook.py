"""Pins what is seen of an item at an hour: what sells in the evening lasts until then."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.demand.hours import day_start_us
from gateway.core.facts import Facts
from gateway.core.outlook import look_at
from gateway.core.triggers import STOCK_OUT, triggers_of
from tests.fakes.central_facts import change, event, fold

ITEM = "09506000134352"
SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = "2026-11-21"
EIGHT_US = day_start_us(DAY, SHANGHAI) + 8 * 3_600_000_000
EVENINGS = [0] * 18 + [100, 300, 400, 200] + [0, 0]


def known(hours: list[int] | None) -> Facts:
    """Two are there of 20 a day; 18 come at two; what is ordered now would come in an hour."""
    facts = Facts("J1")
    item = {"gtin": ITEM, "names": {"en": "rice"}, "zone": "ambient", "grams_per_unit": 500}
    policy: dict[str, object] = {
        "warehouse": "J1", "gtin": ITEM, "demand_units_per_day": 20.0,
        "demand_sd_units_per_day": 5.0, "reorder_point_units": 1, "lead_time_days": 1 / 24,
    }  # fmt: skip
    asn = {
        "id": "A1", "warehouse": "J1", "source": "@supplier", "status": "dispatched",
        "ordered": [{"item": ITEM, "quantity": 18}],
        "expected_at_us": EIGHT_US + 6 * 3_600_000_000,
    }  # fmt: skip
    fold(facts, change(1, doc.ITEM, ITEM, item))
    fold(facts, change(2, doc.POLICY, f"J1.{ITEM}", policy | ({"hours": hours} if hours else {})))
    fold(facts, change(3, doc.ASN, "A1", asn))
    line = ev.Line(item=ITEM, from_location="@supplier", to_location="R-1", quantity=2)
    fold(facts, event(4, ev.GOODS_RECEIVED, line, warehouse="J1"))
    return facts


@pytest.mark.parametrize(("hours", "is_late"), [(None, True), (EVENINGS, False)])
def test_goods_that_sell_in_the_evening_outlast_the_afternoon(
    hours: list[int] | None, *, is_late: bool
) -> None:
    look = look_at(known(hours), ITEM, DAY, EIGHT_US, zone=SHANGHAI)
    assert look is not None
    assert look.on_hand_units == 2
    bodies, _ = triggers_of(look, {}, now_us=EIGHT_US, quiet_us=0, language="en")
    assert (STOCK_OUT in {it.cause for it in bodies}) == is_late
