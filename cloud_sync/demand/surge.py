"""Surges: a live-stream sale is seen in minutes, from the sales themselves.

A one-sided CUSUM of the log-likelihood ratio of two Poisson processes, the expected one with
rate λ(t) and one r times as fast (Page 1954, Biometrika 41; Lucas 1985, Technometrics 27, for
counts). Between two sales it falls by what was expected in between, each sale raises it:

    S ← max(0, S - (r - 1) ∫λ dt) + ln r            alarm when S ≥ h

Sales, not units, are counted: who takes ten bottles is one sale, and Poisson.

False alarms: under the expected rate the ratio of each step has mean 1, so by Lorden (1971, Ann.
Math. Statist. 42, theorem 2) an item has on average at least e^h sales between two false alarms.
A warehouse with N sales a day has at most N e^-h a day, whatever the rates are and however they
change. h = ln(N · days between).

Delay: of a surge to ρ times the rate about h / (λ (ρ ln r - (r - 1))), so with λ = 1/min, r = 3
and h = 14 some 1.6 min at ρ = 10 and 11 min at ρ = 3. What sells once an hour must sell ten times
as fast for hours: that is the price of few false alarms, and the reorder point sees to it.

`headroom` widens what is expected, because some days are busier than others (docs/demand.md).

A surge has ended when the same test the other way round says so: rate λ against rate rλ.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from cloud_sync.contract.values import named_value

Expected = Callable[[str, int, int], float]
"""Sales expected of an item between two moments, (item, start_us, end_us)."""


@named_value
class SurgeRule:
    """ratio: r, the rise to look for. threshold: h. headroom: on what is expected.

    per_hour_min: what is expected at least, so that the first sale of a new item is none.
    """

    ratio: float = 3.0
    threshold: float = 14.0
    end_threshold: float = 5.0
    headroom: float = 1.5
    per_hour_min: float = 0.2

    def false_alarms(self, n_sales: float) -> float:
        """At most so many false alarms are to be expected in so many sales."""
        return n_sales * math.exp(-self.threshold)

    def delay_sales(self, rise: float) -> float:
        """Sales until the alarm on average, where the rate is `rise` times the expected one."""
        drift = math.log(self.ratio) - (self.ratio - 1) * self.headroom / rise
        return self.threshold / drift if drift > 0 else math.inf


@named_value
class Surge:
    """A surge that was seen. started_at_us: the estimate; seen_at_us: the sale that told.

    n_sales, n_expected: since it started; their ratio is `rise`.
    """

    item: str
    started_at_us: int
    seen_at_us: int
    n_sales: int
    n_expected: float

    @property
    def rise(self) -> float:
        """How many times as fast as expected."""
        return self.n_sales / self.n_expected if self.n_expected else math.inf


@dataclass(slots=True)
class _Watch:
    """One item's sums. since_us: where the sum was last 0, the estimate of the start."""

    last_us: int
    since_us: int
    score: float = 0.0
    n_sales: int = 0
    n_expected: float = 0.0
    is_on: bool = False
    end_score: float = 0.0


class SurgeDetector:
    """Watches all items of a warehouse. Told of each sale once, in the order they were made.

    A sale that comes late (its time is before the last) counts at the last one's time.
    """

    def __init__(self, rule: SurgeRule, expected: Expected) -> None:
        self._rule = rule
        self._expected = expected
        self._watches: dict[str, _Watch] = {}

    def note_sale(self, item: str, at_us: int) -> Surge | None:
        """The surge that this sale tells of; one surge is told once."""
        watch = self._watches.get(item)
        if watch is None:
            watch = self._watches[item] = _Watch(at_us, at_us)
        self._wait(item, watch, at_us)
        rise = math.log(self._rule.ratio)
        if watch.is_on:
            watch.end_score = max(0.0, watch.end_score - rise)
            return None
        watch.score += rise
        watch.n_sales += 1
        if watch.score < self._rule.threshold:
            return None
        watch.is_on, watch.end_score = True, 0.0
        return Surge(
            item=item,
            started_at_us=watch.since_us,
            seen_at_us=watch.last_us,
            n_sales=watch.n_sales,
            n_expected=watch.n_expected,
        )

    def is_on(self, item: str, now_us: int) -> bool:
        """Whether the surge that was seen still lasts."""
        watch = self._watches.get(item)
        if watch is None:
            return False
        self._wait(item, watch, now_us)
        return watch.is_on

    def _wait(self, item: str, watch: _Watch, now_us: int) -> None:
        """Let the time pass in which nothing was sold."""
        if now_us <= watch.last_us:
            return
        rule = self._rule
        least = rule.per_hour_min * (now_us - watch.last_us) / 3_600_000_000
        expected = max(least, self._expected(item, watch.last_us, now_us))
        watch.last_us = now_us
        fall = (rule.ratio - 1) * rule.headroom * expected
        if watch.is_on:
            watch.end_score += fall
            if watch.end_score < rule.end_threshold:
                return
            watch.is_on, watch.score = False, 0.0
        watch.score = max(0.0, watch.score - fall)
        watch.n_expected += expected
        if not watch.score:
            watch.since_us, watch.n_sales, watch.n_expected = now_us, 0, 0.0
