"""A plan's life: where each step leads from each state, and what state a set of steps makes.

    state        approve   reject    supersede   order    cancel     dispatch    receive   close
    proposed     approved  rejected  superseded  ordered  cancelled  in_transit  received  –
    approved     –         rejected  superseded  ordered  cancelled  in_transit  received  –
    ordered      –         –         –           –        cancelled  in_transit  received  closed
    in_transit   –         –         –           –        –          –           received  closed
    received     –         –         –           –        –          –           –         closed
    rejected     –         –         –           –        –          in_transit  received  –
    superseded   –         –         –           –        –          in_transit  received  –
    cancelled    –         –         –           –        –          in_transit  received  –
    closed       –         –         –           –        –          –           –         –

Approving, rejecting and superseding are decisions, which the first who makes one makes; an
approval can be taken back until goods leave. What follows are facts, and no fact is refused: goods
that left under a plan that nobody wanted any more are in transit all the same. To cancel is to
close the delivery before anything had left.

The state is a function of the set of steps. Decisions come before facts, decisions among each
other by their time, then by their id; so a gateway and the cloud that know the same steps know
the same state, in whatever order they learnt of them. A step that the table does not know is
without effect, and is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

StepName = Literal[
    "propose",
    "approve",
    "reject",
    "supersede",
    "order",
    "cancel",
    "dispatch",
    "receive",
    "close",
]
State = Literal[
    "proposed",
    "approved",
    "rejected",
    "superseded",
    "ordered",
    "cancelled",
    "in_transit",
    "received",
    "closed",
]

PROPOSE: Final = "propose"
APPROVE: Final = "approve"
REJECT: Final = "reject"
SUPERSEDE: Final = "supersede"
ORDER: Final = "order"
CANCEL: Final = "cancel"
DISPATCH: Final = "dispatch"
RECEIVE: Final = "receive"
CLOSE: Final = "close"

_FACTS: Final[dict[StepName, State]] = {DISPATCH: "in_transit", RECEIVE: "received"}
_ORDERS: Final[dict[StepName, State]] = {ORDER: "ordered", CANCEL: "cancelled"}
_DECISIONS: Final[dict[StepName, State]] = {REJECT: "rejected", SUPERSEDE: "superseded"}

NEXT: Final[dict[State | None, dict[StepName, State]]] = {
    None: {PROPOSE: "proposed"},
    "proposed": {APPROVE: "approved", **_DECISIONS, **_ORDERS, **_FACTS},
    "approved": {**_DECISIONS, **_ORDERS, **_FACTS},
    "ordered": {CANCEL: "cancelled", **_FACTS, CLOSE: "closed"},
    "in_transit": {RECEIVE: "received", CLOSE: "closed"},
    "received": {CLOSE: "closed"},
    "rejected": {**_FACTS},
    "superseded": {**_FACTS},
    "cancelled": {**_FACTS},
    "closed": {},
}
"""From a state, where each step leads; None: before the proposal is known."""

_PHASE: Final[dict[StepName, int]] = {
    PROPOSE: 0,
    APPROVE: 1,
    REJECT: 1,
    SUPERSEDE: 1,
    ORDER: 2,
    CANCEL: 3,
    DISPATCH: 4,
    RECEIVE: 5,
    CLOSE: 6,
}

STEPS: Final[dict[str, StepName]] = {name: name for name in _PHASE}
"""Steps by their names, for those who read them from somewhere."""
DROPPED: Final = frozenset({"rejected", "superseded", "cancelled"})
"""States in which nothing is expected of a plan any more."""
OPEN: Final = frozenset({"proposed", "approved", "ordered"})
"""States in which nothing has left yet, so that a better plan can still take its place."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step. id: of the event or the decision that made it; author and reason for people."""

    name: StepName
    at_us: int
    id: str
    author: str = ""
    reason: str = ""


def in_order(steps: Iterable[Step]) -> list[Step]:
    """Steps as they count: decisions before facts, then by time, then by id."""
    return sorted(steps, key=lambda it: (_PHASE[it.name], it.at_us, it.id, it.name))


def path_of(steps: Iterable[Step]) -> Iterator[tuple[Step, State]]:
    """The steps that had an effect, each with the state that it led to."""
    state: State | None = None
    for step in in_order(steps):
        after = NEXT[state].get(step.name)
        if after is not None:
            state = after
            yield step, after


def state_of(steps: Iterable[Step]) -> State | None:
    """Where a plan stands; None while its proposal is not known."""
    state: State | None = None
    for _, after in path_of(steps):
        state = after
    return state
