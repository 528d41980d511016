"""Tells the PDAs what there is to do: deliveries to receive, transfers to send.

One retained message on `forepost/v1/{warehouse}/all/task` holds all open tasks, so that a PDA
that joins late, or comes back, knows as much as the others. It says nothing that the documents
do not say; losing it costs a delay, never a scan.
"""

from __future__ import annotations

from typing import Final

from cloud_sync.contract.documents import Asn, ShipmentLine, Transfer
from cloud_sync.contract.events import canonical
from gateway.core.facts import Facts
from gateway.ports import MqttSession
from gateway.services.projector import Projector

ALL_DEVICES: Final = "all"
MAX_TASKS: Final = 200


def open_tasks(facts: Facts) -> list[dict[str, object]]:
    """What workers of this warehouse can do now, oldest document first."""
    tasks: list[dict[str, object]] = []
    for asn_key in sorted(facts.asns):
        asn = facts.asns[asn_key]
        if asn.warehouse == facts.warehouse and asn.status == "dispatched":
            tasks.append(_receive_task(asn))
    for transfer_key in sorted(facts.transfers):
        transfer = facts.transfers[transfer_key]
        if transfer.source == facts.warehouse and transfer.status != "received":
            tasks.append(_ship_task(transfer))
    return tasks[:MAX_TASKS]


def _receive_task(asn: Asn) -> dict[str, object]:
    goods = asn.shipped or asn.ordered
    return {
        "type": "receive",
        "id": asn.id,
        "source": asn.source,
        "lines": [_line(line) for line in goods],
    }


def _ship_task(transfer: Transfer) -> dict[str, object]:
    return {
        "type": "ship",
        "id": transfer.id,
        "destination": transfer.destination,
        "lines": [_line(line) for line in transfer.ordered],
        "shipped": [_line(line) for line in transfer.shipped],
    }


def _line(line: ShipmentLine) -> dict[str, object]:
    return line.model_dump(exclude_none=True)


async def publish_tasks(projector: Projector, mqtt: MqttSession) -> None:
    """Publish the open tasks now and whenever they change."""
    topic = f"forepost/v1/{projector.facts.warehouse}/{ALL_DEVICES}/task"
    published = b""
    version = -1
    while True:
        version = await projector.changed.wait_beyond(version)
        payload = canonical({"v": 1, "tasks": open_tasks(projector.facts)})
        if payload != published:
            mqtt.publish(topic, payload, retain=True)
            published = payload
