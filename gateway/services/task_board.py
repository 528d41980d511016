"""Tells the PDAs what there is to do.

One retained message on `forepost/v1/{warehouse}/all/task` holds all open tasks, so that a PDA
that joins late, or comes back, knows as much as the others. It says nothing that the journal
does not say; losing it costs a delay, never a scan. How far a task is comes with each scan's
result at once; the list follows at a pace that does not fill the radio.
"""

from __future__ import annotations

import asyncio
from typing import Final

from cloud_sync.contract.events import canonical
from gateway.core.flows.board import open_tasks
from gateway.ports import MqttSession
from gateway.services.projector import Projector

ALL_DEVICES: Final = "all"
PACE_S: Final = 0.5
"""Between two lists at least: they go to every PDA, and each scan changes something in them."""


async def publish_tasks(projector: Projector, mqtt: MqttSession) -> None:
    """Publish the open tasks now and whenever they change."""
    topic = f"forepost/v1/{projector.facts.warehouse}/{ALL_DEVICES}/task"
    published = b""
    version = -1
    while True:
        version = await projector.changed.wait_beyond(version)
        payload = canonical({"v": 1, "tasks": open_tasks(projector.floor)})
        if payload != published:
            mqtt.publish(topic, payload, retain=True)
            published = payload
        await asyncio.sleep(PACE_S)
