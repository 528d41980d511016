"""What the gateway knows when it decides: items, lots, documents, stock, as plain values.

One projector folds the journal into Facts; everybody else reads them. They hold no more than
the journal says: folding it again from the first row gives the same Facts.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from cloud_sync.contract.documents import (
    Asn,
    Certificate,
    Climate,
    Count,
    Hold,
    Item,
    Location,
    Order,
    Policy,
    Transfer,
    Worker,
)
from cloud_sync.inventory.lots import Bans, Usability, make_bans
from cloud_sync.inventory.stock import StockKey, is_on_shelf
from gateway.core.book import Book
from gateway.core.flows.state import Flows


@dataclass(slots=True)
class TriggerState:
    """Where an item's low-stock trigger stands.

    is_armed: False from firing until the position is above the reorder point again.
    fired_at_us: when it last fired; None if never.
    """

    is_armed: bool = True
    fired_at_us: int | None = None


@dataclass(slots=True)
class Facts:
    """The read model in memory. Written by the projector only.

    lots: (gtin, lot) → expiry (YYYY-MM-DD) or None. ordered, received: units by (asn id, gtin).
    network: the newest forepost-network/1 document, None until one came. locations: by the place's
    own id. climates: the rules of zones, by zone. flows: how far each worker's task is.
    """

    warehouse: str
    items: dict[str, Item] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    lots: dict[tuple[str, str], str | None] = field(default_factory=dict)
    asns: dict[str, Asn] = field(default_factory=dict)
    transfers: dict[str, Transfer] = field(default_factory=dict)
    locations: dict[str, Location] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    counts: dict[str, Count] = field(default_factory=dict)
    workers: dict[str, Worker] = field(default_factory=dict)
    certificates: dict[str, Certificate] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    climates: dict[str, Climate] = field(default_factory=dict)
    flows: Flows = field(default_factory=Flows)
    network: dict[str, object] | None = None
    book: Book = field(default_factory=Book)
    ordered: dict[tuple[str, str], int] = field(default_factory=dict)
    received: dict[tuple[str, str], int] = field(default_factory=dict)
    triggers: dict[str, TriggerState] = field(default_factory=dict)
    shelves: dict[str, dict[tuple[str, str], int]] = field(default_factory=dict)
    """What is on the shelves per GTIN, by lot and unit: beside `stock`, so that a trigger costs no
    scan. Whether a lot of it is usable depends on the day."""
    n_bans: int = 0
    """How often holds and certificates have changed; to be raised by who changes them."""
    _bans: tuple[tuple[int, int, int], Bans] | None = field(
        default=None, init=False, repr=False, compare=False
    )

    @property
    def stock(self) -> dict[StockKey, int]:
        """The balances that are not zero."""
        return self.book.ledger.balances

    def note_moved(self, key: StockKey, quantity: int) -> None:
        """Keep up with a balance that the book has changed."""
        if is_on_shelf(key, self.warehouse):
            lots = self.shelves.setdefault(key.item, {})
            left = lots.get((key.lot, key.unit), 0) + quantity
            if left:
                lots[key.lot, key.unit] = left
            else:
                del lots[key.lot, key.unit]

    def bans(self) -> Bans:
        """What the office's documents say against goods; made once per change of them."""
        version = (self.n_bans, len(self.holds), len(self.certificates))
        if self._bans is None or self._bans[0] != version:
            bans = make_bans(self.holds.values(), self.certificates.values())
            self._bans = (version, bans)
        return self._bans[1]

    def usable(
        self,
        gtin: str,
        lot: str,
        today: str,
        *,
        held: Container[tuple[str, str]],
        expiry: str | None,
    ) -> Usability:
        """Whether a lot may be sold, picked, promised or planned with here: the one answer.

        held: what is held by this warehouse itself, as (item, lot), lot "" for all of them.
        """
        return self.bans().usable(
            self.warehouse,
            (gtin, lot),
            expiry=expiry,
            on=today,
            is_held=(gtin, lot) in held or (gtin, "") in held,
        )

    def on_hand(self, gtin: str, today: str) -> dict[str, int]:
        """What is usable on the shelves today, by unit (EA, g); the rest is not on hand."""
        sums: dict[str, int] = {}
        held = self.flows.holds
        for (lot, unit), quantity in self.shelves.get(gtin, {}).items():
            expiry = self.lots.get((gtin, lot))
            if self.usable(gtin, lot, today, held=held, expiry=expiry):
                sums[unit] = sums.get(unit, 0) + quantity
        return sums

    def units_on_hand(self, gtin: str, today: str) -> int:
        """What is on hand in pieces; what is kept by weight makes as many as it weighs."""
        sums, item = self.on_hand(gtin, today), self.items.get(gtin)
        by_weight = 0 if item is None else sums.get("g", 0) // item.grams_per_unit
        return sums.get("EA", 0) + by_weight

    def on_order(self, gtin: str) -> int:
        """Units that are expected and have not come: ordered less received, per delivery."""
        return sum(
            max(0, units - self.received.get((asn, item), 0))
            for (asn, item), units in self.ordered.items()
            if item == gtin
        )

    def position(self, gtin: str, today: str) -> int:
        """Inventory position = on hand (usable) + on order - backorders, in units.

        Goods picked for an order stand on the packing bench and are not counted; backorders do
        not exist yet (an order that cannot be picked is not accepted).
        """
        return self.units_on_hand(gtin, today) + self.on_order(gtin)
