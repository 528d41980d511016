"""Pins what may be promised: less what is promised, less what a dark warehouse may have sold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.fulfilment.promise import (
    DAY_US,
    SECOND_US,
    Demand,
    PromiseRules,
    dark_us,
    promise,
)

RULES = PromiseRules(
    buffer_per_mille=1500, dark_after_s=60, perishables_stop_s=3600, move_after_s=7200
)
MILK = Demand(per_day=24.0, is_perishable=True)
RICE = Demand(per_day=24.0, is_perishable=False)


@pytest.mark.parametrize(("silence_s", "expected"), [(0, 0), (60, 0), (61, 61)])
def test_a_warehouse_is_dark_beyond_the_limit_and_then_since_its_last_word(
    silence_s: int, expected: int
) -> None:
    now_us = 10**15
    assert dark_us(now_us, now_us - silence_s * SECOND_US, RULES) == expected * SECOND_US


def test_a_gateway_that_never_spoke_hides_nothing() -> None:
    assert dark_us(10**15, None, RULES) == 0


@pytest.mark.parametrize(
    ("dark_for_us", "safety"),
    [(0, 0), (DAY_US // 2, 18), (DAY_US, 36), (DAY_US + 1, 37)],
)
def test_the_buffer_is_k_times_demand_times_days_rounded_up(dark_for_us: int, safety: int) -> None:
    found = promise(usable=100, reserved=10, demand=RICE, dark_for_us=dark_for_us, rules=RULES)
    assert (found.safety, found.available) == (safety, 90 - safety)


@pytest.mark.parametrize(
    ("dark_for_s", "is_stopped", "available"), [(3600, False, 8), (3601, True, 0)]
)
def test_perishables_are_promised_until_the_set_time(
    dark_for_s: int, is_stopped: bool, available: int
) -> None:
    found = promise(
        usable=10, reserved=0, demand=MILK, dark_for_us=dark_for_s * SECOND_US, rules=RULES
    )
    assert (found.is_stopped, found.available) == (is_stopped, available)


def test_too_much_promised_is_told_also_while_stopped() -> None:
    found = promise(usable=1, reserved=5, demand=MILK, dark_for_us=DAY_US, rules=RULES)
    assert (found.is_stopped, found.available) == (True, -40)


@given(
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.floats(0, 1e7),
    st.integers(0, 30 * DAY_US),
    st.integers(1, DAY_US),
)
def test_nothing_more_is_promised_the_longer_it_is_dark(
    usable: int, reserved: int, per_day: float, dark_for_us: int, more_us: int
) -> None:
    demand = Demand(per_day, is_perishable=True)
    before, after = (
        promise(usable=usable, reserved=reserved, demand=demand, dark_for_us=us, rules=RULES)
        for us in (dark_for_us, dark_for_us + more_us)
    )
    assert after.available <= before.available <= usable - reserved
