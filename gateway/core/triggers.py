"""When stock is low enough to ask for more, and not to ask twice.

An (s, S) policy under continuous review: the trigger fires when the inventory position is at or
below the reorder point s. Hysteresis: having fired, it is armed again only when the position has
been above s. Quiet period: one item fires at most once per `quiet_us`, whatever happens between.
"""

from __future__ import annotations

from cloud_sync.contract.documents import Policy
from cloud_sync.contract.plans import TriggerBody
from gateway.core.facts import TriggerState

REORDER_POINT = "reorder_point"


def reorder_trigger(
    policy: Policy, *, position_units: int, state: TriggerState, now_us: int, quiet_us: int
) -> tuple[TriggerBody | None, TriggerState]:
    """The trigger that this position makes, if any, and the state to remember."""
    low = position_units <= policy.reorder_point_units
    if not low:
        return None, TriggerState(is_armed=True, fired_at_us=state.fired_at_us)
    if not state.is_armed:
        return None, state
    if state.fired_at_us is not None and now_us - state.fired_at_us < quiet_us:
        return None, state
    window = now_us // quiet_us if quiet_us else now_us
    body = TriggerBody(
        key=f"{REORDER_POINT}:{policy.gtin}:{policy.warehouse}:{window}",
        cause=REORDER_POINT,
        item=policy.gtin,
        warehouse=policy.warehouse,
        window=window,
        position_units=position_units,
        reorder_point_units=policy.reorder_point_units,
        reason=(
            f"{policy.gtin}: {position_units} units on hand and on order, at or below the "
            f"reorder point of {policy.reorder_point_units}"
        ),
    )
    return body, TriggerState(is_armed=False, fired_at_us=now_us)
