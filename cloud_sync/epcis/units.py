"""Units of measure that mean the same kind of thing, by their codes of UN/CEFACT Rec. 20.

A query in one unit finds values in another of its family: who asks for more than 280 K means a
reading of 7 \u00b0C, too. Units that are in no family are compared with themselves only.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from cloud_sync.epcis.rules import is_number

_FAMILIES: Final[tuple[dict[str, tuple[str, str]], ...]] = (
    {"KEL": ("1", "0"), "CEL": ("1", "273.15"), "FAH": ("5/9", "45967/180")},
    {"KGM": ("1", "0"), "GRM": ("1/1000", "0"), "MGM": ("1/1000000", "0"), "TNE": ("1000", "0"),
     "LBR": ("0.45359237", "0"), "ONZ": ("0.028349523125", "0")},
    {"MTR": ("1", "0"), "CMT": ("1/100", "0"), "MMT": ("1/1000", "0"), "KMT": ("1000", "0"),
     "INH": ("0.0254", "0"), "FOT": ("0.3048", "0")},
    {"LTR": ("1", "0"), "MLT": ("1/1000", "0"), "CLT": ("1/100", "0"), "MTQ": ("1000", "0")},
    {"SEC": ("1", "0"), "MIN": ("60", "0"), "HUR": ("3600", "0"), "DAY": ("86400", "0")},
    {"PAL": ("1", "0"), "A97": ("100", "0"), "KPA": ("1000", "0"), "BAR": ("100000", "0"),
     "MBR": ("100", "0"), "ATM": ("101325", "0")},
    {"MTS": ("1", "0"), "KMH": ("5/18", "0")},
)  # fmt: skip
"""Factor and offset to the first unit of each family."""

_SPREADS: Final = ("sDev",)
"""Differences, which have no zero that could be moved."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """From one unit to another: factor * value + offset, exact until it is rounded once."""

    factor: Fraction
    offset: Fraction

    def __call__(self, value: object) -> float | None:
        """The value in the other unit; None for what is no number."""
        if not isinstance(value, int | float) or not is_number(value):
            return None
        return float(Fraction(str(value)) * self.factor + self.offset)


def others(name: str) -> tuple[tuple[str, Conversion], ...]:
    """The names of a measured fact in the other units of its family, and how to come from them.

    `value_CEL` gives `value_KEL` and `value_FAH`.
    """
    fact, _, unit = name.partition("_")
    for family in _FAMILIES:
        if unit in family:
            return tuple(
                (f"{fact}_{other}", _between(family[other], family[unit], fact))
                for other in family
                if other != unit
            )
    return ()


def _between(source: tuple[str, str], target: tuple[str, str], fact: str) -> Conversion:
    factor = Fraction(source[0]) / Fraction(target[0])
    moved = (Fraction(source[1]) - Fraction(target[1])) / Fraction(target[0])
    return Conversion(factor, Fraction(0) if fact in _SPREADS else moved)
