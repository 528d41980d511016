"""Exposure that goes with goods: told when they leave, and counted when they come.

A part of the cold chain: it sees the same rows in the same order as the readings, so what a lot
had suffered when it left or came is what was counted up to that row. Its state and its events are
saved with the cold chain's, in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.contract.exposures import SUM_MAX
from cloud_sync.contract.version import EVENT_VERSION
from cloud_sync.inventory.places import is_late
from gateway.core.carried import KEPT_US, Arrival, Carried, Departure
from gateway.core.excursions import Excursions, Verdict
from gateway.core.exposure import NONE, Exposure, LotKey, Sums
from gateway.core.facts import Facts
from gateway.journal.cold_tables import carried_statements, load_carried
from gateway.journal.read_model import Reader
from gateway.ports import Draft, Statements

DAY_US: Final = 86_400_000_000
CONCERNED: Final = frozenset(
    {ev.TRANSFER_DISPATCHED, ev.TRANSFER_RECEIVED, ev.GOODS_RECEIVED, ev.DOCUMENT_CHANGED}
)
"""Types of the rows that are looked at here."""


class Carrying:
    """One gateway's."""

    def __init__(
        self, *, facts: Callable[[], Facts], warehouse: str, new_id: Callable[[], str]
    ) -> None:
        self._facts = facts
        self._warehouse = warehouse
        self._new_id = new_id
        self._carried = Carried()
        self._drafts: list[Draft] = []
        self._forget_us: int | None = None
        self._forgotten_us = 0

    @property
    def has_news(self) -> bool:
        """Whether something is to be written at once."""
        return bool(self._drafts)

    async def load(self, reader: Reader) -> None:
        """What was committed, in place of what was thought."""
        self._drafts = []
        self._carried = await load_carried(reader)

    def settle(self) -> tuple[Statements, list[Draft]]:
        """What writes all that happened since the last time."""
        written = carried_statements(self._carried, forget_us=self._forget_us), self._drafts
        self._drafts, self._forget_us = [], None
        self._carried.changed_in.clear()
        self._carried.changed_out.clear()
        return written

    def take(self, event: ev.Event, excursions: Excursions) -> list[Verdict]:
        """The journal's next row of a type that is concerned."""
        self._forget(event.received_at_us)
        if event.type == ev.TRANSFER_DISPATCHED:
            return self._leave(event, excursions)
        if event.type == ev.DOCUMENT_CHANGED:
            return self._tell(event, excursions)
        return self._come(event, excursions)

    # ------------------------------------------------------------ what happens

    def _leave(self, event: ev.Event, excursions: Excursions) -> list[Verdict]:
        verdicts: list[Verdict] = []
        for document in event.documents:
            place = keys.transit(document.id)
            lines = [line for line in event.lines if line.to_location == place]
            if document.type != "transfer" or not lines:
                continue
            for line in lines:
                verdicts += self._pass_time(line.from_location, event, excursions, [_lot(line)])
            told = []
            for lot in sorted({_lot(line) for line in lines}):
                suffered = excursions.lots.get(lot, Exposure())
                at_us = event.received_at_us
                told.append((lot, self._carried.leave(document.id, lot, suffered, at_us)))
            self._say(document.id, told, excursions, event)
        return verdicts

    def _come(self, event: ev.Event, excursions: Excursions) -> list[Verdict]:
        verdicts: list[Verdict] = []
        deliveries = [it.id for it in event.documents if it.type == "asn"]
        for line in event.lines:
            place, lot = line.to_location, _lot(line)
            if keys.is_virtual(place) or not (deliveries or line.lot):
                continue
            verdicts += self._pass_time(place, event, excursions)
            # Of what a device held back nobody knows what the lot had suffered by then.
            here = NONE if is_late(event) else excursions.lots.get(lot, Exposure()).here
            at_us = event.received_at_us
            came = [self._carried.come(it, lot, here, at_us) for it in deliveries]
            if not deliveries:
                came = [self._carried.come_blind(event.event_id, lot, here, at_us)]
            for arrival in came:
                verdicts += self._bring(lot, arrival, [place], excursions, event)
        return verdicts

    def _tell(self, event: ev.Event, excursions: Excursions) -> list[Verdict]:
        data = event.body.get("data")
        if event.body.get("kind") != doc.ASN or not isinstance(data, dict):
            return []
        asn = doc.Asn.model_validate(data)
        if asn.warehouse != self._warehouse:
            return []
        verdicts: list[Verdict] = []
        places = self._places() if asn.exposures else {}
        for it in asn.exposures or ():
            lot = it.item, it.lot or ""
            told = Sums(it.above_us, it.below_us, it.heat_centi_c_us)
            came = self._carried.tell(
                asn.id, lot, told, it.verdict, at_us=event.received_at_us,
                left_us=asn.left_us or 0,
            )  # fmt: skip
            for arrival in came:
                verdicts += self._bring(lot, arrival, places.get(lot, ()), excursions, event)
                for transfer, departure in self._carried.sent_on(lot, arrival):
                    self._say(transfer, [(lot, departure)], excursions, event)
        return verdicts

    def _bring(
        self,
        lot: LotKey,
        arrival: Arrival,
        places: Iterable[str],
        excursions: Excursions,
        event: ev.Event,
    ) -> list[Verdict]:
        """Count what came with goods, by the rules of where they lie and where they belong."""
        if arrival.brought == NONE and not arrival.verdict:
            return []
        facts = self._facts()
        item = facts.items.get(lot[0])
        rules = {rule.zone: rule for place in places for rule in rules_at(facts, place)}
        if item is not None and item.zone in facts.climates:
            rules[item.zone] = facts.climates[item.zone]
        verdict = excursions.bring(
            lot,
            arrival.brought,
            rules=[rules[zone] for zone in sorted(rules)],
            said=arrival.verdict,
            at_us=event.received_at_us,
        )
        return [] if verdict is None else [replace(verdict, event_id=event.event_id)]

    def _pass_time(
        self, place: str, event: ev.Event, excursions: Excursions, also: Iterable[LotKey] = ()
    ) -> Iterator[Verdict]:
        """Count the time up to the moment in which goods come or go."""
        at_us = min(event.occurred_at_us, event.received_at_us)
        for rule in rules_at(self._facts(), place):
            yield from excursions.pass_time(rule, at_us, also)

    def _places(self) -> dict[LotKey, set[str]]:
        """Where each lot lies."""
        places: dict[LotKey, set[str]] = {}
        for key in self._facts().stock:
            places.setdefault((key.item, key.lot), set()).add(key.location)
        return places

    # ------------------------------------------------------------ what is told

    def _say(
        self,
        transfer: str,
        told: Iterable[tuple[LotKey, Departure]],
        excursions: Excursions,
        cause: ev.Event,
    ) -> None:
        lots = [
            body
            for lot, departure in told
            if (body := self._body(lot, departure.total, excursions)) is not None
        ]
        if not lots:
            return
        event = ev.Event(
            event_id=self._new_id(),
            type=ev.EXPOSURE_CARRIED,
            version=EVENT_VERSION,
            occurred_at_us=cause.received_at_us,
            received_at_us=cause.received_at_us,
            warehouse=self._warehouse,
            documents=(ev.Document(type="transfer", id=transfer),),
            cause=cause.event_id,
            body={"lots": lots},
        )
        self._drafts.append(
            Draft(event.event_id, event.type, event.occurred_at_us, ev.encode_event(event))
        )

    def _body(self, lot: LotKey, sums: Sums, excursions: Excursions) -> dict[str, object] | None:
        item, name = lot
        holds = self._facts().flows.holds
        is_held = lot in holds or (item, "") in holds
        verdict = excursions.lots.get(lot, Exposure()).verdict if is_held else ""
        if sums == NONE and not verdict:
            return None
        return {
            "item": item,
            **({"lot": name} if name else {}),
            "above_us": min(sums.above_us, SUM_MAX),
            "below_us": min(sums.below_us, SUM_MAX),
            "heat_centi_c_us": min(sums.heat, SUM_MAX),
            "verdict": verdict,
        }

    def _forget(self, now_us: int) -> None:
        if now_us - self._forgotten_us >= DAY_US:
            self._forgotten_us, self._forget_us = now_us, now_us - KEPT_US
            self._carried.forget(self._forget_us)


def rules_at(facts: Facts, location: str) -> list[doc.Climate]:
    """The climate rules that a place is under, by zone."""
    return [rule for _, rule in sorted(facts.climates.items()) if is_under(facts, rule, location)]


def is_under(facts: Facts, rule: doc.Climate, location: str) -> bool:
    """Whether a place is in a rule's zone."""
    known = facts.locations.get(location)
    in_zone = location == rule.zone or (known is not None and known.zone == rule.zone)
    return in_zone or location in rule.locations


def _lot(line: ev.Line) -> LotKey:
    return line.item, line.lot or ""
