"""When replenishment is asked for, and why: one cause fires once.

A Look is what is known of an item at one moment. Each level cause says of a look whether it is
so, and whether it is over:

    cause          is so                                             is over
    reorder_point  position at or below the reorder point s          position above s
    stock_out      what is on hand ends before the next delivery,    it lasts a tenth longer
                   and goods that are ordered now would come first
    expiring       less what will not sell in time, at or below s    above s
    surge          sales far above the forecast                      back within it
    stale_plan     a plan's item is not where its plan expected it   it is, within half of that

Hysteresis: having fired, a cause is armed again only when it was over. Quiet period: time is cut
into windows of `quiet_us`; a cause that fired for an item is silent for the rest of the window and
the whole of the next. Causes that happen and have no level (an excursion that took goods away, the
time of day, a person's wish) have the quiet period only, and a person's wish not even that.

Key: "{cause}:{item}:{warehouse}:{window}". The window is the one that the time lies in, but always
above the last one of this cause and item: a clock that was set back makes no key twice, and one
that was years ahead keeps nothing from firing afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from cloud_sync.contract.plans import (
    EXCURSION,
    EXPIRING,
    REORDER_POINT,
    STALE_PLAN,
    STOCK_OUT,
    SURGE,
    Cause,
    TriggerBody,
)
from gateway.core.facts import TriggerState
from gateway.core.messages import message

OVER_BY: Final = 1.1
"""A stock-out is over when the goods last so much longer than until the delivery."""
ANY: Final = "*"
"""In a key: the trigger is for no single item."""

States = Mapping[tuple[str, str], TriggerState]
"""By cause and item; item "" where it is for none."""


@dataclass(frozen=True, slots=True)
class Strain:
    """A plan whose item has gone another way than was expected, by so many units.

    is_far: beyond what the plan allows for. is_near: within half of that.
    """

    plan_id: str
    off_units: int
    is_far: bool
    is_near: bool


class Rush(NamedTuple):
    """Whether an item sells in a surge (cloud_sync/demand/surge), and how it began.

    n_sales: where n_expected were expected. extra_units: what the surge will take on top of the
    usual, if it goes on for a while.
    """

    is_on: bool
    n_sales: int = 0
    n_expected: float = 0.0
    extra_units: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of an item at one moment; only what is usable counts.

    position_units: on hand + on order - allocated. on_hand_units: less what is allocated.
    next_delivery_days: None where nothing is under way. unsold_units: of what is on hand, what
    will expire before it is sold at the usual pace. taken_units: what an excursion has just taken
    away. cover_days: how long what is on hand lasts, inf where next to nothing is sold.
    surge: what was sold in a short time against what was expected; None where nobody knows
    anything new, so that nothing changes.
    """

    item: str
    name: str
    warehouse: str
    reorder_point_units: int
    position_units: int
    on_hand_units: int
    cover_days: float
    lead_time_days: float = 0.0
    next_delivery_days: float | None = None
    unsold_units: int = 0
    taken_units: int = 0
    surge: Rush | None = None
    strain: Strain | None = None


class Standing(NamedTuple):
    """Whether a cause is so, whether it is over (both: neither), and the words to say it."""

    is_so: bool
    is_over: bool
    values: Mapping[str, object]


def _reorder_point(look: Look) -> Standing:
    is_low = look.position_units <= look.reorder_point_units
    return Standing(is_low, not is_low, {})


def _stock_out(look: Look) -> Standing:
    days = look.next_delivery_days
    if days is None:
        return Standing(is_so=False, is_over=True, values={})
    values = {"cover": f"{look.cover_days:.1f}", "days": f"{days:.1f}"}
    is_late = days > look.lead_time_days and look.cover_days < days
    return Standing(is_late, look.cover_days >= days * OVER_BY, values)


def _expiring(look: Look) -> Standing:
    left = look.position_units - look.unsold_units
    is_low = look.unsold_units > 0 and left <= look.reorder_point_units
    is_over = left > look.reorder_point_units
    return Standing(is_low, is_over, {"unsold": look.unsold_units, "left": left})


