"""The page of what-if: the form, and the answer beside the network as it is.

One question is solved at a time in a process of its own (what_if.py); whoever asks meanwhile is
told to come again. Nothing is written, so the plans of the gateways are not touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError
from starlette.responses import Response

from cloud_sync.contract import rights
from cloud_sync.dashboard.network_plan import Case, read_case
from cloud_sync.dashboard.page import Page, get, post
from cloud_sync.dashboard.plan_facts import Network, read_network, read_places
from cloud_sync.dashboard.plan_view import cost_chart
from cloud_sync.dashboard.visit import Visit
from cloud_sync.dashboard.what_if import PERCENTS, Change, Comparison, WhatIfFailed, ask

_TURN: Final = asyncio.Lock()
"""One search at a time in this process: it takes a core for as long as it lasts."""


async def what_if(visit: Visit) -> Response:
    """The form."""
    return await _show(visit, {})


async def solve(visit: Visit) -> Response:
    """The question of a form, solved."""
    network = await visit.read(read_network)
    asked = {name: visit.form.get(name, "").strip() for name in Change.model_fields}
    try:
        change = Change.model_validate({name: text for name, text in asked.items() if text})
    except ValidationError as error:
        name = str(error.errors(include_url=False)[0]["loc"][0])
        said = visit.t("what_if.malformed", name=visit.t(f"what_if.{name}").removesuffix(", %"))
        return await _show(visit, asked, problem=said, status=400)
    if change.is_nothing:
        return await _show(visit, asked, problem=visit.t("what_if.nothing"), status=400)
    if not network.document:
        return await _show(visit, asked, status=404)
    if _TURN.locked():
        return await _show(visit, asked, problem=visit.t("what_if.taken"), status=503)
    async with _TURN:
        try:
            compared = await ask(network.document, change)
        except WhatIfFailed as error:
            said = visit.t("what_if.failed", reason=str(error))
            return await _show(visit, asked, problem=said, status=422)
    return await _show(visit, asked, compared=compared, network=network)


async def _show(
    visit: Visit,
    asked: Mapping[str, str],
    *,
    compared: Comparison | None = None,
    network: Network | None = None,
    problem: str = "",
    status: int = 200,
) -> Response:
    known = network if network is not None else await visit.read(read_network)
    case = read_case(known.document) if known.document else None
    chart = ""
    if compared is not None:
        plans = [
            (visit.t("what_if.as_is"), compared.before),
            (visit.t("what_if.changed"), compared.after),
        ]
        chart = cost_chart(plans, visit.taste.words)
    return await visit.render(
        "what_if.html",
        status=status,
        case=case if case is not None and _has_parts(case) else None,
        version=known.version,
        places=await visit.read(read_places),
        asked=asked,
        percents=PERCENTS,
        compared=compared,
        chart=chart,
        problem=problem,
    )


def _has_parts(case: Case) -> bool:
    return bool(case.products and case.warehouses)


PAGES: Final[tuple[Page, ...]] = (
    get("/what-if", what_if, action=rights.READ_COSTS),
    post("/what-if", solve, action=rights.READ_COSTS),
)
