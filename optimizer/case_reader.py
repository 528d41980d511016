"""Typed access to one JSON object that remembers where it stands and what was read from it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise

from optimizer.errors import CaseError


class Reader:
    """One object of a case. Every getter checks; ``finish`` refuses the keys nobody asked for."""

    def __init__(self, path: str, value: object) -> None:
        if not isinstance(value, Mapping):
            raise CaseError(path or "(case)", value, "an object")
        self._path, self._value = path, value
        self._known: set[str] = set()

    def at(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def has(self, key: str) -> bool:
        self._known.add(key)
        return self._value.get(key) is not None

    def is_object(self, key: str) -> bool:
        return isinstance(self._value.get(key), Mapping)

    def finish(self) -> None:
        for key in self._value:
            if key not in self._known:
                raise CaseError(self.at(str(key)), self._value[key], "no such key")

    def text(self, key: str) -> str:
        value = self._get(key)
        if not isinstance(value, str) or not value:
            raise CaseError(self.at(key), value, "a text")
        return value

    def optional_text(self, key: str) -> str | None:
        return self.text(key) if self.has(key) else None

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._list(key) if self.has(key) else []
        for n, value in enumerate(values):
            if not isinstance(value, str):
                raise CaseError(f"{self.at(key)}[{n}]", value, "a text")
        return tuple(str(value) for value in values)

    def number(
        self,
        key: str,
        *,
        low: float = -math.inf,
        high: float = math.inf,
        above: float | None = None,
    ) -> float:
        return _number(self.at(key), self._get(key), low, high, above)

    def optional(
        self,
        key: str,
        *,
        low: float = -math.inf,
        high: float = math.inf,
        above: float | None = None,
    ) -> float | None:
        return self.number(key, low=low, high=high, above=above) if self.has(key) else None

    def whole(self, key: str, *, low: int, high: int) -> int:
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise CaseError(self.at(key), value, f"a whole number {low}..{high}")
        return value

    def numbers(self, key: str, *, low: float) -> list[float]:
        values = self._list(key) if self.has(key) else []
        return [
            _number(f"{self.at(key)}[{n}]", x, low, math.inf, None) for n, x in enumerate(values)
        ]

    def point(self, key: str, *, required: bool) -> tuple[float, float] | None:
        if not required and not self.has(key):
            return None
        values = self._list(key)
        if len(values) != 2:
            raise CaseError(self.at(key), values, "two coordinates in km")
        x, y = (_number(self.at(key), value, -math.inf, math.inf, None) for value in values)
        return x, y

    def matrix(self, key: str, *, low: float, high: float) -> tuple[tuple[float, ...], ...]:
        rows = []
        for a, line in enumerate(self._list(key)):
            path = f"{self.at(key)}[{a}]"
            if not isinstance(line, list | tuple):
                raise CaseError(path, line, "a row of numbers")
            rows.append(
                tuple(_number(f"{path}[{b}]", x, low, high, None) for b, x in enumerate(line))
            )
        return tuple(rows)

    def quantiles(self, key: str) -> tuple[tuple[float, float], ...] | None:
        """[[probability, kg], …] by rising probability; a falling kg is refused."""
        if not self.has(key):
            return None
        points = sorted(row for row in self.matrix(key, low=0, high=math.inf))
        if not points or any(len(point) != 2 or point[0] > 1 for point in points):
            raise CaseError(self.at(key), points, "pairs of probability and kg")
        pairs = tuple((point[0], point[1]) for point in points)
        for (p0, kg0), (p1, kg1) in pairwise(pairs):
            if p0 == p1 or kg1 < kg0:
                raise CaseError(self.at(key), (p1, kg1), "kg that rise with the probability")
        return pairs

    def entry(self, key: str) -> Reader:
        return Reader(self.at(key), self._get(key))

    def entries(self, key: str) -> list[Reader]:
        values = self._list(key)
        if not values:
            raise CaseError(self.at(key), values, "at least one entry")
        return [Reader(f"{self.at(key)}[{n}]", value) for n, value in enumerate(values)]

    def named_entries(
        self, key: str, allowed: Mapping[str, object]
    ) -> Iterator[tuple[str, Reader]]:
        entries = self._get(key)
        if not isinstance(entries, Mapping):
            raise CaseError(self.at(key), entries, "an object by product id")
        for name, value in entries.items():
            if name not in allowed:
                raise CaseError(f"{self.at(key)}.{name}", value, "the id of a product")
            yield name, Reader(f"{self.at(key)}.{name}", value)

    def _get(self, key: str) -> object:
        self._known.add(key)
        if key not in self._value:
            raise CaseError(self.at(key), None, "a value")
        return self._value[key]

    def _list(self, key: str) -> list[object]:
        value = self._get(key)
        if not isinstance(value, list | tuple):
            raise CaseError(self.at(key), value, "a list")
        return list(value)


def _number(path: str, value: object, low: float, high: float, above: float | None) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise CaseError(path, value, "a finite number")
    if above is not None and value <= above:
        raise CaseError(path, value, f"a number above {above:g}")
    if not low <= value <= high:
        span = f"at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
        raise CaseError(path, value, f"a number {span}")
    return float(value)
