"""A warehouse floor without a gateway around it: scans in, outcomes out, folded when asked to."""

from __future__ import annotations

from itertools import count

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.inventory.folding import LedgerRow, rebuild
from gateway.core.decode import Decoder, Outcome, When
from gateway.core.facts import Facts
from gateway.core.flows.floor import Floor
from gateway.core.flows.goods import Goods
from gateway.core.projection import effects_of
from gateway.core.readings import Scan, Stamp, Symbol, TagRead, TaskContext

MILK, RICE, PEAS = "09506000134352", "09506000134369", "09506000134376"
SSCC = "106141411234567897"
TODAY = "2026-11-21"
BIN_WALKS = {"R-01": 10, "R-02": 20, "R-03": 30, "A-01": 40, "F-01": 50}
ZONES = {"R": "refrigerated", "A": "ambient", "F": "frozen"}


def base_facts() -> Facts:
    """Three items, one per zone; five bins; a picker and a supervisor."""
    facts = Facts("J1")
    for gtin, name, zone in (
        (MILK, "Milk", "refrigerated"),
        (RICE, "Rice", "ambient"),
        (PEAS, "Peas", "frozen"),
    ):
        facts.items[gtin] = doc.Item(gtin=gtin, names={"en": name}, zone=zone, grams_per_unit=500)
    for name, walk in BIN_WALKS.items():
        facts.locations[name] = doc.Location(
            warehouse="J1", id=name, zone=ZONES[name[0]], walk=walk
        )
    facts.workers["w1"] = doc.Worker(id="w1", roles=["picker"])
    facts.workers["w2"] = doc.Worker(id="w2", roles=["supervisor"], badge="BADGE-2")
    return facts


class Hall:
    """The floor and what happened on it. Nothing is folded until `fold` is called."""

    def __init__(self, facts: Facts | None = None) -> None:
        self.facts = base_facts() if facts is None else facts
        self.floor = Floor(lambda: self.facts)
        self.events: list[ev.Event] = []
        self._folded = 0
        self._seqs = count(1)
        ids = (f"00000000-0000-7000-8000-{n:012x}" for n in count(1))
        self.decoder = Decoder("J1", "en", ids.__next__)

    def scan(
        self,
        task: TaskContext,
        symbol: Symbol | None = None,
        *,
        device: str = "pda-1",
        data: str = "",
    ) -> Outcome:
        """One scan, decided and noted as the intake does it."""
        n = next(self._seqs)
        stamp = Stamp(device, "b", n, None, 1_000 + n)
        when = When(1_000 + n, "trusted", 5, TODAY)
        outcome = self.decoder.scan(Scan(stamp, data, None, task, symbol), self.floor, when)
        return self._note(outcome)

    def sweep(self, task: TaskContext, found: dict[str, tuple[str, ...]]) -> Outcome:
        """One sweep of a place's tags."""
        n = next(self._seqs)
        read = TagRead(Stamp("sled-1", "b", n, None, 1_000 + n), (), task)
        when = When(1_000 + n, "trusted", 5, TODAY)
        return self._note(self.decoder.sweep(read, task, found, self.floor, when))

    def _note(self, outcome: Outcome) -> Outcome:
        for event in outcome.events:
            # What is on the wire is what counts: the rest of the program sees no other.
            assert ev.parse_event(ev.encode_event(event)) == event
            self.floor.note(event)
            self.events.append(event)
        return outcome

    def office(self, kind: str, key: str, *, is_deleted: bool) -> None:
        """A document that the cloud sent, or took back."""
        event = ev.Event(
            event_id=self.decoder.new_id(), type=ev.DOCUMENT_CHANGED, version=1,
            occurred_at_us=1_000, received_at_us=1_000, warehouse="J1",
            body={"kind": kind, "key": key, "deleted": is_deleted},
        )  # fmt: skip
        self.floor.note(event)
        self.events.append(event)

    def fold(self, n: int | None = None) -> None:
        """Let the projector take in the next `n` events, or all."""
        end = len(self.events) if n is None else min(len(self.events), self._folded + n)
        rows = list(enumerate(self.events[self._folded : end], self._folded + 1))
        self.facts.lots.update(effects_of(rows, "J1").lots)
        ledger = rebuild(
            LedgerRow("gw", "e", seq, event) for seq, event in enumerate(self.events[:end], 1)
        )
        self.facts.stock.clear()
        self.facts.stock.update({key: n for key, n in ledger.balances.items() if n})
        for _, event in rows:
            self.facts.flows.apply(event)
        self.floor.follow(rows)
        self._folded = end

    def put(self, item: str, lot: str, location: str, quantity: int, expiry: str | None) -> None:
        """Stock that was there before the day began, wherever it is."""
        symbol = Symbol((), item, lot, expiry)
        task = TaskContext("receive", None, location, quantity, supervisor="w2")
        assert self.scan(task, symbol, device="night").events

    def on_hand(self, item: str, lot: str, location: str, status: str = "available") -> int:
        """Units there, noted ones included."""
        return self.floor.balance(self.floor.key(Goods(item, lot, "EA"), location, status))


def of(item: str, lot: str | None = None, expiry: str | None = None) -> Symbol:
    """The symbol on a piece."""
    return Symbol((), item, lot, expiry)
