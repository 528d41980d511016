"""Tells the PDAs what there is to do.

One retained message on `forepost/v1/{warehouse}/all/task` holds all open tasks, so that a PDA
that joins late, or comes back, knows as much as the others. It says nothing that the journal
does not say; losing it costs a delay, never a scan. How far a task is comes with each scan's
result at once; the list follows at a pace that does not fill the radio.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from cloud_sync.contract.events import canonical
from gateway.core.flows.board import open_tasks
from gateway.services.broker_watch import WatchedSession
from gateway.services.projector import Projector

ALL_DEVICES: Final = "all"
LOOK_S: Final = 15.0
"""How often it is looked whether the broker was there anew, on a quiet night."""
PACE_S: Final = 0.5
"""Between two lists at least: they go to every PDA, and each scan changes something in them."""


async def publish_tasks(projector: Projector, mqtt: WatchedSession) -> None:
    """Publish the open tasks now, whenever they change, and to a broker that forgot them."""
    topic = f"forepost/v1/{projector.facts.warehouse}/{ALL_DEVICES}/task"
    told: tuple[bytes, int] | None = None
    payload, version = b"", -1
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                version = await projector.changed.wait_beyond(version)
                payload = canonical({"v": 1, "tasks": open_tasks(projector.floor)})
        # A broker that was killed may have lost what it retained, as it lost our session.
        now = payload, mqtt.n_forgotten
        if payload and now != told:
            mqtt.publish(topic, payload, retain=True)
            told = now
        await asyncio.sleep(PACE_S)
