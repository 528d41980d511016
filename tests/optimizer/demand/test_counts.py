"""Pins the distribution of counts: its quantiles and shortages against exact sums."""

from __future__ import annotations

import math

import numpy as np
import pytest

from optimizer.demand import counts
from optimizer.demand.counts import log_gamma, negative_binomial, omega_of

CASES = [
    (0.05, 0.0),
    (0.3, 2.0),
    (3.0, 0.0),
    (7.5, 0.15),
    (40.0, 0.02),
    (60.0, 0.5),
    (180.0, 0.05),
]


def exact(mean: float, omega: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """P(D ≤ k) by the sum of math.lgamma's probabilities."""
    omega = max(omega, 1e-6)
    r = 1.0 / omega
    n_points = int(mean * 8 + 30 * (1 + omega * mean) + 50)
    logs = [
        math.lgamma(k + r) - math.lgamma(r) - math.lgamma(k + 1)
        + r * math.log(r / (r + mean)) + k * math.log(mean / (r + mean))
        for k in range(n_points)
    ]  # fmt: skip
    return np.cumsum(np.exp(logs))


def one(mean: float, omega: float):  # type: ignore[no-untyped-def]  # a table of one item
    return negative_binomial(np.array([mean]), np.array([omega]))


@pytest.mark.parametrize(("mean", "omega"), CASES)
@pytest.mark.parametrize("probability", [0.01, 0.5, 0.9, 0.98, 0.999])
def test_a_quantile_is_the_smallest_count_that_is_not_exceeded(
    mean: float, omega: float, probability: float
) -> None:
    below = exact(mean, omega)
    assert one(mean, omega).quantile(probability)[0] == np.searchsorted(below, probability)


@pytest.mark.parametrize(("mean", "omega"), CASES)
def test_what_is_short_is_the_sum_over_what_exceeds(mean: float, omega: float) -> None:
    chance = np.diff(exact(mean, omega), prepend=0.0)
    counts = np.arange(len(chance))
    table = one(mean, omega)
    for level in {0.0, 1.0, round(mean), round(2 * mean) + 1.0}:
        short = (chance * np.maximum(counts - level, 0)).sum()
        assert table.expected_short(np.array([float(level)]))[0] == pytest.approx(short, abs=1e-4)


@pytest.mark.parametrize(("mean", "omega"), CASES)
@pytest.mark.parametrize("share", [0.2, 0.05, 0.01])
def test_the_level_for_a_shortage_is_the_smallest(mean: float, omega: float, share: float) -> None:
    table = one(mean, omega)
    allowed = np.array([share * mean])
    level = table.level_for_short(allowed)
    assert table.expected_short(level)[0] <= allowed[0] + 1e-9
    assert level[0] == 0 or table.expected_short(level - 1.0)[0] > allowed[0]


@pytest.mark.parametrize(("mean", "omega"), [(5_000.0, 0.04), (300_000.0, 0.1), (2e6, 1e-4)])
def test_large_counts_are_told_on_a_coarse_grid(mean: float, omega: float) -> None:
    """Grams: a Gamma in the limit, whose quantiles Wilson and Hilferty give to a part in 1000."""
    table = one(mean, omega)
    variance = mean + omega * mean**2
    shape = mean**2 / variance
    for z, probability in ((-1.2816, 0.1), (0.0, 0.5), (1.2816, 0.9), (2.0537, 0.98)):
        gamma = mean * (1 - 1 / (9 * shape) + z / (3 * math.sqrt(shape))) ** 3
        assert table.quantile(probability)[0] == pytest.approx(gamma, abs=0.06 * variance**0.5)
    short = table.expected_short(np.array([mean]))[0]
    # E(D - mean)+ of a Gamma: mean · k^(k-1) e^-k / Γ(k).
    log_loss = math.log(mean) + (shape - 1) * math.log(shape) - shape - math.lgamma(shape)
    assert short == pytest.approx(math.exp(log_loss), rel=0.02)


def test_nothing_is_expected_of_nothing() -> None:
    table = one(0.0, 0.1)
    assert table.quantile(0.99)[0] == 0
    assert table.expected_short(np.zeros(1))[0] == 0


def test_items_of_all_speeds_stand_in_one_table() -> None:
    means = np.array([mean for mean, _ in CASES] + [9_000.0])
    omegas = np.array([omega for _, omega in CASES] + [0.1])
    together = negative_binomial(means, omegas).quantile(0.9)
    alone = [one(mean, omega).quantile(0.9)[0] for mean, omega in zip(means, omegas, strict=True)]
    assert together.tolist() == alone


def test_each_item_may_have_its_own_probability() -> None:
    table = negative_binomial(np.full(3, 10.0), np.full(3, 0.1))
    told = table.quantile(np.array([0.5, 0.9, 0.98]))
    assert told.tolist() == [table.quantile(p)[0] for p in (0.5, 0.9, 0.98)]
    assert (np.diff(told) > 0).all()


def test_extra_variance_is_met_exactly() -> None:
    mean, lump, extra = np.array([4.0]), np.array([3.0]), np.array([7.0])
    omega = omega_of(mean, omega=np.array([0.2]), lump=lump, extra_variance=extra)
    assert mean + omega * mean**2 == pytest.approx(3 * 4 + 0.2 * 16 + 7)


def test_log_gamma_agrees_with_the_library() -> None:
    points = np.geomspace(1e-6, 1e9, 400)
    assert log_gamma(points) == pytest.approx(
        [math.lgamma(x) for x in points], rel=1e-10, abs=1e-10
    )


def test_neighbouring_counts_have_the_ratios_that_gammas_tell() -> None:
    points = np.tile(np.arange(40.0, 300.0), (3, 1))
    r, rate = np.array([[0.3], [5.0], [1e6]]), np.array([[2.0], [80.0], [150.0]])
    by_ratios, by_gammas = counts._by_ratios(points, r, rate), counts._by_gammas(points, r, rate)
    np.testing.assert_allclose(by_ratios, by_gammas - by_gammas[:, :1], atol=1e-6)


@pytest.mark.parametrize("probability", [0.0, 1e-9, 0.3, 0.5, 0.999, 1.0])
def test_a_quantile_is_the_first_count_that_reaches_it(probability: float) -> None:
    table = negative_binomial(np.array([0.0, 0.2, 6.0, 90.0, 4000.0]), np.full(5, 0.3))
    found = table.quantile(probability)
    for row, quantile in enumerate(found):
        k = int((quantile - table.first[row]) / table.step[row])
        assert table.below[row, k] >= probability or k == table.below.shape[1] - 1
        assert k == 0 or table.below[row, k - 1] < probability
