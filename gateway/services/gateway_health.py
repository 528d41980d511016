"""The gateway's word about itself, `gateway.health`, ready for the journal."""

from __future__ import annotations

from collections.abc import Mapping

from cloud_sync.contract import events as ev
from cloud_sync.contract.version import EVENT_VERSION
from gateway.ports import Draft


def health_draft(
    body: Mapping[str, object],
    *,
    event_id: str,
    warehouse: str,
    now_us: int,
    at_us: int | None = None,
) -> Draft:
    """The event that says it. at_us: when it was so, if not now; times before 1970 are none."""
    received_at_us = max(0, now_us)
    event = ev.Event(
        event_id=event_id,
        type=ev.GATEWAY_HEALTH,
        version=EVENT_VERSION,
        occurred_at_us=received_at_us if at_us is None else at_us,
        received_at_us=received_at_us,
        warehouse=warehouse,
        body=body,
    )
    return Draft(event.event_id, event.type, event.occurred_at_us, ev.encode_event(event))
