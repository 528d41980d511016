"""The bodies of `replenishment.triggered`, `plan.proposed` and `plan.decided`.

A trigger says which item ran low and why; a plan answers one or more triggers with order lines
for the triggering warehouse and the class plan of the whole network they were cut from. Triggers
that need no plan any more are answered by a decision that says so: none ends in silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cloud_sync.contract import keys, plan_life
from cloud_sync.contract.documents import Asn, Units
from cloud_sync.contract.events import PLAN_DECIDED, PLAN_PROPOSED, Event, Gtin, Id, Time
from cloud_sync.contract.plan_life import Step

_WIRE = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)


Cause = Literal[
    "reorder_point",
    "stock_out",
    "expiring",
    "excursion",
    "surge",
    "schedule",
    "stale_plan",
    "manual",
]
REORDER_POINT: Final = "reorder_point"
STOCK_OUT: Final = "stock_out"
EXPIRING: Final = "expiring"
EXCURSION: Final = "excursion"
SURGE: Final = "surge"
SCHEDULE: Final = "schedule"
STALE_PLAN: Final = "stale_plan"
MANUAL: Final = "manual"


class TriggerBody(BaseModel):
    """Why replenishment is needed, fired once per (cause, item, warehouse, window).

    key: "{cause}:{item}:{warehouse}:{window}", "*" for a trigger that is for no single item.
    position_units: on hand (usable) + on order - allocated when it fired. extra_units: what a
    surge is expected to take on top of the usual. reason: one sentence for people.
    """

    model_config = _WIRE

    key: str
    cause: Cause
    item: Gtin | None = None
    warehouse: Id
    window: int
    position_units: int | None = None
    reorder_point_units: Units | None = None
    extra_units: Units | None = None
    reason: str


class ApprovalLimits(BaseModel):
    """Up to where a plan is carried out without a person's word: `approval` of a network.

    Limits are inclusive; None: no limit. value_max: at purchase prices, in the network's money.
    fallback: whether a plan that no solver made may go on its own.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    kg_max: Annotated[float, Field(ge=0)] | None = None
    units_max: Units | None = None
    lines_max: Annotated[int, Field(ge=0, le=10**6)] | None = None
    value_max: Annotated[float, Field(ge=0)] | None = None
    fallback: bool = True


class OrderLine(BaseModel):
    """One SKU to order: units, a multiple of the case pack.

    limited_by: what kept it below its need: what sells within its life, or room on the way.
    """

    model_config = _WIRE

    item: Gtin
    quantity: Annotated[int, Field(ge=1, le=10**9)]
    order_up_to_units: Units
    position_units: int
    limited_by: Literal["none", "life", "room"] = "none"


class WarehouseNeed(BaseModel):
    """What a warehouse that is served needs, and how much is known of it.

    is_dark: it was not heard of for too long, so that all of this is estimated. heard_at_us: None
    for one that was never heard of; nothing is known of its items, and it is in the network's plan
    at the network document's demand. n_items, units, kg: all that it needs of the zones planned.
    by_item: units of those items that the plan orders.
    """

    model_config = _WIRE

    warehouse: Id
    is_dark: bool
    heard_at_us: Time | None = None
    n_items: Annotated[int, Field(ge=0)]
    units: Annotated[int, Field(ge=0)]
    kg: Annotated[float, Field(ge=0)]
    by_item: dict[Gtin, Units] = {}


class PlanBody(BaseModel):
    """A replenishment plan as proposed by a gateway.

    plan_id names it; source is a central warehouse, or @supplier where a central warehouse plans
    what to buy: a proposal for procurement. triggers are event ids; based_on_seq is the journal
    position of the stock it was computed from and computed_at_us when. network_plan is a
    forepost-plan/1 object, empty where no solver made it: fallback then says why.
    network_version: of the network document.
    approval: whether it goes on its own, or waits for a person, then with the reason.
    explanation: what it costs, what binds, what changed, what would be without it
    (docs/planning.md). supersedes: the plans whose place it takes. supplier: who is to deliver,
    where the source is @supplier and master data say it. needs: of the warehouses that a central
    one serves, which the plan has taken into account.
    """

    model_config = _WIRE

    plan_id: Id
    warehouse: Id
    source: Annotated[str, Field(pattern=keys.LOCATION_PATTERN)]
    triggers: list[str]
    based_on_seq: Annotated[int, Field(ge=0)]
    computed_at_us: Time
    objective: float | None = None
    lines: list[OrderLine]
    network_plan: dict[str, object]
    fallback: str | None = None
    network_version: Annotated[int, Field(ge=0)] | None = None
    approval: Literal["automatic", "needed"] = "automatic"
    approval_reason: str | None = None
    explanation: dict[str, object] = {}
    supersedes: list[Id] = []
    supplier: Id | None = None
    needs: list[WarehouseNeed] = []


