"""What the gateway knows when it decides: items, lots, documents, stock, as plain values.

One projector folds the journal into Facts; everybody else reads them. They hold no more than
the journal says: folding it again from the first row gives the same Facts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cloud_sync.contract import keys
from cloud_sync.contract.documents import (
    Asn,
    Certificate,
    Count,
    Hold,
    Item,
    Location,
    Order,
    Policy,
    Transfer,
    Worker,
)
from cloud_sync.inventory.stock import CATCH_WEIGHT, StockKey
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
    own id. flows: how far each worker's task is.
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
    flows: Flows = field(default_factory=Flows)
    network: dict[str, object] | None = None
    book: Book = field(default_factory=Book)
    ordered: dict[tuple[str, str], int] = field(default_factory=dict)
    received: dict[tuple[str, str], int] = field(default_factory=dict)
    triggers: dict[str, TriggerState] = field(default_factory=dict)
    sellable: dict[str, int] = field(default_factory=dict)
    """Units on the shelves per GTIN, kept beside `stock` so that a trigger costs no scan."""

    @property
    def stock(self) -> dict[StockKey, int]:
        """The balances that are not zero."""
        return self.book.ledger.balances

    def note_moved(self, key: StockKey, quantity: int) -> None:
        """Keep up with a balance that the book has changed."""
        if is_sellable(key, self.warehouse):
            self.sellable[key.item] = self.sellable.get(key.item, 0) + quantity

    def on_order(self, gtin: str) -> int:
        """Units that are expected and have not come: ordered less received, per delivery."""
        return sum(
            max(0, units - self.received.get((asn, item), 0))
            for (asn, item), units in self.ordered.items()
            if item == gtin
        )

    def position(self, gtin: str) -> int:
        """Inventory position = on hand + on order - backorders, in units.

        Goods picked for an order stand on the packing bench and are not counted; backorders do
        not exist yet (an order that cannot be picked is not accepted).
        """
        return self.sellable.get(gtin, 0) + self.on_order(gtin)


def is_sellable(key: StockKey, warehouse: str) -> bool:
    """True for stock on this warehouse's shelves that is not yet picked and may be sold."""
    return (
        key.warehouse == warehouse
        and key.status == "available"
        and key.location != keys.PACKING
        and key.unit != CATCH_WEIGHT
    )
