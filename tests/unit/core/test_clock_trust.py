"""Pins which clock is believed: not one that is unset or has just jumped, but a settled one."""

from __future__ import annotations

from gateway.core.clock_trust import JUMP_US, SETTLED_S, ClockTrust

HERE = 1_800_000_000_000_000


def test_a_clock_that_is_not_set_is_not_believed() -> None:
    trust = ClockTrust()
    assert not trust.is_good(0, 0.0, is_set=False)
    assert trust.is_good(HERE, 1.0, is_set=True), "the first time that comes is believed"


def test_an_hour_more_or_less_is_no_matter_and_more_is() -> None:
    trust = ClockTrust()
    trust.is_good(HERE, 0.0, is_set=True)
    assert trust.is_good(HERE + JUMP_US, 0.0, is_set=True)
    assert not trust.is_good(HERE + 2 * JUMP_US + 1, 0.0, is_set=True)


def test_a_jump_is_believed_when_the_clock_has_kept_to_it() -> None:
    trust = ClockTrust()
    trust.is_good(HERE, 0.0, is_set=True)
    far = HERE + 10 * JUMP_US
    for at_s, is_good in ((0.0, False), (SETTLED_S - 1, False), (SETTLED_S, True)):
        assert trust.is_good(far + round(at_s * 1e6), at_s, is_set=True) == is_good


def test_a_clock_that_comes_back_is_believed_at_once() -> None:
    trust = ClockTrust()
    trust.is_good(HERE, 0.0, is_set=True)
    assert not trust.is_good(HERE + 10 * JUMP_US, 1.0, is_set=True)
    assert trust.is_good(HERE + 2_000_000, 2.0, is_set=True)


def test_a_clock_that_keeps_jumping_is_never_believed() -> None:
    trust = ClockTrust()
    trust.is_good(HERE, 0.0, is_set=True)
    for n in range(1, 100):
        jumped_us = HERE + n * 10 * JUMP_US + n * 6_000_000
        assert not trust.is_good(jumped_us, n * 6.0, is_set=True)