def _surge(look: Look) -> Standing:
    if look.surge is None:
        return Standing(is_so=False, is_over=False, values={})
    rush = look.surge
    values = {"sold": rush.n_sales, "expected": f"{rush.n_expected:.1f}"}
    return Standing(rush.is_on, not rush.is_on, values)


def _stale_plan(look: Look) -> Standing:
    strain = look.strain
    if strain is None:
        return Standing(is_so=False, is_over=True, values={})
    values = {"plan": strain.plan_id, "off": f"{strain.off_units:+d}"}
    return Standing(strain.is_far, strain.is_near, values)


LEVELS: Final[Mapping[Cause, Callable[[Look], Standing]]] = {
    REORDER_POINT: _reorder_point,
    STOCK_OUT: _stock_out,
    EXPIRING: _expiring,
    SURGE: _surge,
    STALE_PLAN: _stale_plan,
}


def triggers_of(
    look: Look, states: States, *, now_us: int, quiet_us: int, language: str
) -> tuple[list[TriggerBody], dict[tuple[str, str], TriggerState]]:
    """The triggers that a look fires, and the states that it changes."""
    bodies: list[TriggerBody] = []
    changed: dict[tuple[str, str], TriggerState] = {}

    def fire(cause: Cause, values: Mapping[str, object]) -> None:
        state = states.get((cause, look.item), TriggerState())
        if not is_quiet(state, now_us, quiet_us):
            changed[cause, look.item] = fired(state, now_us, quiet_us)
            window = changed[cause, look.item].window
            bodies.append(_body(cause, look, window, values, language))

    if look.taken_units > 0:
        fire(EXCURSION, {"taken": look.taken_units})
    for cause, level in LEVELS.items():
        standing = level(look)
        state = states.get((cause, look.item), TriggerState())
        if standing.is_over:
            if not state.is_armed:
                changed[cause, look.item] = TriggerState(
                    is_armed=True, fired_at_us=state.fired_at_us, window=state.window
                )
        elif standing.is_so and state.is_armed:
            fire(cause, standing.values)
    return bodies, changed


def is_quiet(state: TriggerState, now_us: int, quiet_us: int) -> bool:
    """Whether the quiet period after the last firing lasts still; a time before it ends it."""
    if state.fired_at_us is None or quiet_us == 0:
        return False
    return 0 <= now_us // quiet_us - state.fired_at_us // quiet_us < 2


def fired(state: TriggerState, now_us: int, quiet_us: int) -> TriggerState:
    """The state after firing."""
    window = now_us // quiet_us if quiet_us else now_us
    if state.window is not None:
        window = max(window, state.window + 1)
    return TriggerState(is_armed=False, fired_at_us=now_us, window=window)


def happening(
    cause: Cause,
    *,
    item: str,
    name: str,
    warehouse: str,
    state: TriggerState,
    now_us: int,
    quiet_us: int,
    language: str,
    values: Mapping[str, object],
) -> tuple[TriggerBody | None, TriggerState]:
    """The trigger of something that has no level. item: "" where it is for none."""
    if is_quiet(state, now_us, quiet_us):
        return None, state
    after = fired(state, now_us, quiet_us)
    sentence = f"trigger_{cause}" if item else f"trigger_{cause}_all"
    body = TriggerBody(
        key=f"{cause}:{item or ANY}:{warehouse}:{after.window}",
        cause=cause,
        item=item or None,
        warehouse=warehouse,
        window=after.window or 0,
        reason=message(sentence, language, **{"item": name or item, **values}),
    )
    return body, after


def _body(
    cause: Cause, look: Look, window: int | None, values: Mapping[str, object], language: str
) -> TriggerBody:
    words = {
        "item": look.name,
        "position": look.position_units,
        "on_hand": look.on_hand_units,
        "reorder_point": look.reorder_point_units,
        **values,
    }
    return TriggerBody(
        key=f"{cause}:{look.item}:{look.warehouse}:{window}",
        cause=cause,
        item=look.item,
        warehouse=look.warehouse,
        window=window or 0,
        position_units=look.position_units,
        reorder_point_units=look.reorder_point_units,
        extra_units=look.surge.extra_units if cause == SURGE and look.surge else None,
        reason=message(f"trigger_{cause}", language, **words),
    )
