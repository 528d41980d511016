"""The bodies of `replenishment.triggered`, `plan.proposed` and `plan.decided`.

A trigger says which item ran low and why; a plan answers one or more triggers with order lines
for the triggering warehouse and the class plan of the whole network they were cut from. Triggers
that need no plan any more are answered by a decision that says so: none ends in silence.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from cloud_sync.contract.documents import Units
from cloud_sync.contract.events import Gtin, Id, Time

_WIRE = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)


class TriggerBody(BaseModel):
    """Why replenishment is needed, fired once per (cause, item, warehouse, window).

    key: "{cause}:{item}:{warehouse}:{window}". position_units: on hand (usable) + on order
    - allocated when it fired. reason: one sentence for people.
    """

    model_config = _WIRE

    key: str
    cause: Literal["reorder_point"]
    item: Gtin
    warehouse: Id
    window: int
    position_units: int
    reorder_point_units: Units
    reason: str


class OrderLine(BaseModel):
    """One SKU to order: units, a multiple of the case pack."""

    model_config = _WIRE

    item: Gtin
    quantity: Annotated[int, Field(ge=1, le=10**9)]
    order_up_to_units: Units
    position_units: int


class PlanBody(BaseModel):
    """A replenishment plan as proposed by a gateway.

    plan_id names it; triggers are event ids; based_on_seq is the journal position of the stock
    it was computed from and computed_at_us when. network_plan is a forepost-plan/1 object.
    fallback names why no solver made it; None when one did.
    """

    model_config = _WIRE

    plan_id: Id
    warehouse: Id
    source: Id
    triggers: list[str]
    based_on_seq: Annotated[int, Field(ge=0)]
    computed_at_us: Time
    objective: float
    lines: list[OrderLine]
    network_plan: dict[str, object]
    fallback: str | None = None


class DecisionBody(BaseModel):
    """What became of triggers that led to no plan.

    superseded: when it was their turn, nothing was left to order. triggers are event ids;
    based_on_seq is the journal position this was seen from. reason: one sentence for people.
    """

    model_config = _WIRE

    decision: Literal["superseded"]
    triggers: list[str]
    based_on_seq: Annotated[int, Field(ge=0)]
    reason: str


def transfer_id(plan_id: str) -> str:
    """The transfer that carries out a plan at its source."""
    return plan_id.replace("PL-", "TR-", 1)


def asn_id(plan_id: str) -> str:
    """The expected delivery that a plan becomes at its warehouse."""
    return plan_id.replace("PL-", "ASN-", 1)


def asn_of(transfer: str, plan: str | None) -> str:
    """The expected delivery at the other end of a transfer, be it of a plan or of people."""
    if plan is not None:
        return asn_id(plan)
    return f"ASN-{transfer.removeprefix('TR-')}"
