"""What a symbol names that is no trade item: a label of the house's own, or a logistic unit.

A house's labels are known by pattern: kind and text such as `location`, `R-*`. The first pattern
that fits decides. A logistic unit is known by its SSCC (AI 00), whatever else the symbol says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from gateway.core.readings import Scan

LOGISTIC_UNIT: Final = "logistic_unit"
LABEL_MAX: Final = 64
AIM_LENGTH: Final = 3
"""`]C0` and the like, which scanners may put in front (ISO/IEC 15424)."""


@dataclass(frozen=True, slots=True)
class Label:
    """kind: location, container, worker, document or logistic_unit; id: which one."""

    kind: str
    id: str


def label_in(scan: Scan, patterns: Sequence[tuple[str, str]]) -> Label | None:
    """What a scan without a trade item names; None if nothing that is known."""
    if scan.symbol is not None:
        return None if scan.symbol.sscc is None else Label(LOGISTIC_UNIT, scan.symbol.sscc)
    text = text_of(scan.data)
    if len(text) <= LABEL_MAX:
        for kind, pattern in patterns:
            if fnmatchcase(text, pattern):
                return Label(kind, text)
    return None


def text_of(data: str) -> str:
    """What is printed on a label: the scanned text without the scanner's own prefix."""
    return data[AIM_LENGTH:] if data.startswith("]") and len(data) > AIM_LENGTH else data
