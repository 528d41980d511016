"""What the gateway knows when it decides: items, lots, documents, stock, as plain values.

One projector folds the journal into Facts; everybody else reads them. They hold no more than
the journal says: folding it again from the first row gives the same Facts.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from cloud_sync.contract.campaigns import Campaign
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
from cloud_sync.contract.plan_life import DROPPED, OPEN, State, Step, state_of
from cloud_sync.contract.plans import WarehouseNeed, asn_id
from cloud_sync.inventory.lots import Bans, Usability, make_bans
from cloud_sync.inventory.stock import StockKey, is_on_shelf
from gateway.core.book import Book
from gateway.core.flows.state import Flows
from gateway.core.own_policies import PolicyBook
from gateway.core.served import ServedBook

_NOTHING: Final[Mapping[tuple[str, str], int]] = {}


@dataclass(frozen=True, slots=True)
class TriggerState:
    """Where a cause stands for an item.

    is_armed: False from firing until it was over. fired_at_us: when it last fired, window: the
    window it then fired for; None if never.
    """

    is_armed: bool = True
    fired_at_us: int | None = None
    window: int | None = None


@dataclass(slots=True)
class PlanRecord:
    """A plan of this warehouse and its steps so far. body: without the network's plan.

    lines: units and position at planning, by item.
    """

    plan_id: str
    event_id: str
    computed_at_us: int
    body: dict[str, object]
    lines: dict[str, tuple[int, int]]
    steps: dict[tuple[str, str], Step] = field(default_factory=dict)
    state: State | None = None
    """Where it stands, by its steps (cloud_sync/contract/plan_life)."""
    _needs: list[WarehouseNeed] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def needs(self) -> list[WarehouseNeed]:
        """What the warehouses needed that this one serves, as the plan counted it."""
        if self._needs is None:
            told = self.body.get("needs")
            rows = told if isinstance(told, list) else []
            self._needs = [WarehouseNeed.model_validate(it) for it in rows]
        return self._needs

    @property
    def supersedes(self) -> list[str]:
        """The plans whose place it takes."""
        told = self.body.get("supersedes")
        return [str(it) for it in told] if isinstance(told, list) else []

    def take(self, step: Step) -> None:
        """One more step; a repeat changes nothing."""
        self.steps.setdefault((step.name, step.id), step)
        self.state = state_of(self.steps.values())


@dataclass(slots=True)
class Facts:
    """The read model in memory. Written by the projector only.

    lots: (gtin, lot) → expiry (YYYY-MM-DD) or None. ordered, received: by ASN, what was asked for
    or sent and what came of each (gtin, unit).
    network: the newest forepost-network/1 document, None until one came. locations: by the place's
    own id. climates: the rules of zones, by zone. campaigns: what was announced, by id. flows: how
    far each worker's task is.
    triggers: by cause and item. plans: by id; open_plans: those of which nothing has left yet.
    seq: of the last row that these facts hold. last_network_plan: of the newest plan that a
    solver made here.
    """

    warehouse: str
    seq: int = 0
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
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    flows: Flows = field(default_factory=Flows)
    network: dict[str, object] | None = None
    network_version: int = 0
    last_network_plan: dict[str, object] | None = None
    book: Book = field(default_factory=Book)
    ordered: dict[str, dict[tuple[str, str], int]] = field(default_factory=dict)
    received: dict[str, dict[tuple[str, str], int]] = field(default_factory=dict)
    triggers: dict[tuple[str, str], TriggerState] = field(default_factory=dict)
    plans: dict[str, PlanRecord] = field(default_factory=dict)
    open_plans: dict[str, PlanRecord] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    """Deliveries of plans that were rejected or superseded: nothing comes of them."""
    expecting: dict[str, set[str]] = field(default_factory=dict)
    """The deliveries with an item: beside `ordered`, so that a position costs no scan."""
    asking: dict[str, set[str]] = field(default_factory=dict)
    """The open orders with an item, for the same reason."""
    sending: dict[str, set[str]] = field(default_factory=dict)
    """So with the transfers that leave from here."""
    policy_book: PolicyBook = field(default_factory=PolicyBook)
    """Whose word `policies` is: the cloud's, or this gateway's own."""
    served: ServedBook = field(default_factory=ServedBook)
    """At a central warehouse: what is known of those that it serves."""
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

    def note_policies(self, items: Iterable[str]) -> None:
        """Have `policies` say of these items what counts by now."""
        for gtin in items:
            policy = self.policy_book.policy(gtin)
            if policy is None:
                self.policies.pop(gtin, None)
            else:
                self.policies[gtin] = policy

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
        return sum(self.due_units(asn, gtin) for asn in self.expecting.get(gtin, ()))

    def due_units(self, asn: str, gtin: str) -> int:
        """What is still to come of an item with one delivery."""
        if asn in self.dropped:
            return 0
        asked, came = self.ordered.get(asn, _NOTHING), self.received.get(asn, _NOTHING)
        pieces, grams = (
            asked.get((gtin, unit), 0) - came.get((gtin, unit), 0) for unit in ("EA", "g")
        )
        return max(0, self._in_pieces(gtin, pieces, grams))

    def received_units(self, asn: str, gtin: str) -> int:
        """What has come of an item with one delivery, in pieces."""
        came = self.received.get(asn, _NOTHING)
        return self._in_pieces(gtin, came.get((gtin, "EA"), 0), came.get((gtin, "g"), 0))

    def _in_pieces(self, gtin: str, pieces: int, grams: int) -> int:
        """Pieces and as many more as the grams make, rounded down once, both together."""
        item = self.items.get(gtin)
        if not grams or item is None:
            return pieces
        return (pieces * item.grams_per_unit + grams) // item.grams_per_unit

    def allocated(self, gtin: str) -> int:
        """Units that open orders want and nobody has picked, and transfers that have not left."""
        item = self.items.get(gtin)
        grams = 1 if item is None else item.grams_per_unit
        total = sum(self._to_send(name, gtin, grams) for name in self.sending.get(gtin, ()))
        for order_id in self.asking.get(gtin, ()):
            flow = self.flows.orders.get(order_id)
            for unit, size in (("EA", 1), ("g", grams)):
                wanted = sum(
                    line.quantity
                    for line in self.orders[order_id].lines
                    if line.item == gtin and line.unit == unit
                )
                picked = (
                    sum(n for it, n in flow.picked.items() if it.item == gtin and it.unit == unit)
                    if wanted and flow is not None
                    else 0
                )
                total += -(-max(0, wanted - picked) // size)
        return total

    def _to_send(self, transfer: str, gtin: str, grams: int) -> int:
        """Units that a transfer asks for and that have not left, as this warehouse knows it."""
        flow = self.flows.transfers.get(transfer)
        left = {} if flow is None else flow.dispatched
        total = 0
        for unit, size in (("EA", 1), ("g", grams)):
            wanted = sum(
                line.quantity
                for line in self.transfers[transfer].ordered
                if line.item == gtin and line.unit == unit
            )
            sent = sum(n for it, n in left.items() if it.item == gtin and it.unit == unit)
            total += -(-max(0, wanted - sent) // size)
        return total

    def position(self, gtin: str, today: str) -> int:
        """Inventory position = on hand (usable) + on order - allocated, in units.

        Goods picked for an order stand on the packing bench and are neither on hand nor
        allocated any more.
        """
        return self.units_on_hand(gtin, today) + self.on_order(gtin) - self.allocated(gtin)

    def take_plans(self, plans: Mapping[str, PlanRecord]) -> None:
        """More plans. What they take the place of is void with them, not a row later: until then
        both would count as on order, and what was ordered would look like far too much."""
        self.plans.update(plans)
        for plan in plans.values():
            self.dropped.update(asn_id(it) for it in plan.supersedes)

    def take_step(self, plan_id: str, step: Step) -> None:
        """One more step of a plan that is known."""
        plan = self.plans[plan_id]
        plan.take(step)
        delivery = asn_id(plan_id)
        if plan.state in OPEN:
            self.open_plans[plan_id] = plan
        else:
            self.open_plans.pop(plan_id, None)
        if plan.state in DROPPED:
            self.dropped.add(delivery)
        else:
            self.dropped.discard(delivery)

    def name_of(self, gtin: str) -> str:
        """What people call an item."""
        item = self.items.get(gtin)
        return gtin if item is None else item.names.get("en", next(iter(item.names.values())))

    def open_plan_with(self, gtin: str) -> PlanRecord | None:
        """The newest plan with an item of which nothing has left yet."""
        return max(
            (it for it in self.open_plans.values() if gtin in it.lines),
            key=lambda it: (it.computed_at_us, it.plan_id),
            default=None,
        )
