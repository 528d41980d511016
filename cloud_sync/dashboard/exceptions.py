"""The exceptions queue and the orders at risk: what somebody has to decide today.

A resolution is the API's own call (service/exceptions.py), with one exception's whole evidence.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from functools import partial
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from cloud_sync.contract import keys, rights
from cloud_sync.dashboard.overview import SOON_US, visible
from cloud_sync.dashboard.page import Page, get, post
from cloud_sync.dashboard.visit import Visit
from cloud_sync.inventory.exceptions import ACTIONS, ADJUST
from cloud_sync.service.exceptions import post_resolution
from cloud_sync.service.orders import at_risk
from cloud_sync.service.pages import mark_place, place_of
from cloud_sync.service.problems import Refused
from cloud_sync.store.exception_lists import OPEN, STATES, Wanted, read_exceptions
from cloud_sync.store.order_queries import OrderFilter

LIMIT: Final = 100
REASON_MAX: Final = 200


async def exceptions(visit: Visit) -> Response:
    """What is open, or was resolved, with its evidence and what can be done about it."""
    return await _render(visit, problem=None, status=200)


async def _render(visit: Visit, *, problem: str | None, status: int) -> Response:
    warehouse, kind = _asked(visit, "warehouse"), _asked(visit, "kind")
    state = visit.asked("state") or OPEN
    if state not in STATES:
        raise Refused("malformed", f"state: one of {STATES}")
    wanted = Wanted(
        within=visit.scope(warehouse),
        state=state,
        limit=LIMIT,
        kind=kind,
        after=place_of(visit.asked("after") or None, n=3) or (),
    )
    found, place = await visit.read(partial(read_exceptions, wanted=wanted))
    chosen = {"warehouse": warehouse or "", "kind": kind or "", "state": state}
    query = {name: value for name, value in chosen.items() if value}
    return await visit.render(
        "exceptions.html",
        status=status,
        entries=found,
        problem=problem,
        chosen=chosen,
        here=f"{visit.request.url.path}?{urlencode(query)}",
        next_page=None if place is None else urlencode({**query, "after": mark_place(place)}),
        kinds=sorted(ACTIONS),
        glances={it.warehouse: it for it in await visible(visit)},
        master=await visit.glances.master(),
        may_resolve=visit.may(rights.WRITE_HOLDS),
        make_key=partial(secrets.token_urlsafe, 12),
        adjust=ADJUST,
        evidence_of=evidence_of,
    )


def _asked(visit: Visit, name: str) -> str | None:
    found = visit.asked(name)
    if found and not keys.is_id(found):
        raise Refused("malformed", f"{name}: {found!r} is none")
    return found or None


def evidence_of(entry: Mapping[str, object]) -> str:
    """An exception as its form carries it: what it is about, and the events that show it."""
    pieces = entry["evidence"]
    events = [it["event_id"] for it in pieces] if isinstance(pieces, list) else []
    about = {name: entry[name] for name in ("warehouse", "kind", "key")}
    return json.dumps({**about, "evidence": events})


async def resolve(visit: Visit) -> Response:
    """Somebody's word on one exception; back to the queue, with the refusal where there is one."""
    try:
        about = json.loads(visit.form.get("about", ""))
    except ValueError as error:
        raise Refused("malformed", "about: not one of ours") from error
    if not isinstance(about, dict) or not about.keys() <= {"warehouse", "kind", "key", "evidence"}:
        raise Refused("malformed", "about: not one of ours")
    action = visit.form.get("action", "")
    said: dict[str, object] = {
        **about,
        "action": action,
        "reason": visit.form.get("reason", "").strip()[:REASON_MAX] or visit.t("queue.no_reason"),
    }
    quantity = visit.form.get("quantity", "").strip()
    if action == ADJUST and quantity.isascii() and quantity.isdigit() and len(quantity) < 10:
        said["quantity"] = int(quantity)
    try:
        await visit.act(post_resolution, said)
    except Refused as error:
        return await _render(visit, problem=error.problem.message, status=422)
    return visit.go(f"/ui/exceptions?{visit.request.url.query}")


async def orders(visit: Visit) -> Response:
    """Orders that may not leave within 72 hours, the most urgent first."""
    page = await visit.read(
        partial(
            at_risk,
            wanted=OrderFilter(None, None, visit.scope(_asked(visit, "warehouse"))),
            now_us=visit.now_us,
            soon_us=SOON_US,
            after=(-1, ""),
            limit=LIMIT,
        )
    )
    return await visit.render(
        "orders.html",
        orders=page["orders"],
        is_more="next_after" in page,
        limit=LIMIT,
        master=await visit.glances.master(),
    )


PAGES: Final[tuple[Page, ...]] = (
    get("/exceptions", exceptions),
    post("/exceptions", resolve, action=rights.WRITE_HOLDS),
    get("/orders", orders),
)
