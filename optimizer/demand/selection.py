"""Which method and which distribution an item gets: the one whose quantiles cost least.

Cost is the pinball loss at the quantiles that stock is kept by (Koenker & Bassett 1978; Gneiting
2011, Int. J. Forecasting 27), over past spans. The first half of them calibrates the width of
each candidate, the second half judges it, so that no candidate is judged on what it was fitted
to. An item's own losses are few and noisy: they are averaged with those of its kind (slow, middle,
fast movers), or chance would choose (`POOL_SHARE`).

Hysteresis: the method that an item has stays until another is better by `BETTER_BY`. A level that
jumps because the method changed is an order that nobody can explain.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from optimizer.demand.history import Flags, Floats, Ints
from optimizer.demand.smoothing import METHODS
from optimizer.demand.spans import Spans

NEGATIVE_BINOMIAL: Final = "negative_binomial"
EMPIRICAL: Final = "empirical"
DISTRIBUTIONS: Final = (NEGATIVE_BINOMIAL, EMPIRICAL)

JUDGED_AT: Final = (0.5, 0.9, 0.98)
POOL_SHARE: Final = 0.5
BETTER_BY: Final = 0.05
JUDGED_SPANS_MIN: Final = 14
UNJUDGED: Final = "blend"
"""What an item gets while there is too little to judge by."""
EMPIRICAL_SPANS_MIN: Final = 12
"""Spans that do not overlap: a quantile of fewer is a guess."""
SPREAD_MIN: Final = 0.05
"""How much the ω of items differ at least, as a standard deviation."""
DEFAULT_OMEGA: Final = 0.1
LUMP_SPANS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Choice:
    """By item: i_method into METHODS, is_empirical, and the loss of what was chosen (in units)."""

    i_method: Ints
    is_empirical: Flags
    loss: Floats

    def names(self) -> list[tuple[str, str]]:
        """Method and distribution of each item, for the next choice and for people."""
        return [
            (METHODS[i], DISTRIBUTIONS[int(j)])
            for i, j in zip(self.i_method, self.is_empirical, strict=True)
        ]


def omegas(spans: Spans, *, lump: Floats, span_days: Ints) -> Floats:
    """ω of variance = lump μ + ω μ², [method, item], by moments; short histories lean on all.

    An empirical Bayes estimate: an item's ω is known to about 2 (lump + ω μ)² / (μ² n), n being
    the number of spans that do not overlap. How much items differ is estimated from them
    (DerSimonian & Laird 1986, Controlled Clinical Trials 7), but for SPREAD_MIN at least: an
    erratic item among steady ones keeps its own width.
    """
    mean, weight = spans.mean, spans.weight[None]
    excess = (spans.asked - mean) ** 2 - lump[None, :, None] * mean
    square = (weight * mean**2).sum(axis=2)
    own = np.divide(
        (weight * excess).sum(axis=2), square, out=np.zeros_like(square), where=square > 0
    )
    n_spans = weight.sum(axis=2) / span_days
    typical = np.divide(square, weight.sum(axis=2), out=np.zeros_like(square), where=n_spans > 0)
    pool = np.full((len(mean), 1), DEFAULT_OMEGA)
    # Precision depends on ω itself: three rounds settle it.
    for _ in range(3):
        noise = 2.0 * (lump + pool * np.sqrt(typical)) ** 2
        precision = np.divide(typical * n_spans, noise, out=np.zeros_like(noise), where=noise > 0)
        total = precision.sum(axis=1, keepdims=True)
        mass = (precision * own).sum(axis=1, keepdims=True) + DEFAULT_OMEGA
        pool = np.maximum(mass / (total + 1.0), 1e-3)
    scatter = (precision * (own - pool) ** 2).sum(axis=1, keepdims=True) - (own.shape[1] - 1)
    squares = (precision**2).sum(axis=1, keepdims=True)
    freedom = total - np.divide(squares, total, out=np.zeros_like(total), where=total > 0)
    spread = np.divide(scatter, freedom, out=np.zeros_like(total), where=freedom > 1e-9)
    prior = 1.0 / np.maximum(spread, SPREAD_MIN**2)
    leant: Floats = (precision * own + prior * pool) / (precision + prior)
    return np.maximum(leant, 0.0)


def settled_lump(spans: Spans, lump: Floats, span_days: Ints) -> Floats:
    """The lump of sales, by item, as far as past spans bear it out.

    Sales of ten pieces vary tenfold only if they come by chance. A standing order of ten a day
    does not: where spans vary less than the lump says it is brought down to what they do, its
    own word counting as LUMP_SPANS of them.
    """
    mean, weight = spans.mean[METHODS.index(UNJUDGED)], spans.weight
    square = (weight * (spans.asked[METHODS.index(UNJUDGED)] - mean) ** 2).sum(axis=1)
    expected = (weight * mean).sum(axis=1)
    index = np.divide(square, expected, out=lump.copy(), where=expected > 0)
    n_spans = weight.sum(axis=1) / span_days
    settled: Floats = (n_spans * index + LUMP_SPANS * lump) / (n_spans + LUMP_SPANS)
    return np.clip(settled, 1.0, lump)


def residuals(spans: Spans, omega: Floats, lump: Floats) -> Floats:
    """(asked - mean) / standard deviation, [method, item, origin]; nan where not weighed."""
    deviation = np.sqrt(_variance(spans.mean, omega, lump)) + 1e-9
    return np.where(spans.weight > 0, (spans.asked - spans.mean) / deviation, np.nan)


def choose(
    spans: Spans,
    *,
    lump: Floats,
    span_days: Ints,
    before: list[tuple[str, str] | None] | None = None,
) -> Choice:
    """The choice of every item. before: what each item has now, None for a new one."""
    n_items, n_spans = spans.weight.shape
    if n_spans >= JUDGED_SPANS_MIN:
        losses = _losses(spans, lump=lump, span_days=span_days)
    else:
        losses = np.ones((len(DISTRIBUTIONS), len(METHODS), n_items))
        losses[0, METHODS.index(UNJUDGED)] = 0.9
    flat = losses.reshape(-1, n_items)
    score = _leant_on_its_kind(flat, spans)
    best = np.argmin(score, axis=0)
    if before is not None:
        kept = np.array([_index(names) for names in before])
        has_one = kept >= 0
        held = np.where(has_one, kept, best)
        items = np.arange(n_items)
        is_better = score[best, items] < (1.0 - BETTER_BY) * score[held, items]
        best = np.where(is_better | ~np.isfinite(score[held, items]), best, held)
    chosen = flat[best, np.arange(n_items)]
    return Choice(
        i_method=(best % len(METHODS)).astype(np.int64),
        is_empirical=best >= len(METHODS),
        loss=np.where(np.isfinite(chosen), chosen, 0.0),
    )


def _index(names: tuple[str, str] | None) -> int:
    if names is None or names[0] not in METHODS or names[1] not in DISTRIBUTIONS:
        return -1
    return DISTRIBUTIONS.index(names[1]) * len(METHODS) + METHODS.index(names[0])


def _losses(spans: Spans, *, lump: Floats, span_days: Ints) -> Floats:
    """Mean pinball loss of the second half, [distribution, method, item]; inf: not to be had."""
    half = spans.weight.shape[1] // 2
    old, new = spans.part(0, half), spans.part(half, None)
    omega = omegas(old, lump=lump, span_days=span_days)
    deviation = np.sqrt(_variance(new.mean, omega, lump))
    skewness = (deviation**2 * 2.0 / np.maximum(new.mean, 1e-9) - 1.0) / np.maximum(
        deviation, 1e-9
    )
    past = residuals(old, omega, lump)
    total = new.weight.sum(axis=1)
    losses = np.zeros((len(DISTRIBUTIONS), len(spans.mean), spans.weight.shape[0]))
    sorted_past = np.sort(past, axis=2)
    for probability in JUDGED_AT:
        z = NormalDist().inv_cdf(probability)
        # Cornish & Fisher (1938), to the third moment; what is chosen is tabulated exactly.
        by_formula = z + skewness * (z * z - 1.0) / 6.0
        by_past = _quantile(sorted_past, probability)[:, :, None]
        for i, width in enumerate((by_formula, by_past)):
            told = np.rint(np.maximum(new.mean + width * deviation, 0.0))
            losses[i] += (_pinball(new.asked, told, probability) * new.weight).sum(axis=2)
    losses /= np.maximum(total, 1e-9)
    is_thin = old.weight.sum(axis=1) / span_days < EMPIRICAL_SPANS_MIN
    losses[1][:, is_thin] = np.inf
    return losses


def _leant_on_its_kind(losses: Floats, spans: Spans) -> Floats:
    """An item's losses over its best, averaged with those of items as fast as it."""
    best = np.maximum(losses.min(axis=0), 1e-9)
    relative = losses / best
    speed = spans.mean[0].sum(axis=1) / max(1, spans.weight.shape[1])
    kind = np.digitize(speed, [1.0, 10.0])
    score: Floats = np.empty_like(relative)
    for each in range(3):
        members = kind == each
        capped = np.minimum(relative[:, members], 3.0)
        pool = capped.mean(axis=1, keepdims=True) if members.any() else 1.0
        score[:, members] = (1.0 - POOL_SHARE) * relative[:, members] + POOL_SHARE * pool
    return score


def _variance(mean: Floats, omega: Floats, lump: Floats) -> Floats:
    variance: Floats = lump[None, :, None] * mean + omega[:, :, None] * mean**2
    return variance


def _pinball(asked: Floats, told: Floats, probability: float) -> Floats:
    over = told - asked
    loss: Floats = np.where(over < 0, -probability * over, (1.0 - probability) * over)
    return loss


def _quantile(ordered: Floats, probability: float) -> Floats:
    """Of ascending values with nan at the end, [.., k] → [..]; Hyndman & Fan 1996, type 6."""
    n_values = np.isfinite(ordered).sum(axis=-1)
    place = np.clip(probability * (n_values + 1) - 1.0, 0.0, np.maximum(n_values - 1, 0))
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(n_values - 1, 0))
    at_low = np.take_along_axis(ordered, low[..., None], axis=-1)[..., 0]
    at_high = np.take_along_axis(ordered, high[..., None], axis=-1)[..., 0]
    found: Floats = at_low + (place - low) * (at_high - at_low)
    return np.where(n_values > 0, found, 0.0)
