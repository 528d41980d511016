"""What the JSON of other people's readers has in common: documents, fields, and what they mean.

A payload is one JSON value, or several, one a line; each value is an event or an array of events.
Every event is taken on its own: one that is refused costs no other. Unknown keys are the maker's
affair and ignored; a key that is known and of the wrong type or out of range is refused.

EPCs are given as upper-case hex. Where a reader reports no EPC but the tag's TID, the TID stands
for it: it is unique, and its first byte (E2) is no EPC header, so it stays an opaque identity.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.codecs.strict_json import JsonRefused, parse_value
from gateway.core.readings import Tag

MAX_EVENTS: Final = 2000
"""Events in one payload; 64 KiB hold fewer tags than this."""
MAX_TEXT: Final = 4096
_WORDS: Final = re.compile(r"(?:[0-9A-Fa-f]{4}){1,32}")


class EventRefused(ValueError):
    """An event that is not of its maker's format; the message names the key."""


@dataclass(frozen=True, slots=True)
class Barcode:
    """A symbol read by a reader that is a scanner too."""

    data: str
    symbology: str | None = None


@dataclass(frozen=True, slots=True)
class ReaderEvent:
    """What one event says. time: the reader's clock as it wrote it.

    numbers: the reader's own running numbers of its reads, by which gaps are seen. troubles: what
    is wrong at the reader, each a short text, always the same for the same trouble.
    """

    tags: tuple[Tag, ...] = ()
    barcodes: tuple[Barcode, ...] = ()
    time: str | None = None
    numbers: tuple[int, ...] = ()
    troubles: tuple[str, ...] = ()
    battery_pct: int | None = None
    firmware: str | None = None


@dataclass(frozen=True, slots=True)
class ReaderPayload:
    """A payload's events in order, and why the others were refused."""

    events: tuple[ReaderEvent, ...]
    refusals: tuple[str, ...] = ()


def parse_payload(raw: bytes, parse_event: Callable[[Fields], ReaderEvent]) -> ReaderPayload:
    """The events in a payload, each by `parse_event`. Never raises for bad bytes."""
    events, refusals = [], []
    try:
        values = list(_values(raw))
    except JsonRefused as refusal:
        return ReaderPayload((), (str(refusal),))
    if len(values) > MAX_EVENTS:
        return ReaderPayload((), (f"{len(values)} events, at most {MAX_EVENTS} are taken",))
    for i, value in enumerate(values):
        path = f"[{i}]." if len(values) > 1 else ""
        try:
            events.append(parse_event(fields_of(value, path)))
        except EventRefused as refusal:
            refusals.append(str(refusal))
    return ReaderPayload(tuple(events), tuple(refusals))


def _values(raw: bytes) -> Iterator[object]:
    """The events of a payload: of one JSON value, else of one a line. Raises JsonRefused."""
    try:
        documents = [parse_value(raw)]
    except JsonRefused:
        lines = [line for line in raw.splitlines() if line.strip()]
        if len(lines) < 2:
            raise
        documents = [parse_value(line) for line in lines]
    for document in documents:
        if isinstance(document, list):
            yield from document
        else:
            yield document


@dataclass(slots=True)
class Fields:
    """An object of which keys are taken one by one, each checked. Getters raise EventRefused."""

    values: Mapping[str, object]
    path: str = ""

    def __contains__(self, key: str) -> bool:
        return self.values.get(key) is not None

    def refusal(self, key: str, expected: str) -> EventRefused:
        """An error that names key, what was expected and what came."""
        got = f", got {self.values[key]!r:.60}" if key in self.values else ""
        return EventRefused(f"{self.path}{key}: expected {expected}{got}")

    def text(self, key: str) -> str | None:
        """A text that is not empty; None if there is none."""
        value = self.values.get(key)
        if value is None or value == "":
            return None
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            raise self.refusal(key, f"text of up to {MAX_TEXT} characters")
        return value

    def whole(self, key: str, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`."""
        value = self.number(key, low, high)
        if value is not None and value != round(value):
            raise self.refusal(key, f"a whole number from {low} to {high}")
        return None if value is None else round(value)

    def number(self, key: str, low: float, high: float) -> float | None:
        """A number from `low` to `high`."""
        value = self.values.get(key)
        if value is None:
            return None
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:  # type: ignore[operator]  # a number, checked just before
            raise self.refusal(key, f"a number from {low:g} to {high:g}")
        return float(value)  # type: ignore[arg-type]  # a number, checked just before

    def words(self, key: str) -> str | None:
        """Tag memory as hex, whole 16-bit words, in upper case."""
        value = self.text(key)
        if value is not None and not _WORDS.fullmatch(value):
            raise self.refusal(key, "hex digits, whole 16-bit words")
        return None if value is None else value.upper()

    def inner(self, key: str) -> Fields | None:
        """An object within."""
        if key not in self:
            return None
        return fields_of(self.values[key], f"{self.path}{key}.")

    def inners(self, key: str) -> list[Fields]:
        """A list of objects within; empty if there is none."""
        values = self.values.get(key)
        if values is None:
            return []
        if not isinstance(values, list) or len(values) > MAX_EVENTS:
            raise self.refusal(key, f"a list of up to {MAX_EVENTS} objects")
        return [fields_of(value, f"{self.path}{key}[{i}].") for i, value in enumerate(values)]

    def time_us(self, key: str) -> int | None:
        """A moment in µs UTC; None also for a text that is no moment with offset.

        A reader whose clock is not set yet writes half a time; its reads are good all the same.
        """
        value = self.text(key)
        try:
            moment = None if value is None else datetime.fromisoformat(value)
        except ValueError:
            return None
        if moment is None or moment.tzinfo is None or moment.year < 1970:
            return None
        return round(moment.timestamp() * 1_000_000)


def fields_of(value: object, path: str = "") -> Fields:
    """The fields of a JSON object. Raises EventRefused for anything else."""
    if not isinstance(value, dict):
        raise EventRefused(f"{path.rstrip('.') or 'event'}: expected an object, got {value!r:.60}")
    return Fields(value, path)
