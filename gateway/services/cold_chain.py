"""The cold chain beside the sensor watch: what it finds, as events and statements.

It has no loop and no cursor of its own. Whether a sensor is believed and what its zone has been
through are decided from the same rows in the same order, so they are saved in one transaction:
after a crash both are read again from the same place, and no excursion opens twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.contract.version import EVENT_VERSION
from cloud_sync.inventory.places import is_late
from cloud_sync.inventory.stock import CATCH_WEIGHT
from gateway.core import excursions as core
from gateway.core.excursions import Excursions, Told, Verdict, Watched
from gateway.core.exposure import Exposure, LotKey
from gateway.core.facts import Facts
from gateway.core.readings import ClimateSample
from gateway.journal.cold_tables import cold_statements, load_cold
from gateway.journal.read_model import Reader
from gateway.ports import Draft, Statements
from gateway.services.carrying import CONCERNED, Carrying, is_under

logger = logging.getLogger(__name__)

GOODS: Final = CONCERNED
LOTS_MAX: Final = 200
"""Lots named in one event, the most exposed; `n_lots` says how many there were."""

_TYPES: Final = {
    core.STARTED: ev.EXCURSION_STARTED,
    core.CONTINUED: ev.EXCURSION_CONTINUED,
    core.ENDED: ev.EXCURSION_ENDED,
}
_US: Final = 1_000_000


class ColdChain:
    """Rules and stock come from the facts; is_believed: by sensor, as its faults stand."""

    def __init__(
        self,
        *,
        facts: Callable[[], Facts],
        warehouse: str,
        new_id: Callable[[], str],
        is_believed: Callable[[str], bool],
    ) -> None:
        self._facts = facts
        self._warehouse = warehouse
        self._new_id = new_id
        self._is_believed = is_believed
        self._said: list[Told | Verdict] = []
        self._standing: dict[str, set[LotKey]] | None = None
        self._excursions = Excursions(new_id, is_believed, self._present)
        self._carrying = Carrying(facts=facts, warehouse=warehouse, new_id=new_id)

    @property
    def has_news(self) -> bool:
        """Whether something happened that is to be written at once."""
        return bool(self._said) or self._carrying.has_news

    def open_excursions(self) -> list[dict[str, object]]:
        """Every open excursion, for the status report."""
        return [
            {
                "event_id": it.event_id,
                "zone": it.zone,
                "device": it.device,
                "since_us": it.since_us,
                "sides": list(it.sides),
                "min_centi_c": it.min_centi_c,
                "max_centi_c": it.max_centi_c,
                "is_blind": not self._is_believed(it.device),
            }
            for it in self._excursions.open()
        ]

    async def load(self, reader: Reader) -> None:
        """What was committed, in place of what was thought."""
        self._said = []
        self._excursions = Excursions(self._new_id, self._is_believed, self._present)
        await load_cold(reader, self._excursions)
        await self._carrying.load(reader)

    def take_goods(self, event: ev.Event) -> None:
        """Goods that came or left, or what is said of them; of the types in `GOODS`."""
        self._said += self._carrying.take(event, self._excursions)

    def take(self, event: ev.Event, sample: ClimateSample) -> None:
        """A reading; one that was held back says nothing about now."""
        centi_c = sample.temperature_centi_c
        if centi_c is None or "out_of_range" in event.flags or is_late(event):
            return
        self._said += self._excursions.take(
            zone=sample.zone,
            device=sample.stamp.device,
            at_us=event.occurred_at_us,
            centi_c=centi_c,
            rule=self._facts().climates.get(sample.zone),
        )

    def tick(self, now_us: int) -> None:
        """What the passing of time alone has brought."""
        self._said += self._excursions.tick(now_us, self._facts().climates.get)

    def settle(self) -> tuple[Statements, list[Draft]]:
        """What writes all that happened since the last time; the stock is looked at anew."""
        drafts = [self._told(it) if isinstance(it, Told) else self._held(it) for it in self._said]
        carried, told = self._carrying.settle()
        statements = [*cold_statements(self._excursions), *carried]
        self._said, self._standing = [], None
        self._excursions.changed = core.Changed()
        return statements, [*drafts, *told]

    # ------------------------------------------------------------ what is where

    def _present(self, rule: doc.Climate) -> Iterable[LotKey]:
        facts = self._facts()
        if self._standing is None:
            self._standing = {}
            for key, quantity in facts.stock.items():
                is_here = key.warehouse == self._warehouse and not keys.is_virtual(key.location)
                if is_here and quantity > 0 and key.unit != CATCH_WEIGHT:
                    self._standing.setdefault(key.location, set()).add((key.item, key.lot))
        for location, lots in self._standing.items():
            if is_under(facts, rule, location):
                yield from lots

    # ------------------------------------------------------------ events

    def _told(self, told: Told) -> Draft:
        it = told.excursion
        logger.log(
            logging.INFO if told.kind == core.ENDED else logging.WARNING,
            "climate excursion",
            extra={"action": f"excursion_{told.kind}", "device": it.device, "zone": it.zone},
        )
        body: dict[str, object] = {
            "since_us": it.since_us,
            "sides": list(it.sides),
            "temperature_centi_c": {"min": it.min_centi_c, "max": it.max_centi_c},
        }
        rule = self._facts().climates.get(it.zone)
        if rule is not None:
            body["limits_centi_c"] = [rule.low_centi_c, rule.high_centi_c]
            body |= self._lots(rule)
        if told.kind == core.ENDED:
            body["until_us"] = told.at_us if told.reason else it.good_us
        if told.reason:
            body["reason"] = told.reason
        is_start = told.kind == core.STARTED
        return self._draft(
            _TYPES[told.kind],
            told.at_us,
            event_id=it.event_id if is_start else self._new_id(),
            cause="" if is_start else it.event_id,
            zone=it.zone,
            body=body,
            of=it,
        )

    def _lots(self, rule: doc.Climate) -> dict[str, object]:
        nothing = Exposure()
        present = {lot: self._excursions.lots.get(lot, nothing) for lot in self._present(rule)}
        worst = sorted(present.items(), key=lambda each: (-each[1].total.heat, each[0]))
        return {
            "n_lots": len(worst),
            "lots": [
                {"item": item, "lot": lot, **_exposure(it)} for (item, lot), it in worst[:LOTS_MAX]
            ],
        }

    def _held(self, verdict: Verdict) -> Draft:
        item, lot = verdict.lot
        logger.warning(
            "lot held by its exposure",
            extra={"action": "lot_held", "zone": verdict.zone, "kind": verdict.exposure.verdict},
        )
        body: dict[str, object] = {
            "item": item,
            "lot": lot,
            "reason": "exposure",
            "verdict": verdict.exposure.verdict,
            **_exposure(verdict.exposure),
        }
        return self._draft(
            ev.LOT_HELD,
            verdict.at_us,
            event_id=self._new_id(),
            cause=verdict.event_id,
            zone=verdict.zone or None,
            body=body,
        )

    def _draft(
        self,
        kind: str,
        at_us: int,
        *,
        event_id: str,
        cause: str,
        zone: str | None,
        body: dict[str, object],
        of: Watched | None = None,
    ) -> Draft:
        event = ev.Event(
            event_id=event_id,
            type=kind,
            version=EVENT_VERSION,
            occurred_at_us=at_us,
            received_at_us=at_us,
            warehouse=self._warehouse,
            device=None if of is None else ev.DeviceMark(id=of.device),
            zone=zone,
            cause=cause or None,
            body=body,
        )
        return Draft(event.event_id, event.type, event.occurred_at_us, ev.encode_event(event))


def _exposure(it: Exposure) -> dict[str, object]:
    total = it.total
    return {
        "above_s": total.above_us // _US,
        "below_s": total.below_us // _US,
        "degree_minutes": total.degree_minutes,
    }
