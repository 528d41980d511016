"""The pages of plans: the list, and one plan with what somebody may say of it."""

from __future__ import annotations

import secrets
from functools import partial
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from starlette.responses import Response

from cloud_sync.contract import keys, plan_life, rights
from cloud_sync.dashboard.explained import read_explanation
from cloud_sync.dashboard.network_plan import read_case, read_plan
from cloud_sync.dashboard.page import ROOT, Page, get, post
from cloud_sync.dashboard.plan_facts import (
    PLANS_SHOWN,
    PlanPage,
    read_places,
    read_plan_page,
    read_plan_rows,
)
from cloud_sync.dashboard.plan_view import (
    ALL,
    STATE_KINDS,
    cost_chart,
    cycles_of,
    sentences,
    spots_of,
    trip_map,
    trips_of,
)
from cloud_sync.dashboard.views import text_of
from cloud_sync.dashboard.visit import Visit
from cloud_sync.service import plans as service
from cloud_sync.service.problems import STATUS, Refused

_STEPS: Final = ("proposed", "approved", "ordered", "in_transit", "received", "closed")
_NOTICES: Final = frozenset({"approved", "rejected"})


async def plans(visit: Visit) -> Response:
    """The newest plans, those that wait for somebody's word before the others."""
    asked = visit.asked("warehouse")
    scope = visit.scope(asked or None)
    before = visit.asked("before")
    rows = await visit.read(
        partial(read_plan_rows, within=scope, before=int(before) if _is_place(before) else None)
    )
    shown = rows[:PLANS_SHOWN]
    places = await visit.read(read_places)
    return await visit.render(
        "plans.html",
        waiting=[it for it in shown if it.state == plan_life.NEXT[None]["propose"]],
        others=[it for it in shown if it.state != plan_life.NEXT[None]["propose"]],
        older=shown[-1].position if len(rows) > PLANS_SHOWN else None,
        is_first=not before,
        warehouse=asked,
        places=places,
        choices=sorted(it for it in places if visit.credential.reaches(it)),
        kinds=STATE_KINDS,
    )


def _is_place(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16


async def plan(visit: Visit) -> Response:
    """One plan."""
    return await _show(visit)


async def _show(visit: Visit, problem: str = "", status: int = 200) -> Response:
    page = await _read(visit)
    story = page.story
    network, case = read_plan(story.plan.network_plan), read_case(page.network.document)
    before = None if story.before is None else read_plan(story.before.network_plan)
    words, zone = visit.taste.words, visit.asked("zone")
    named = [(visit.t("plan.proposed"), network)] if network else []
    named += [(visit.t("plan.current"), before)] if network and before else []
    reasons, n_more = sentences(it.reason for it in story.triggers)
    return await visit.render(
        "plan.html",
        status=status,
        plan=story.plan,
        story=story,
        why=read_explanation(story.plan.explanation),
        state=story.state,
        kinds=STATE_KINDS,
        way=_STEPS,
        reached=[state for _, state in story.steps],
        reasons=reasons,
        n_more=n_more + max(0, len(story.plan.triggers) - len(story.triggers)),
        network=network,
        before=before,
        network_version=page.network.version,
        chart=cost_chart(named, words) if named else "",
        map=trip_map(spots_of(case, network, page.places), network, zone, words)
        if network
        else "",
        zone=zone,
        trips=trips_of(network, zone) if network else [],
        cycles=cycles_of(network, before) if network else [],
        names={it: text_of(of, words.language) for it, of in page.names.items()},
        places=page.places,
        is_open=story.state in plan_life.OPEN and story.state != "ordered",
        may_decide=visit.may(rights.WRITE_DELIVERIES),
        key=secrets.token_urlsafe(12),
        problem=problem,
        notice=said if (said := visit.asked("said")) in _NOTICES else "",
    )


async def _read(visit: Visit) -> PlanPage:
    warehouse, name = visit.warehouse(), visit.asked("plan")
    found = None
    if keys.is_id(name):
        found = await visit.read(partial(read_plan_page, warehouse=warehouse, plan_id=name))
    if found is None:
        raise Refused("not_found", f"plan: there is no {name} at {warehouse}")
    return found


async def decide(visit: Visit) -> Response:
    """Somebody's word, by the API's own call: approved or rejected, with a reason."""
    warehouse, name = visit.warehouse(), visit.asked("plan")
    body = {
        "warehouse": warehouse,
        "plan": name,
        "decision": visit.form.get("decision", ""),
        "reason": visit.form.get("reason", "").strip(),
    }
    if not body["reason"]:
        return await _show(visit, visit.t("plan.reason.missing"), 400)
    try:
        # A refusal that is kept under the form's key comes back as an answer.
        status = (await service.post_decision(visit.mutation(body))).status_code
    except Refused as error:
        status = STATUS[error.problem.code]
        if status != HTTPStatus.CONFLICT:
            raise
    if status == HTTPStatus.CONFLICT:
        return await _show(visit, visit.t("plan.ended"), status)
    if status >= HTTPStatus.BAD_REQUEST:
        raise Refused("malformed", "the decision was refused")
    path = f"{ROOT}/plans/{quote(warehouse)}/{quote(name)}"
    return visit.go(f"{path}?said={quote(body['decision'])}")


PAGES: Final[tuple[Page, ...]] = (
    get("/plans", plans),
    get("/plans/{warehouse}/{plan}", plan),
    post("/plans/{warehouse}/{plan}", decide, action=rights.WRITE_DELIVERIES),
)

__all__ = ["ALL", "PAGES"]
