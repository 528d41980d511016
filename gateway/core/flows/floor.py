"""What is known when a scan is decided: the facts, and what is on its way to the journal.

Scans are decoded faster than they are committed and folded. Whatever was decided is noted here
at once, and taken out again as soon as the projector has it among the facts, so that the second
of two scans sees the first, however close they come.

    decided ──note──► ahead: movements, lots, flows      (not yet among the facts)
    folded  ──follow─► facts have it: the movements are taken out; what others journaled
                       (documents, corrections) is folded into the flows here too

Invariant: `flows` is the fold of all rows up to the last followed and of all noted events; a
noted event is never refused later, because the intake commits it or ends.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.contract.documents import Item, Location
from cloud_sync.inventory.exceptions import Word, word_in
from cloud_sync.inventory.instances import Instance, lots_of_serials
from cloud_sync.inventory.stock import NOWHERE, StockKey, movements
from gateway.core.exceptions import OpenException
from gateway.core.facts import Facts
from gateway.core.flows import kinds
from gateway.core.flows.deliveries import Deliveries
from gateway.core.flows.goods import Candidate, Goods, goods_in, number
from gateway.core.flows.state import Flows
from gateway.core.labels import Label, text_of
from gateway.core.readings import Symbol

GTIN_DIGITS: Final = 14
BESIDE_THE_SHELVES: Final = frozenset({keys.RECEIVING, keys.PACKING})
"""Places whose goods are on their way in or out: no order is filled from there."""

_WHY_UNUSABLE: Final = {
    "expired": "lot_expired",
    "held": "lot_held",
    "recalled": "lot_recalled",
    "uncertified": "certificate_expired",
}
"""What a worker is told, by what makes goods unusable."""


@dataclass(slots=True)
class _Ahead:
    """What one noted event changes, until the facts have it."""

    moves: Sequence[tuple[StockKey, int]]
    lot: tuple[str, str] | None


class Floor:
    """The facts as they will be once everything noted is folded. One instance per gateway."""

    def __init__(self, facts: Callable[[], Facts], flows: Flows | None = None) -> None:
        self._facts = facts
        self.flows = Flows() if flows is None else flows
        self.deliveries = Deliveries()
        self._done = 0
        self._ahead: dict[str, _Ahead] = {}
        self._moved: dict[StockKey, int] = {}
        self._lots: dict[tuple[str, str], str | None] = {}
        self.words: dict[str, Word] = {}
        """What was said of exceptions and is not in the queue yet, by the event's id."""
        self.open_exceptions: tuple[OpenException, ...] = ()
        """The queue as of the group of scans that is being decided, if one of them asks for it."""
        self.lots_of_serials: Mapping[Instance, str] = {}
        """Of the pieces in the sweep that is being decided, as far as they are known."""
        self._serials: dict[str, dict[Instance, str]] = {}
        self._by_item: dict[str, set[StockKey]] = {}
        self._by_place: dict[str, set[StockKey]] = {}
        for key in facts().stock:
            self._index(key)

    @property
    def facts(self) -> Facts:
        """The facts as of the projector's last fold."""
        return self._facts()

    # ------------------------------------------------------------ keeping up

    def start(self, flows: Flows, done: int, rows: Iterable[ev.Event]) -> None:
        """Begin with the flows as of journal row `done`, and the rows beyond it.

        To be called before anything is noted. flows: the floor's own from now on.
        """
        self.flows, self._done = flows, done
        for key in self.facts.stock:
            self._index(key)
        for event in rows:
            self.note(event)

    def note(self, event: ev.Event) -> None:
        """Take in an event that was decided and is on its way to the journal."""
        if event.type == ev.LOT_CREATED:
            lot = str(event.body["item"]), str(event.body["lot"])
            expiry = event.body.get("expiry")
            self._lots[lot] = None if expiry is None else str(expiry)
            self._ahead[event.event_id] = _Ahead((), lot)
            return
        moves = self._moves_of(event)
        self._ahead[event.event_id] = _Ahead(moves, None)
        word = word_in(event)
        if word is not None:
            self.words[event.event_id] = word
        if serials := dict(lots_of_serials(event)):
            self._serials[event.event_id] = serials
        for key, quantity in moves:
            # What is ahead is in the index already, and is not forgotten meanwhile.
            if key not in self._moved:
                self._index(key)
            self._shift(key, quantity)
        self.flows.apply(event)

    def follow(self, rows: Iterable[tuple[int, ev.Event]]) -> None:
        """Take in rows that the facts have by now; rows followed before change nothing."""
        for seq, event in rows:
            if seq <= self._done:
                continue
            self._done = seq
            ahead = self._ahead.pop(event.event_id, None)
            self.words.pop(event.event_id, None)
            self._serials.pop(event.event_id, None)
            if ahead is None:
                for key, _ in self._moves_of(event):
                    self._index(key)
                self.flows.apply(event)
                continue
            for key, quantity in ahead.moves:
                self._shift(key, -quantity)
            if ahead.lot is not None:
                self._lots.pop(ahead.lot, None)
        self.flows.dirty.clear()

    def _shift(self, key: StockKey, quantity: int) -> None:
        """Change what is ahead of the facts at a key; nothing ahead is forgotten."""
        ahead = self._moved
        moved = ahead.get(key, 0) + quantity
        if moved:
            ahead[key] = moved
        else:
            ahead.pop(key, None)

    def _moves_of(self, event: ev.Event) -> Sequence[tuple[StockKey, int]]:
        if event.type != ev.COUNT_OBSERVED:
            return movements(event) if event.lines else ()
        moves = []
        rows = event.body.get("assertions")
        for row in rows if isinstance(rows, list | tuple) else ():
            key = self.key(goods_in(row), str(row["location"]))
            moves.append((key, number(row["quantity"]) - self.balance(key)))
        return moves

    def _index(self, key: StockKey) -> None:
        self._by_item.setdefault(key.item, set()).add(key)
        self._by_place.setdefault(key.location, set()).add(key)

    # ------------------------------------------------------------ stock

    def key(self, goods: Goods, location: str, status: str = kinds.GOOD) -> StockKey:
        """The balance of goods at a place of this warehouse, or at a virtual one."""
        owner = NOWHERE if keys.is_virtual(location) else self.facts.warehouse
        return StockKey(owner, location, goods.item, goods.lot, status, goods.unit)

    def is_barcode(self, place: str) -> bool:
        """Whether what was given as a place is the barcode of an item; bins may be numbers."""
        if not place.isdecimal() or place in self.facts.locations:
            return False
        digits = place[2:16] if place[:2] == "01" and len(place) > GTIN_DIGITS else place
        return digits.zfill(GTIN_DIGITS) in self.facts.items

    def balance(self, key: StockKey) -> int:
        """Units there, everything noted included."""
        return self.facts.stock.get(key, 0) + self._moved.get(key, 0)

    def stock_of(self, item: str) -> list[tuple[StockKey, int]]:
        """Where an item is in this warehouse, in order of place and lot."""
        return self._balances(self._by_item.get(item))

    def stock_at(self, location: str) -> list[tuple[StockKey, int]]:
        """What is at a place, in order of item and lot."""
        return self._balances(self._by_place.get(location))

    def _balances(self, found: set[StockKey] | None) -> list[tuple[StockKey, int]]:
        """Balances that are not zero; keys that fell to zero are forgotten on the way."""
        if not found:
            return []
        balances = [(key, self.balance(key)) for key in sorted(found)]
        found.difference_update(key for key, n in balances if not n and key not in self._moved)
        here = self.facts.warehouse
        return [(key, n) for key, n in balances if n and key.warehouse == here]

    # ------------------------------------------------------------ master data

    def item(self, gtin: str) -> Item | None:
        """The trade item, None if it is not in the item master."""
        return self.facts.items.get(gtin)

    def name(self, gtin: str, language: str) -> str:
        """What workers call it."""
        item = self.facts.items.get(gtin)
        if item is None:
            return gtin
        return item.names.get(language) or next(iter(item.names.values()))

    def language(self, worker: str | None) -> str | None:
        """The language a worker wants to be told in; None for the house's own."""
        known = self.facts.workers.get(worker) if worker is not None else None
        return None if known is None else known.language

    def label(self, data: str) -> Label | None:
        """What a label names that is a known place, worker or document; None if nothing."""
        facts, text = self.facts, text_of(data)
        is_place = text in facts.locations or text in BESIDE_THE_SHELVES or text in self._by_place
        if is_place and not keys.is_virtual(text):
            return Label("location", text)
        for worker in facts.workers.values():
            if text in {worker.id, worker.badge}:
                return Label("worker", worker.id)
        return None if self.document_kind(text) is None else Label("document", text)

    def called(self, data: str) -> Symbol | None:
        """The item of which this is the SKU, or one of its further ones, as if its GTIN had been
        scanned; None for what is called otherwise, or names something else here."""
        text = text_of(data)
        if not text or self.label(data) is not None:
            return None
        for gtin, item in self.facts.items.items():
            if item.sku == text or text in item.aliases:
                return Symbol((), gtin)
        return None

    def document_kind(self, key: str) -> str | None:
        """What kind of document an id is of; None if it is of none that is known."""
        facts = self.facts
        known: dict[str, Container[str]] = {
            "order": facts.orders,
            "asn": facts.asns,
            "transfer": facts.transfers,
            "count": facts.counts,
        }
        return next((kind for kind, documents in known.items() if key in documents), None)

    def location(self, place: str) -> Location | None:
        """The place, None if it is not among the known ones."""
        return self.facts.locations.get(place)

    def walk(self, place: str) -> int:
        """A place's turn on the way through the warehouse; unknown places come last."""
        location = self.facts.locations.get(place)
        return 10**9 if location is None else location.walk

    def knows_lot(self, item: str, lot: str) -> bool:
        """True if this lot was ever seen here."""
        return (item, lot) in self.facts.lots or (item, lot) in self._lots

    def lots_ahead(self) -> dict[Instance, str]:
        """Lots of pieces, as events say that are not folded yet."""
        return {it: lot for serials in self._serials.values() for it, lot in serials.items()}

    def lot_of(self, item: str, serial: str) -> str | None:
        """The lot with which a piece was seen, in a sweep; None if it never was."""
        return self.lots_of_serials.get((item, serial))

    def expiry(self, goods: Goods) -> str | None:
        """A lot's expiry day; None for a lot without one, and for one never seen."""
        key = goods.item, goods.lot
        known = self.facts.lots.get(key)
        return known if known is not None else self._lots.get(key)

    def is_supervisor(self, badge: str | None) -> bool:
        """True for the id or the badge of somebody who may override, in this warehouse."""
        return self.supervisor(badge) is not None

    def supervisor(self, badge: str | None) -> str | None:
        """The id of whoever may override in this warehouse, by id or badge; None for others."""
        if badge is None:
            return None
        here = self.facts.warehouse
        return next(
            (
                worker.id
                for worker in self.facts.workers.values()
                if "supervisor" in worker.roles
                and badge in {worker.id, worker.badge}
                and (not worker.warehouses or here in worker.warehouses)
            ),
            None,
        )

    # ------------------------------------------------------------ what may be sold

    def why_unusable(self, goods: Goods, today: str, expiry: str | None = None) -> str | None:
        """The message key of what keeps goods from being sold today; None if nothing does.

        expiry: what the symbol in the worker's hand says, if it says one.
        """
        found = self.facts.usable(
            goods.item,
            goods.lot,
            today,
            held=self.flows.holds,
            expiry=expiry or self.expiry(goods),
        )
        return None if found else _WHY_UNUSABLE[found.reason]

    def candidates(
        self,
        item: str,
        unit: str,
        today: str,
        *,
        taken: Mapping[tuple[str, Goods], int],
        without: Collection[tuple[str, Goods]],
    ) -> list[Candidate]:
        """Goods on the shelves that may be picked today: usable, and more than what is `taken`."""
        found = []
        for key, quantity in self.stock_of(item):
            goods = Goods(key.item, key.lot, key.unit)
            if not self._may_be_picked(key, unit) or (key.location, goods) in without:
                continue
            free = quantity - taken.get((key.location, goods), 0)
            if free > 0 and self.why_unusable(goods, today) is None:
                place = key.location
                found.append(Candidate(place, goods, free, self.expiry(goods), self.walk(place)))
        return found

    def _may_be_picked(self, key: StockKey, unit: str) -> bool:
        if key.status != kinds.GOOD or key.unit != unit or key.location in BESIDE_THE_SHELVES:
            return False
        location = self.facts.locations.get(key.location)
        return location is None or location.is_pickable

    def allocated(self, *, but: str) -> dict[tuple[str, Goods], int]:
        """What other open orders than `but` are about to take, by place and goods."""
        taken: dict[tuple[str, Goods], int] = {}
        for order, flow in self.flows.orders.items():
            if order != but and order in self.facts.orders:
                for stop in flow.stops:
                    key = stop.location, stop.goods
                    taken[key] = taken.get(key, 0) + stop.quantity
        return taken
