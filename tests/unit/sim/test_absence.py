"""Pins the time a PDA tells after a stay out of reach: an hour's scans, told as an hour."""

import pytest

from device_sim.pda import Absence

BACK_US = 2_000_000_000
HOUR_US = 3_600_000_000
SHORT = Absence(began_us=BACK_US - 10_000_000, back_us=BACK_US, stands_for_us=HOUR_US)


@pytest.mark.parametrize(("left_s", "told_s"), [(10, 3600), (5, 1800), (1, 360), (0, 0), (-3, -3)])
def test_scans_are_told_as_long_before_the_return_as_the_hour_was(
    left_s: int, told_s: int
) -> None:
    now_us = BACK_US - left_s * 1_000_000
    assert SHORT.told(now_us) == BACK_US - told_s * 1_000_000


def test_a_stay_that_stands_for_itself_tells_the_true_time() -> None:
    plain = Absence(began_us=0, back_us=BACK_US, stands_for_us=BACK_US)
    assert plain.told(BACK_US // 3) == BACK_US // 3
