"""A JSON object read key by key, with a reason for what the contract does not allow.

What a worker types or scans himself is a slip where it is none, and he is told so in his words;
all else is a mistake of the device's program.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from cloud_sync.contract import keys
from gateway.codecs.gs1 import symbol_or_flaw
from gateway.codecs.mqtt_ordinary import MAX_TEXT, QUANTITY_MAX
from gateway.core.labels import text_of

T = TypeVar("T")

_SLIPS: Final = {
    "quantity": "quantity_refused",
    "temperature_c": "temperature_refused",
    "id": "document_refused",
    "location": "location_refused",
    "sscc": "unit_missing",
}
"""What a worker is told of what he types or scans himself."""


class Refused(ValueError):
    """A key with a value the contract does not allow."""


class Slip(Refused):
    """What a worker gave and should not have. key: of what the worker is told."""

    def __init__(self, key: str, refusal: object, given: object, worker: str | None) -> None:
        super().__init__(str(refusal))
        self.key, self.given, self.worker = key, str(given)[:24], worker


@dataclass(slots=True)
class Reader:
    """Takes keys out of an object one by one and checks each; what is left is unknown."""

    fields: dict[str, object]
    path: str = ""
    taken: set[str] = field(default_factory=set)

    def take(self, key: str) -> object:
        self.taken.add(key)
        return self.fields.get(key)

    def unknown(self) -> tuple[str, ...]:
        return tuple(sorted(self.fields.keys() - self.taken))

    def refuse(self, key: str, expected: str, got: object) -> Refused:
        shown = repr(got)
        return Refused(f"{self.path}{key}: expected {expected}, got {shown[:60]}")

    def integer(self, key: str, low: int, high: int) -> int | None:
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.refuse(key, f"a whole number from {low} to {high}", value)
        return value

    def number(self, key: str, low: float, high: float) -> float | None:
        value = self.take(key)
        if value is None:
            return None
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            raise self.refuse(key, f"a number from {low:g} to {high:g}", value)
        return float(value)

    def text(self, key: str, limit: int = MAX_TEXT) -> str | None:
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, str) or not 0 < len(value) <= limit or "\0" in value:
            raise self.refuse(key, f"text of 1 to {limit} characters", value)
        return value

    def id(self, key: str) -> str | None:
        value = self.text(key, 64)
        if value is not None and not keys.is_id(value):
            raise self.refuse(key, "letters, digits, dots, hyphens and underscores", value)
        return value

    def scanned(self, key: str) -> str | None:
        """An id as typed, or as scanned from its label, with the scanner's own prefix or not."""
        value = self.text(key)
        said = None if value is None else text_of(value).strip()
        if said is not None and not (keys.is_id(said) and _gtin_in(value or "") is None):
            raise self.refuse(key, "letters, digits, dots, hyphens and underscores", value)
        return said

    def quantity(self, key: str) -> int | None:
        return self.integer(key, -QUANTITY_MAX, QUANTITY_MAX)

    def sscc(self, key: str) -> str | None:
        value = self.text(key, 64)
        if value is not None and not keys.is_sscc(value):
            raise self.refuse(key, "18 digits with a right check digit", value)
        return value

    def time_us(self, key: str) -> int | None:
        value = self.text(key, 64)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None or moment.year < 1970:
            raise self.refuse(key, "an ISO 8601 time with offset", value)
        return round(moment.timestamp() * 1_000_000)


def _gtin_in(text: str) -> str | None:
    """The trade item of a symbol with the scanner's own prefix: no paper and no place."""
    symbol, _ = symbol_or_flaw(text, None) if text.startswith("]") else (None, None)
    return None if symbol is None else symbol.gtin


def given(reader: Reader, key: str, worker: str | None, take: Callable[[str], T]) -> T:
    """What a worker gives. take: reads the key. Raises Slip for what it cannot be."""
    try:
        return take(key)
    except Refused as refusal:
        raise Slip(_SLIPS[key], refusal, reader.fields[key], worker) from refusal
