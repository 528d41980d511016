"""`forepost-gateway plan …`: plan now, see plans and why they are so, approve and reject them."""

from __future__ import annotations

import argparse
import getpass
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from cloud_sync.contract.levels import BY_MARGIN, BY_SERVICE, BY_SHARE
from cloud_sync.contract.plan_life import Step, in_order, state_of
from cloud_sync.contract.plans import STEP_OF
from gateway.core.facts import PlanRecord
from gateway.core.wishes import Decide, PlanNow
from gateway.errors import PlanError
from gateway.journal.connection import FILE
from gateway.journal.inspection import open_read_only
from gateway.journal.plan_tables import read_plans
from gateway.services.plan_desk import leave_wish
from gateway.settings import load_settings

SHOWN: int = 20
LEVELS_BY: Mapping[str, str] = {
    BY_MARGIN: "worth (a lost sale costs its margin)",
    BY_SHARE: "worth (a planned share is served)",
    BY_SERVICE: "service class",
    "demand": "demand and deviation",
}
"""What the levels of items go by (contract/levels), in words."""
DAY_US: int = 86_400_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands and their options."""
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="the gateway's configuration"
    )
    reading = argparse.ArgumentParser(add_help=False)
    reading.add_argument("--json", action="store_true", help="print JSON, one object a line")
    asking = argparse.ArgumentParser(add_help=False)
    asking.add_argument(
        "--author", metavar="NAME", help="who asks; default: who is logged in", default=None
    )
    commands = parser.add_subparsers(metavar="WHAT", dest="what", required=True)
    now = commands.add_parser("now", parents=[where, asking], help="plan without a cause")
    now.add_argument("--item", metavar="GTIN", help="what ran low; default: plan everything")
    listing = commands.add_parser(
        "list", parents=[where, reading], help="a line for each plan, the newest last"
    )
    listing.add_argument("--limit", type=int, default=SHOWN, metavar="N", help="default 20")
    listing.add_argument("--open", action="store_true", help="only those that wait for a person")
    show = commands.add_parser(
        "show", parents=[where, reading], help="a plan, its steps and why it is so"
    )
    show.add_argument("plan", metavar="PLAN")
    for name, about in (
        ("approve", "let a plan be carried out"),
        ("reject", "keep a plan from being carried out"),
    ):
        deciding = commands.add_parser(name, parents=[where, asking], help=about)
        deciding.add_argument("plan", metavar="PLAN")
        deciding.add_argument("--reason", required=True, metavar="TEXT", help="why")


def run(namespace: argparse.Namespace) -> int:
    """Run one sub-command. Raises GatewayError."""
    state_dir = load_settings(namespace.config).gateway.state_dir
    if namespace.what == "now":
        _leave(state_dir, _plan_now(namespace))
        print("the running gateway plans now, or when it starts")
        return 0
    with open_read_only(state_dir / FILE) as connection:
        plans = {it.plan_id: it for it in read_plans(connection)}
    if namespace.what == "list":
        _list(list(plans.values()), namespace)
        return 0
    plan = plans.get(namespace.plan)
    if plan is None:
        raise PlanError(f"no plan {namespace.plan} in this journal")
    if namespace.what == "show":
        print(json.dumps(_whole(plan)) if namespace.json else "\n".join(render(plan)))
        return 0
    return _decide(state_dir, plan, namespace)


def _plan_now(namespace: argparse.Namespace) -> PlanNow:
    try:
        return PlanNow(author=_author(namespace), item=namespace.item)
    except ValidationError as error:
        raise PlanError(f"--item: {namespace.item} is no GTIN of 14 digits") from error


def _author(namespace: argparse.Namespace) -> str:
    name = namespace.author or getpass.getuser()
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)[:64]


def _leave(state_dir: Path, wish: PlanNow | Decide) -> None:
    try:
        leave_wish(state_dir, str(uuid.uuid4()), wish)
    except OSError as error:
        raise PlanError(f"{state_dir}: not written: {error.strerror}") from error


def _decide(state_dir: Path, plan: PlanRecord, namespace: argparse.Namespace) -> int:
    decision: Literal["approved", "rejected"] = (
        "approved" if namespace.what == "approve" else "rejected"
    )
    step = Step(STEP_OF[decision], 2**53, "~")
    if state_of([*plan.steps.values(), step]) != decision:
        raise PlanError(f"{plan.plan_id} is {plan.state}: it cannot be {decision} any more")
    try:
        wish = Decide(
            author=_author(namespace),
            plan=plan.plan_id,
            decision=decision,
            reason=namespace.reason,
        )
    except ValidationError as error:
        raise PlanError(f"--reason: {error.errors(include_url=False)[0]['msg']}") from error
    _leave(state_dir, wish)
    print(f"{plan.plan_id} is {decision} by the running gateway, or when it starts")
    return 0


def _list(plans: Sequence[PlanRecord], namespace: argparse.Namespace) -> None:
    if namespace.open:
        plans = [it for it in plans if it.state == "proposed"]
    for plan in plans[-namespace.limit :]:
        if namespace.json:
            print(json.dumps(_whole(plan)))
            continue
        why = plan.body.get("approval_reason") if plan.state == "proposed" else None
        print(
            f"{plan.plan_id}  {plan.state!s:<10}  {len(plan.lines)} lines from "
            f"{plan.body.get('source')}{'' if why is None else f'  {why}'}"
        )


def _whole(plan: PlanRecord) -> dict[str, object]:
    steps = [
        {
            "name": it.name,
            "at_us": it.at_us,
            "id": it.id,
            "author": it.author,
            "reason": it.reason,
        }
        for it in in_order(plan.steps.values())
    ]
    return {**plan.body, "state": plan.state, "steps": steps}


def render(plan: PlanRecord) -> list[str]:
    """A plan as people read it."""
    body = plan.body
    supplier = f" {body['supplier']}" if body.get("supplier") else ""
    source = f"{body.get('source')}{supplier}"
    lines = [f"{plan.plan_id}: {plan.state}, from {source} to {body.get('warehouse')}"]
    if body.get("fallback"):
        lines.append(f"made by the stock levels alone, because {body['fallback']}")
    if body.get("approval_reason"):
        lines.append(f"a person must approve it: {body['approval_reason']}")
    for step in in_order(plan.steps.values()):
        by = f" by {step.author}" if step.author else ""
        lines.append(f"  {step.name}{by}{f': {step.reason}' if step.reason else ''}")
    lines += ["", f"{'item':<15}{'order':>7}{'have':>7}{'level':>7}"]
    ordered = body.get("lines")
    for line in ordered if isinstance(ordered, list) else []:
        cut = line.get("limited_by", "none")
        lines.append(
            f"{line['item']:<15}{line['quantity']:>7}{line['position_units']:>7}"
            f"{line['order_up_to_units']:>7}{'' if cut == 'none' else f'  cut by {cut}'}"
        )
    reasons = body.get("explanation")
    return lines + _needs(plan) + _reasons(reasons if isinstance(reasons, dict) else {})


def _needs(plan: PlanRecord) -> list[str]:
    """What the warehouses need that are served, those that say nothing marked."""
    if not plan.needs:
        return []
    lines = ["", f"{'serves':<15}{'items':>7}{'units':>7}{'kg':>9}  heard of"]
    for it in plan.needs:
        if it.heard_at_us is None:
            heard = "never: planned by the network document"
        else:
            days = max(0, plan.computed_at_us - it.heard_at_us) / DAY_US
            heard = f"{days:.1f} days before{', DARK: estimated' if it.is_dark else ''}"
        lines.append(f"{it.warehouse:<15}{it.n_items:>7}{it.units:>7}{it.kg:>9.1f}  {heard}")
    return lines


def _reasons(explanation: Mapping[str, object]) -> list[str]:
    lines: list[str] = []
    costs = explanation.get("costs")
    for zone, terms in costs.items() if isinstance(costs, dict) else ():
        split = ", ".join(f"{name} {cost:,.2f}" for name, cost in terms.items() if cost)
        lines.append(f"cost a day, {zone}: {split}")
    for each in _list_of(explanation, "binding"):
        if "of_kg" in each:
            used = f"{each['used_kg']} of {each['of_kg']} kg"
            lines.append(f"binds: {each['limit']} of {each['zone']}, {used}")
        else:
            lines.append(f"binds: {each['limit']}, for {each['n_items']} items")
    lines += [
        f"changed: {each['what']} of {each['zone']}: {each['was']} → {each['now']}"
        for each in _list_of(explanation, "changed")
    ]
    old = explanation.get("old_network")
    if isinstance(old, dict):
        lines.append(f"the network is of {old['days']} days before: nothing was heard since")
    levels = explanation.get("levels")
    if isinstance(levels, dict):
        counted = (f"{n} by {LEVELS_BY.get(by, by)}" for by, n in levels.items())
        lines.append(f"levels: {', '.join(counted)}")
    without = explanation.get("without")
    if isinstance(without, dict):
        lines.append(
            f"without it: {without['n_out']} items run out before the next round, "
            f"{without['short_units']} units short"
        )
    return ["", *lines] if lines else []


def _list_of(explanation: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    found = explanation.get(name)
    return [it for it in found if isinstance(it, dict)] if isinstance(found, list) else []
