"""A gateway's journal with documents in it, as if the cloud had sent them and then gone away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

from pydantic import BaseModel

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from gateway.clock import SystemClock
from gateway.ports import Draft, Entry
from tests.rigs.journal import opened

Documents = Sequence[tuple[str, str, BaseModel]]
"""Kind, key and content."""


async def seed(
    state_dir: Path,
    documents: Documents,
    stock: Sequence[ev.Line] = (),
    *,
    warehouse: str = "J1",
    facts: Sequence[tuple[str, Mapping[str, object]]] = (),
) -> None:
    """Journal the documents, stock that was there before the day began, and other facts, by type
    and body; at gw-`warehouse`."""
    ids = (f"00000000-0000-7000-9000-{n:012x}" for n in count(1))
    now_us = SystemClock().wall_us()
    bodies: list[tuple[str, Mapping[str, object], tuple[ev.Line, ...]]] = [
        (ev.DOCUMENT_CHANGED, _change(kind, key, content), ()) for kind, key, content in documents
    ]
    bodies += [(kind, body, ()) for kind, body in facts]
    if stock:
        bodies.append((ev.GOODS_RECEIVED, {}, tuple(stock)))
    entries = []
    for event_type, body, lines in bodies:
        event = ev.Event(
            event_id=next(ids), type=event_type, version=1, occurred_at_us=now_us,
            received_at_us=now_us, warehouse=warehouse, body=body, lines=lines,
        )  # fmt: skip
        draft = Draft(event.event_id, event.type, now_us, ev.encode_event(event))
        entries.append(Entry((draft,)))
    state_dir.mkdir(parents=True, exist_ok=True)
    async with opened(state_dir, clock=SystemClock(), gateway=f"gw-{warehouse}") as journal:
        await journal.append(entries)


def _change(kind: str, key: str, content: BaseModel) -> dict[str, object]:
    data = content.model_dump(exclude_none=True)
    return {"kind": kind, "key": key, "version": 1, "deleted": False, "data": data}


def master_data() -> list[tuple[str, str, BaseModel]]:
    """Milk, rice and peas in three zones, six bins, a picker and a supervisor."""
    items = (
        ("09506000134352", "Milk", "refrigerated"),
        ("09506000134369", "Rice", "ambient"),
        ("09506000134376", "Peas", "frozen"),
    )
    bins = {"R-01": 10, "R-02": 20, "R-03": 30, "A-01": 40, "F-01": 50}
    zones = {"R": "refrigerated", "A": "ambient", "F": "frozen"}
    found: list[tuple[str, str, BaseModel]] = [
        (
            doc.ITEM,
            gtin,
            doc.Item(gtin=gtin, names={"en": name}, zone=zone, grams_per_unit=500),
        )
        for gtin, name, zone in items
    ]
    found += [
        (
            doc.LOCATION,
            f"J1.{name}",
            doc.Location(warehouse="J1", id=name, zone=zones[name[0]], walk=walk),
        )
        for name, walk in bins.items()
    ]
    found.append((doc.WORKER, "w1", doc.Worker(id="w1", roles=["picker", "counter"])))
    found.append((doc.WORKER, "w2", doc.Worker(id="w2", roles=["supervisor"], badge="BADGE-2")))
    return found
