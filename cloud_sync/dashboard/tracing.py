"""A trace as somebody reads it: what was scanned, moments one after the other, and lanes; pure.

A symbol is an element string (`(01)…(10)…`, or as a scanner sends it, with FNC1 as GS), a GS1
Digital Link, or an EPC URN. Source: GS1 General Specifications, 3.2 and 7.8.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from markupsafe import Markup

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.epcis.identifiers import canonical_id, parse_link
from cloud_sync.inventory.places import is_late
from cloud_sync.store.trace_rows import Foreign, Subject, Trace

_GS: Final = "\x1d"
_FIXED: Final = {"00": 18, "01": 14, "02": 14, "11": 6, "12": 6, "13": 6, "15": 6, "16": 6,
                 "17": 6, "20": 2}  # fmt: skip
_VARYING: Final = ("10", "21", "22", "30", "37", "240", "241", "400", "410", "414", "254")
_SYMBOLOGY: Final = re.compile(r"^\][A-Za-z]\d")
_BRACKETS: Final = re.compile(r"\((\d{2,4})\)([^(]+)")
ALARMS: Final = frozenset(
    {
        *(ev.EXCURSION_STARTED, ev.EXCURSION_CONTINUED, ev.LOT_HELD, ev.LOT_RECALLED),
        *(ev.STOCK_WASTED, ev.PICK_SHORT, ev.LOT_EXPIRED),
    }
)


def read_symbol(symbol: str) -> Subject | None:
    """What a symbol names: a lot, a piece or a unit; None where it names none of them."""
    plain = symbol.strip()
    if plain.startswith("(") and (pairs := dict(_BRACKETS.findall(plain))):
        return _subject(pairs)
    link = parse_link(canonical_id(plain))
    if link is not None:
        parts = {link.ai: link.value, **dict(link.qualifiers)}
        return _subject({ai: unquote(value) for ai, value in parts.items()})
    return _subject(_elements(_SYMBOLOGY.sub("", plain).lstrip(_GS)))


def _elements(text: str) -> dict[str, str]:
    """The elements of a string without brackets, up to the first that cannot be read."""
    found: dict[str, str] = {}
    while text:
        ai = next((it for it in (*_FIXED, *_VARYING) if text.startswith(it)), None)
        if ai is None:
            break
        text = text[len(ai) :]
        if ai in _FIXED:
            value, text = text[: _FIXED[ai]], text[_FIXED[ai] :].removeprefix(_GS)
        else:
            value, _, text = text.partition(_GS)
        found[ai] = value
    return found


def _subject(parts: dict[str, str]) -> Subject | None:
    gtin = parts.get("01", "").strip()
    return make_subject(
        gtin=gtin, lot=parts.get("10", ""), serial=parts.get("21", ""), sscc=parts.get("00", "")
    )


def make_subject(*, gtin: str, lot: str, serial: str, sscc: str = "") -> Subject | None:
    """What these name: a piece before its lot; None where it is nothing, or written wrongly."""
    gtin, lot, serial, sscc = gtin.strip(), lot.strip(), serial.strip(), sscc.strip()
    if keys.is_sscc(sscc):
        return Subject(sscc=sscc)
    gtin = gtin.zfill(14) if gtin.isascii() and gtin.isdigit() else gtin
    if not keys.is_gtin(gtin) or max(len(lot), len(serial)) > 64:
        return None
    if serial and serial.isprintable():
        return Subject(item=gtin, serial=serial)
    return Subject(item=gtin, lot=lot) if lot and lot.isprintable() else None


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a lot had suffered up to then."""

    above_min: int
    below_min: int
    degree_minutes: int


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened. ways: from, to, quantity, unit; kind: the type of event, or a step
    of EPCIS of somebody else's."""

    at_us: int
    warehouse: str
    kind: str
    ways: tuple[tuple[str, str, int, str], ...] = ()
    worker: str = ""
    device: str = ""
    documents: tuple[str, ...] = ()
    reason: str = ""
    exposure: Exposure | None = None
    is_late: bool = False
    is_undone: bool = False
    is_foreign: bool = False

    @property
    def is_alarm(self) -> bool:
        return self.kind in ALARMS


