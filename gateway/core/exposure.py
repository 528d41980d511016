"""What heat and cold have done to a lot, and what a rule makes of that.

All sums are integers, so that the same readings give the same sums, in however many parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cloud_sync.contract.documents import Allowed
from cloud_sync.contract.documents import Climate as Rule
from cloud_sync.contract.exposures import VERDICTS

LotKey = tuple[str, str]
"""Item and lot; lot "" for goods without one."""

_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Sums:
    """Time above and below limits, and heat: 1/100 °C above the limit times µs."""

    above_us: int = 0
    below_us: int = 0
    heat: int = 0

    @property
    def degree_minutes(self) -> int:
        """Heat in °C times minutes, rounded down."""
        return self.heat // (100 * 60 * _US)

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(
            self.above_us + other.above_us, self.below_us + other.below_us, self.heat + other.heat
        )

    def beyond(self, other: Sums) -> Sums:
        """What this is more than the other, part by part."""
        return Sums(
            max(0, self.above_us - other.above_us),
            max(0, self.below_us - other.below_us),
            max(0, self.heat - other.heat),
        )

    def worst(self, other: Sums) -> Sums:
        """The larger of each part."""
        return self.plus(other.beyond(self))


NONE: Final = Sums()


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a lot has been through. here: at this warehouse, since anything of it came first.

    brought: what any part of it had suffered before it came, beyond what the lot had suffered
    here by then; so that no part has suffered more than both together.
    verdict: the gravest that was spoken here.
    """

    here: Sums = NONE
    brought: Sums = NONE
    verdict: str = ""

    @property
    def total(self) -> Sums:
        """What counts."""
        return self.here.plus(self.brought)


def is_worse(verdict: str, than: str) -> bool:
    """Verdicts only ever get worse here; people release."""
    return VERDICTS.index(verdict) > VERDICTS.index(than)


def verdict_of(exposure: Exposure, rule: Rule) -> str:
    """What a rule makes of an exposure: "", hold or waste."""
    for verdict, allowed in (("waste", rule.waste), ("hold", rule.hold)):
        if allowed is not None and _exceeds(exposure.total, allowed):
            return verdict
    return ""


def _exceeds(sums: Sums, allowed: Allowed) -> bool:
    return (
        _is_spent(sums.above_us, allowed.above_s)
        or _is_spent(sums.below_us, allowed.below_s)
        or (allowed.degree_minutes is not None and sums.degree_minutes >= allowed.degree_minutes)
    )


def _is_spent(spent_us: int, allowed_s: int | None) -> bool:
    return allowed_s is not None and spent_us >= allowed_s * _US