class ReconciledLine(BaseModel):
    """What a plan's line came to."""

    model_config = _WIRE

    item: Gtin
    ordered_units: Units
    received_units: int


class DecisionBody(BaseModel):
    """What became of triggers that led to no plan, or what was decided of a plan (plan_id).

    superseded: when it was their turn, nothing was left to order; or another plan takes the
    plan's place. closed: all that will come of it has come, `reconciled` says what. triggers are
    event ids; based_on_seq is the journal position this was seen from. reason: one sentence for
    people. author: who said so; None: the gateway by itself.
    """

    model_config = _WIRE

    decision: Literal["superseded", "approved", "rejected", "closed"]
    triggers: list[str] = []
    based_on_seq: Annotated[int, Field(ge=0)]
    reason: str
    plan_id: Id | None = None
    author: str | None = None
    reconciled: list[ReconciledLine] | None = None


STEP_OF: Final[dict[str, plan_life.StepName]] = {
    "superseded": plan_life.SUPERSEDE,
    "approved": plan_life.APPROVE,
    "rejected": plan_life.REJECT,
    "closed": plan_life.CLOSE,
}
"""The step in a plan's life that a decision is."""


def steps_told(event: Event) -> Iterator[tuple[str, Step]]:
    """The steps that a plan's proposal or a decision on it is, with the plan's id."""
    at_us, name = event.occurred_at_us, event.event_id
    if event.type == PLAN_PROPOSED:
        plan = PlanBody.model_validate(dict(event.body))
        yield plan.plan_id, Step(plan_life.PROPOSE, at_us, name)
        if plan.approval == "automatic":
            yield plan.plan_id, Step(plan_life.APPROVE, at_us, name)
    elif event.type == PLAN_DECIDED:
        try:
            said = DecisionBody.model_validate(dict(event.body))
        except ValidationError:
            return  # a decision that a newer gateway knows: kept, and without effect here
        if said.plan_id is not None:
            step = Step(STEP_OF[said.decision], at_us, name, said.author or "", said.reason)
            yield said.plan_id, step


def step_of_delivery(asn: Asn) -> plan_life.StepName:
    """How far a plan is by its delivery as it stands."""
    if asn.closed is not None and not asn.shipped:
        return plan_life.CANCEL
    if asn.source == keys.SUPPLIER and asn.status == "dispatched":
        return plan_life.ORDER  # a supplier's delivery is under way from the start
    return _BY_DELIVERY[asn.status]


_BY_DELIVERY: Final[dict[str, plan_life.StepName]] = {
    "planned": plan_life.ORDER,
    "dispatched": plan_life.DISPATCH,
    "received": plan_life.RECEIVE,
}


def transfer_id(plan_id: str) -> str:
    """The transfer that carries out a plan at its source."""
    return plan_id.replace("PL-", "TR-", 1)


def asn_id(plan_id: str) -> str:
    """The expected delivery that a plan becomes at its warehouse."""
    return plan_id.replace("PL-", "ASN-", 1)


def plan_of_asn(asn: str) -> str | None:
    """The plan whose delivery has this id, if it can be one."""
    return asn.replace("ASN-", "PL-", 1) if asn.startswith("ASN-") else None


def asn_of(transfer: str, plan: str | None) -> str:
    """The expected delivery at the other end of a transfer, be it of a plan or of people."""
    if plan is not None:
        return asn_id(plan)
    return f"ASN-{transfer.removeprefix('TR-')}"