def moments_of(trace: Trace, subject: Subject) -> list[Moment]:
    """What happened, in the order of time."""
    found = [_moment(it, subject, it.event_id in trace.corrected) for it in trace.events]
    found += [_of_others(it) for it in trace.foreign]
    return sorted(found, key=lambda it: it.at_us)


def _moment(event: ev.Event, subject: Subject, is_undone: bool) -> Moment:
    lines = [it for it in event.lines if _is_of(it, subject)]
    reason = event.body.get("reason")
    return Moment(
        at_us=event.occurred_at_us,
        warehouse=event.warehouse,
        kind=event.type,
        ways=tuple((it.from_location, it.to_location, it.quantity, it.unit) for it in lines),
        worker=event.worker or "",
        device=event.device.id if event.device is not None else "",
        documents=tuple(it.id for it in event.documents),
        reason=reason if isinstance(reason, str) else "",
        exposure=_exposure(event, subject),
        is_late=is_late(event),
        is_undone=is_undone,
    )


def _is_of(line: ev.Line, subject: Subject) -> bool:
    if subject.sscc:
        return True
    if line.item != subject.item:
        return False
    return subject.serial in line.serials if subject.serial else line.lot == subject.lot


def _exposure(event: ev.Event, subject: Subject) -> Exposure | None:
    """What an event says that the lot had suffered: of itself, or of it among several."""
    several = event.body.get("lots")
    for said in (event.body, *(several if isinstance(several, list) else ())):
        if not isinstance(said, dict) or said.get("item") != subject.item:
            continue
        if said.get("lot") != subject.lot or "above_s" not in said:
            continue
        numbers = [said.get(name, 0) for name in ("above_s", "below_s", "degree_minutes")]
        above, below, heat = (it if isinstance(it, int | float) else 0 for it in numbers)
        return Exposure(round(above / 60), round(below / 60), round(heat))
    return None


def _of_others(it: Foreign) -> Moment:
    return Moment(it.at_us, it.place, it.step, is_foreign=True)


LANE: Final = 34
WIDTH: Final = 900
_LEFT: Final = 150
_RIGHT: Final = 24


def lanes(moments: Sequence[Moment], names: dict[str, str], title: str, about: str) -> Markup:
    """A line for each warehouse over time, with what happened there."""
    rows = list(dict.fromkeys(it.warehouse for it in moments))
    if len(moments) < 2 or moments[0].at_us == moments[-1].at_us:
        return Markup()
    start, end = moments[0].at_us, moments[-1].at_us
    height = len(rows) * LANE + 12

    def x(at_us: int) -> float:
        return round(_LEFT + (at_us - start) / (end - start) * (WIDTH - _LEFT - _RIGHT), 1)

    parts = []
    for n, warehouse in enumerate(rows):
        here = [it for it in moments if it.warehouse == warehouse]
        y = n * LANE + LANE / 2
        name = names.get(warehouse) or warehouse or "–"
        parts.append(
            Markup(
                '<text x="8" y="{}">{}</text>'
                '<line class="grid" x1="{}" x2="{}" y1="{y}" y2="{y}"/>'
                '<line class="stay" x1="{}" x2="{}" y1="{y}" y2="{y}"/>'
            ).format(
                y + 4, name[:22], _LEFT, WIDTH - _RIGHT, x(here[0].at_us), x(here[-1].at_us), y=y
            )
        )
        parts += [_mark(it, x(it.at_us), y) for it in here]
    return Markup(
        '<svg class="lanes" viewBox="0 0 {} {}" role="img" aria-labelledby="lanes-t lanes-d">'
        '<title id="lanes-t">{}</title><desc id="lanes-d">{}</desc>{}</svg>'
    ).format(WIDTH, height, title, about, Markup().join(parts))


def _mark(it: Moment, x: float, y: float) -> Markup:
    if it.is_alarm:
        return Markup('<path class="alarm" d="M{} {}l7 12h-14z"/>').format(x, y - 7)
    return Markup('<circle class="moment" cx="{}" cy="{}" r="5"/>').format(x, y)


def worst(moments: Iterable[Moment]) -> Exposure | None:
    """The most that was told of the lot in any warehouse."""
    told = [it.exposure for it in moments if it.exposure is not None]
    if not told:
        return None
    return Exposure(
        max(it.above_min for it in told),
        max(it.below_min for it in told),
        max(it.degree_minutes for it in told),
    )
