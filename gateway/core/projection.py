"""The fold: what a run of journal rows changes in the Facts.

`effects_of` is pure and order-sensitive only where it must be (the newest document wins); stock
movements commute. The same Effects are applied to the Facts in memory and written to the read
model's tables in the transaction that moves the projector's cursor, so the two cannot part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract.campaigns import CAMPAIGN, Campaign
from cloud_sync.contract.own_policies import OWN_POLICY
from cloud_sync.contract.plan_life import Step
from cloud_sync.contract.plans import PlanBody, asn_id
from gateway.core import plan_steps
from gateway.core.book import StockEffects
from gateway.core.exceptions import ExceptionEffects
from gateway.core.facts import Facts, PlanRecord
from gateway.core.served import KINDS as SERVED_KINDS
from gateway.core.served import items_told
from gateway.core.smoothing import Sighting
from gateway.core.tags import arrival_of

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Milestone:
    """A trigger or plan worth showing: its event and body."""

    seq: int
    event_id: str
    type: str
    body: dict[str, object]


@dataclass(frozen=True, slots=True)
class Climate:
    """The newest climate of a zone as one sensor sees it."""

    zone: str
    device: str
    at_us: int
    temperature_centi_c: int | None
    humidity_centi_pct: int | None


@dataclass(slots=True)
class Effects:
    """What changes; every mapping holds the last word on its key, what `stock` counts are sums.

    stock: made by the ledger, which needs to know more than these rows (services/stock_keeper).

    tags: by read point and EPC, the arrival of a tag that is there; None for one that left.
    ordered: by ASN, all that it asks for now, by item and unit; what it asked for before is void.
    judged: items of which a lot was held, let go or first seen: other goods may be usable now.
    plans, steps: plans of this warehouse that are new, and steps by plan. network_plan: the newest
    of those that a solver made.
    """

    stock: StockEffects = field(default_factory=StockEffects)
    lots: dict[tuple[str, str], str | None] = field(default_factory=dict)
    documents: dict[tuple[str, str], doc.Change] = field(default_factory=dict)
    ordered: dict[str, dict[tuple[str, str], int]] = field(default_factory=dict)
    climate: dict[tuple[str, str], Climate] = field(default_factory=dict)
    tags: dict[tuple[str, str], Sighting | None] = field(default_factory=dict)
    milestones: list[Milestone] = field(default_factory=list)
    exceptions: ExceptionEffects = field(default_factory=ExceptionEffects)
    judged: set[str] = field(default_factory=set)
    plans: dict[str, PlanRecord] = field(default_factory=dict)
    network_plan: dict[str, object] | None = None
    steps: list[tuple[str, Step]] = field(default_factory=list)

    def touched_items(self, before: Facts) -> set[str]:
        """The items whose position or rule may have changed. before: the facts without these."""
        touched = {key.item for key in self.stock.balances}
        touched |= {item for _, item, _ in self.stock.received}
        for asn, goods in self.ordered.items():
            touched |= {item for item, _ in (*goods, *before.ordered.get(asn, ()))}
        for change in self.documents.values():
            if change.kind == doc.POLICY and change.data is not None:
                touched.add(str(change.data["gtin"]))
            elif change.kind in {doc.HOLD, doc.CERTIFICATE}:
                touched |= _items_banned(change, before)
            elif change.kind == doc.ORDER:
                touched |= _items_asked(change, before)
            elif change.kind == doc.TRANSFER:
                touched |= _items_sent(change, before)
            elif change.kind == OWN_POLICY:
                touched |= before.policy_book.told.keys()
            else:
                touched |= items_told(change)
        for plan_id, _ in self.steps:
            plan = self.plans.get(plan_id) or before.plans.get(plan_id)
            touched |= set() if plan is None else plan.lines.keys()
        return touched | self.judged


def _items_banned(change: doc.Change, before: Facts) -> set[str]:
    """The items that a hold or a certificate named and names now."""
    named: set[str] = set()
    if change.kind == doc.HOLD:
        was = before.holds.get(change.key)
        named |= set() if was is None else {was.item}
        named |= {str(change.data["item"])} if change.data is not None else set()
    else:
        paper = before.certificates.get(change.key)
        named |= set() if paper is None else set(paper.items)
        if change.data is not None:
            named |= set(doc.Certificate.model_validate(change.data).items)
    return named


def _items_asked(change: doc.Change, before: Facts) -> set[str]:
    """The items that an order asked for and asks for now."""
    was = before.orders.get(change.key)
    lines = [] if was is None else list(was.lines)
    if change.data is not None:
        lines += doc.Order.model_validate(change.data).lines
    return {line.item for line in lines}


def _items_sent(change: doc.Change, before: Facts) -> set[str]:
    """The items that a transfer asked for and asks for now."""
    was = before.transfers.get(change.key)
    lines = [] if was is None else list(was.ordered)
    if change.data is not None:
        lines += doc.Transfer.model_validate(change.data).ordered
    return {line.item for line in lines}


def effects_of(rows: Iterable[tuple[int, ev.Event]], warehouse: str) -> Effects:
    """The combined effect of events in journal order, but for the stock."""
    effects = Effects()
    for seq, event in rows:
        handler = _HANDLERS.get(event.type)
        if handler is not None:
            handler(effects, seq, event, warehouse)
        if event.type in plan_steps.CONCERNED:
            effects.steps += plan_steps.steps_in(event, warehouse)
        effects.exceptions.take(event)
    return effects


def together(parts: Iterable[Effects]) -> Effects:
    """The effects of runs that follow each other, as if it had been one."""
    whole = Effects()
    for part in parts:
        whole.stock.add(part.stock)
        for key, expiry in part.lots.items():
            whole.lots.setdefault(key, expiry)
        whole.documents |= part.documents
        whole.ordered |= part.ordered
        whole.climate |= part.climate
        whole.tags |= part.tags
        whole.milestones += part.milestones
        whole.exceptions.add(part.exceptions)
        whole.judged |= part.judged
        whole.plans |= part.plans
        whole.network_plan = part.network_plan or whole.network_plan
        whole.steps += part.steps
    return whole


def apply_effects(facts: Facts, effects: Effects) -> None:
    """Bring the Facts up to date; the book, whose effects these are, is so already."""
    for key, quantity in effects.stock.balances.items():
        facts.note_moved(key, quantity)
    for lot, expiry in effects.lots.items():
        facts.lots.setdefault(lot, expiry)  # the first expiry of a lot stands
    for change in effects.documents.values():
        if change.kind in SERVED_KINDS:
            facts.served.apply(change)
        elif change.kind == OWN_POLICY:
            facts.note_policies(facts.policy_book.put_page(change))
        else:
            _apply_document(facts, change)
    for asn, goods in effects.ordered.items():
        for item, _ in facts.ordered.pop(asn, {}):
            facts.expecting[item].discard(asn)
        facts.ordered[asn] = goods
        for item, _ in goods:
            facts.expecting.setdefault(item, set()).add(asn)
    for (asn, *received_of), quantity in effects.stock.received.items():
        came = facts.received.setdefault(asn, {})
        item, unit = received_of
        came[item, unit] = came.get((item, unit), 0) + quantity
    facts.take_plans(effects.plans)
    if effects.network_plan is not None:
        facts.last_network_plan = effects.network_plan
    # Of a plan that was lost with its row nothing more is kept.
    effects.steps = [it for it in effects.steps if it[0] in facts.plans]
    for plan_id, step in effects.steps:
        facts.take_step(plan_id, step)


def _apply_document(facts: Facts, change: doc.Change) -> None:
    data = None if change.deleted else change.data
    if change.kind == doc.NETWORK:
        facts.network, facts.network_version = data, change.version
    elif change.kind == doc.POLICY:
        # The key names warehouse and item; inside one warehouse the item is enough.
        gtin = change.key.rpartition(".")[2]
        facts.policy_book.tell(gtin, data)
        facts.note_policies([gtin])
    elif change.kind == doc.TRANSFER:
        _apply_transfer(facts, change.key, data)
    elif change.kind == doc.LOCATION:
        # As with policies; the warehouse may have a dot in its name, the place too.
        _put(facts.locations, change.key.removeprefix(f"{facts.warehouse}."), doc.Location, data)
    elif change.kind == doc.ORDER:
        _apply_order(facts, change.key, data)
    elif change.kind in {doc.CERTIFICATE, doc.HOLD}:
        _apply_ban(facts, change, data)
    elif change.kind == doc.CLIMATE:
        # As with locations.
        _put(facts.climates, change.key.removeprefix(f"{facts.warehouse}."), doc.Climate, data)
    else:
        _apply_by_key(facts, change, data)


def _apply_by_key(facts: Facts, change: doc.Change, data: dict[str, object] | None) -> None:
    """Documents that are no more than themselves."""
    if change.kind == doc.ITEM:
        _put(facts.items, change.key, doc.Item, data)
    elif change.kind == doc.ASN:
        _put(facts.asns, change.key, doc.Asn, data)
    elif change.kind == doc.COUNT:
        _put(facts.counts, change.key, doc.Count, data)
    elif change.kind == doc.WORKER:
        _put(facts.workers, change.key, doc.Worker, data)
    elif change.kind == CAMPAIGN:
        _put(facts.campaigns, change.key, Campaign, data)
    # A kind of a newer cloud is kept in the journal and of no use here yet.


def _apply_transfer(facts: Facts, key: str, data: dict[str, object] | None) -> None:
    was = facts.transfers.get(key)
    for line in () if was is None else was.ordered:
        facts.sending.get(line.item, set()).discard(key)
    _put(facts.transfers, key, doc.Transfer, data)
    transfer = facts.transfers.get(key)
    if (
        transfer is not None
        and transfer.source == facts.warehouse
        and transfer.status != "received"
        and transfer.closed is None
    ):
        for line in transfer.ordered:
            facts.sending.setdefault(line.item, set()).add(key)


def _apply_order(facts: Facts, key: str, data: dict[str, object] | None) -> None:
    was = facts.orders.get(key)
    for line in () if was is None else was.lines:
        facts.asking.get(line.item, set()).discard(key)
    _put(facts.orders, key, doc.Order, data)
    order = facts.orders.get(key)
    if order is not None and order.status == "open":
        for line in order.lines:
            facts.asking.setdefault(line.item, set()).add(key)


def _apply_ban(facts: Facts, change: doc.Change, data: dict[str, object] | None) -> None:
    if change.kind == doc.HOLD:
        _put(facts.holds, change.key, doc.Hold, data)
    else:
        _put(facts.certificates, change.key, doc.Certificate, data)
    facts.n_bans += 1


def _put(place: dict[str, M], key: str, model: type[M], data: dict[str, object] | None) -> None:
    if data is None:
        place.pop(key, None)
    else:
        place[key] = model.model_validate(data)


def _lot_created(effects: Effects, seq: int, event: ev.Event, warehouse: str) -> None:
    key = (str(event.body["item"]), str(event.body["lot"]))
    expiry = event.body.get("expiry")
    # The first expiry of a lot stands; another one is flagged where it is scanned.
    effects.lots.setdefault(key, None if expiry is None else str(expiry))
    effects.judged.add(key[0])


def _lot_judged(effects: Effects, seq: int, event: ev.Event, warehouse: str) -> None:
    effects.judged.add(str(event.body["item"]))


def _climate(effects: Effects, seq: int, event: ev.Event, warehouse: str) -> None:
    if "out_of_range" in event.flags:
        return  # what no sensor can measure is nobody's climate
    device = event.device.id if event.device is not None else ""
    zone = event.zone or ""
    effects.climate[zone, device] = Climate(
        zone,
        device,
        event.occurred_at_us,
        _mean(event.body.get("temperature_centi_c")),
        _mean(event.body.get("humidity_centi_pct")),
    )


def _mean(statistics: object) -> int | None:
    if not isinstance(statistics, dict):
        return None
    mean = statistics.get("mean")
    return mean if isinstance(mean, int) else None


def _tag(effects: Effects, seq: int, event: ev.Event, warehouse: str) -> None:
    key, arrival = arrival_of(event)
    effects.tags[key] = arrival


def _document(effects: Effects, seq: int, event: ev.Event, warehouse: str) -> None:
    change = doc.Change.model_validate({"cursor": seq, **event.body})
    effects.documents[change.kind, change.key] = change
    if change.kind != doc.ASN:
        return
    if change.deleted or change.data is None:
        effects.ordered[change.key] = {}
        return
    asn = doc.Asn.model_validate(change.data)
    if asn.warehouse != warehouse:
        return
    # What is on its way may exceed what was asked for; a finished delivery owes nothing.
    ordered, shipped = _sums(asn.ordered), _sums(asn.shipped)
    effects.ordered[asn.id] = (
        {}
        if asn.status == "received"
        else {
            goods: max(ordered.get(goods, 0), shipped.get(goods, 0))
            for goods in sorted(ordered.keys() | shipped.keys())
        }
    )


def _sums(lines: Iterable[doc.ShipmentLine]) -> dict[tuple[str, str], int]:
    """What lines say together of each item and unit."""
    sums: dict[tuple[str, str], int] = {}
    for line in lines:
        goods = line.item, line.unit
        sums[goods] = sums.get(goods, 0) + line.quantity
    return sums


def _plan(effects: Effects, seq: int, event: ev.Event, warehouse: str) -> None:
    effects.milestones.append(Milestone(seq, event.event_id, event.type, dict(event.body)))
    plan = PlanBody.model_validate(dict(event.body))
    if plan.warehouse == warehouse:
        effects.plans[plan.plan_id] = plan_steps.record_of(event, plan)
        effects.network_plan = plan.network_plan or effects.network_plan
        # Proposed is as good as ordered here, or the next sale would ask for the same again.
        effects.ordered[asn_id(plan.plan_id)] = {
            (line.item, "EA"): line.quantity for line in plan.lines
        }


def _trigger(effects: Effects, seq: int, event: ev.Event, warehouse: str) -> None:
    effects.milestones.append(Milestone(seq, event.event_id, event.type, dict(event.body)))


_HANDLERS = {
    ev.LOT_CREATED: _lot_created,
    ev.LOT_HELD: _lot_judged,
    ev.LOT_RECALLED: _lot_judged,
    ev.LOT_RELEASED: _lot_judged,
    ev.CLIMATE_SAMPLED: _climate,
    ev.TAG_ARRIVED: _tag,
    ev.TAG_LEFT: _tag,
    ev.DOCUMENT_CHANGED: _document,
    ev.PLAN_PROPOSED: _plan,
    ev.REPLENISHMENT_TRIGGERED: _trigger,
}
