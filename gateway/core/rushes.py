"""Surges among this warehouse's sales, as triggers look at them.

The test is cloud_sync/demand/surge; here is what it is told: every sale (goods that go to a
customer) at the time it was made, and what is expected, which is the item's usual demand at these
hours of the day, told in sales, by how many units one sale has taken so far.

Sums live in memory. A restarted gateway reads the last sales again from its journal; a surge that
was told before is then found again and is not told again, because its cause is not armed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, tzinfo
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.demand.pace import days_worth
from cloud_sync.demand.surge import Surge, SurgeDetector, SurgeRule
from gateway.core.facts import Facts
from gateway.core.triggers import Rush

LASTS_US: Final = 4 * 3_600_000_000
"""How long a surge is planned to go on: what it takes in that time is ordered on top."""
RISE_MAX: Final = 20.0
"""Of the usual pace: what is planned for at most, whatever the first minutes say."""


class Rushes:
    """The surges of one warehouse. zone: of the clock on its wall."""

    def __init__(self, facts: Facts, rule: SurgeRule | None = None, *, zone: tzinfo = UTC) -> None:
        self._facts = facts
        self._zone = zone
        self._detector = SurgeDetector(rule or SurgeRule(), self._expected)
        self._sold: dict[str, tuple[int, int]] = {}
        self._new: dict[str, Surge] = {}

    def note(self, events: Iterable[ev.Event]) -> set[str]:
        """Take the journal's next events; gives the items that were sold."""
        sold: set[str] = set()
        for event in events:
            for line in event.lines:
                if line.to_location != keys.CUSTOMER or line.item not in self._facts.policies:
                    continue
                n, units = self._sold.get(line.item, (0, 0))
                self._sold[line.item] = n + 1, units + self._units(line)
                surge = self._detector.note_sale(line.item, event.occurred_at_us)
                if surge is not None:
                    self._new[line.item] = surge
                sold.add(line.item)
        return sold

    def rush(self, item: str, now_us: int) -> Rush | None:
        """What is new of an item: a surge that has begun, or that none is on; None otherwise."""
        surge = self._new.pop(item, None)
        if surge is not None:
            return Rush(
                is_on=True,
                n_sales=surge.n_sales,
                n_expected=surge.n_expected,
                extra_units=self._extra(surge),
            )
        return None if self._detector.is_on(item, now_us) else Rush(is_on=False)

    def _extra(self, surge: Surge) -> int:
        usual = self._usual(surge.item, surge.seen_at_us, surge.seen_at_us + LASTS_US)
        return max(0, round((min(surge.rise, RISE_MAX) - 1) * usual))

    def _units(self, line: ev.Line) -> int:
        item = self._facts.items.get(line.item)
        if line.unit == "EA" or item is None:
            return line.quantity
        return max(1, line.quantity // item.grams_per_unit)

    def _expected(self, item: str, start_us: int, end_us: int) -> float:
        """Sales expected between two moments."""
        n, units = self._sold.get(item, (0, 0))
        per_sale = max(1.0, units / n) if n else 1.0
        return self._usual(item, start_us, end_us) / per_sale

    def _usual(self, item: str, start_us: int, end_us: int) -> float:
        """Units sold between two moments of a usual day."""
        policy = self._facts.policies[item]
        days = days_worth(policy.hours, start_us, end_us, self._zone)
        return policy.demand_units_per_day * days
