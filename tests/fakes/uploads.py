"""A gateway as the cloud sees it: a journal of events, cut into batches at will."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from cloud_sync.contract import events as ev
from cloud_sync.contract.batches import encode_batch
from cloud_sync.contract.chain import first_link, next_link
from cloud_sync.inbox.wire import Upload, parse_upload

ITEM = "09506000134352"
EPOCH = "00000000-0000-7000-8000-0000000000e1"
EPOCH_2 = "00000000-0000-7000-8000-0000000000e2"


def event_id(number: int) -> str:
    """A UUID that tests can count on."""
    return f"00000000-0000-7000-8000-{number:012x}"


@dataclass
class Book:
    """The journal of one gateway, with the chain a real one keeps."""

    gateway: str = "gw-W1"
    warehouse: str = "W1"
    epoch: str = EPOCH
    instance: str = "a1"
    bodies: list[bytes] = field(default_factory=list)

    def write(self, raw: bytes) -> int:
        """Append bytes as they are; gives their seq."""
        self.bodies.append(raw)
        return len(self.bodies)

    def record(
        self,
        event_type: str = ev.GOODS_RECEIVED,
        *,
        number: int | None = None,
        lines: tuple[ev.Line, ...] = (),
        documents: tuple[ev.Document, ...] = (),
        body: dict[str, object] | None = None,
        at_us: int = 1_000,
    ) -> ev.Event:
        """Append an event. number: of its id; ids of different gateways differ by default."""
        seed = number if number is not None else len(self.bodies) + 1
        if number is None:
            seed += int.from_bytes(f"{self.gateway}{self.epoch[-2:]}".encode()[-5:], "big") << 8
        event = ev.Event(
            event_id=event_id(seed),
            type=event_type,
            version=1,
            occurred_at_us=at_us,
            received_at_us=at_us,
            warehouse=self.warehouse,
            device=ev.DeviceMark(id="pda-1"),
            documents=documents,
            lines=lines,
            body=body or {},
        )
        self.write(ev.encode_event(event))
        return event

    def receive(
        self, quantity: int, *, to: str = "DOCK", lot: str | None = None, number: int | None = None
    ) -> ev.Event:
        """Append a receipt from a supplier."""
        return self.record(number=number, lines=(make_line("@supplier", to, quantity, lot=lot),))

    def link(self, seq: int) -> bytes:
        """The chain's link after row `seq`."""
        link = first_link(gateway=self.gateway, epoch=self.epoch)
        for i, body in enumerate(self.bodies[:seq], 1):
            link = next_link(link, i, body)
        return link

    def batch(self, first: int = 1, last: int | None = None) -> bytes:
        """The request body for rows first to last."""
        last = len(self.bodies) if last is None else last
        return encode_batch(
            gateway=self.gateway,
            epoch=self.epoch,
            instance=self.instance,
            first_seq=first,
            chain_before=self.link(first - 1),
            chain_after=self.link(last),
            bodies=self.bodies[first - 1 : last],
        )

    def upload(self, first: int = 1, last: int | None = None) -> Upload:
        """The same, parsed."""
        return parse_upload(self.batch(first, last))


def make_line(
    from_location: str, to_location: str, quantity: int, *, lot: str | None = None
) -> ev.Line:
    """One movement of the item of these tests."""
    return ev.Line(
        item=ITEM,
        lot=lot,
        from_location=from_location,
        to_location=to_location,
        quantity=quantity,
    )


def changed(raw: bytes, **changes: object) -> bytes:
    """A request body with other top-level members; None takes one away."""
    batch = {**json.loads(raw), **changes}
    return json.dumps({key: value for key, value in batch.items() if value is not None}).encode()
