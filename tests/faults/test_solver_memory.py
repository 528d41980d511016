"""Pins a case that is too large for the solver's memory: planned by the stock levels, and said so.

The limit is the real one of the real solver's process, set as low as it may be; the gateway lives.
"""

from __future__ import annotations

import asyncio
import copy
from pathlib import Path
from typing import cast

import pytest
from pydantic import BaseModel

from cloud_sync.contract import documents as doc
from tests.rigs.gateway import GatewayProcess, Status
from tests.rigs.planning import config, m_company, network_document
from tests.rigs.seeding import seed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CONFIG = config("J1", gather_s=0, memory_mb=256)
ITEM = "09506000134352"
N_PLACES = 2500
"""Of which the table of distances alone is a hundred megabytes."""


def documents() -> list[tuple[str, str, BaseModel]]:
    """An item that is out, and the M Company's network, grown until it does not fit."""
    network = m_company()
    places = cast(list[dict[str, object]], network["warehouses"])
    first = places[0]
    for n in range(N_PLACES):
        place = copy.deepcopy(first)
        place |= {"id": f"P{n}", "xy_km": [n % 50, n // 50]}
        places.append(place)
    item = doc.Item(
        gtin=ITEM, names={"en": "milk"}, zone="refrigerated", grams_per_unit=1000,
        case_pack_units=6,
    )  # fmt: skip
    policy = doc.Policy(
        warehouse="J1", gtin=ITEM, demand_units_per_day=20.0, demand_sd_units_per_day=5.0,
        reorder_point_units=25, lead_time_days=0.25,
    )  # fmt: skip
    return [
        (doc.ITEM, ITEM, item),
        (doc.POLICY, f"J1.{ITEM}", policy),
        network_document(network),
    ]


def test_a_case_that_does_not_fit_is_planned_by_the_stock_levels(tmp_path: Path) -> None:
    state = tmp_path / "state"
    asyncio.run(seed(state, documents()))
    gateway = GatewayProcess(tmp_path, CONFIG.format(state=state))
    gateway.start()

    def is_planned(status: Status) -> bool:
        return bool(status["plans"])

    try:
        status = gateway.until(is_planned)
        (plan,) = cast(list[dict[str, object]], status["plans"])
        assert plan["fallback"] == "solver: the case needs more than 256 MB of memory"
        (line,) = cast(list[dict[str, object]], plan["lines"])
        assert line["item"] == ITEM
        assert int(str(line["quantity"])) >= 25
        assert gateway.stop() == 0
    finally:
        if gateway.process.poll() is None:
            gateway.kill()
    assert "Traceback" not in gateway.log.read_text()
