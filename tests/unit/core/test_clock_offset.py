"""Pins how a device's clock is judged and corrected."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.clock_offset import MAX_BOOTS, ClockOffsets, parse_time

S = 1_000_000
BASE = "2026-11-21T08:00:00+00:00"
BASE_US = parse_time(BASE) or 0


def test_a_good_clock_is_believed_to_the_microsecond() -> None:
    seen = ClockOffsets().correct(
        device="p", boot="b", device_time=BASE, received_at_us=BASE_US + S // 10
    )
    assert (seen.at_us, seen.clock) == (BASE_US, "trusted")


def test_a_clock_an_hour_slow_is_shifted() -> None:
    seen = ClockOffsets().correct(
        device="p", boot="b", device_time=BASE, received_at_us=BASE_US + 3600 * S
    )
    assert (seen.at_us, seen.clock) == (BASE_US + 3600 * S, "skewed")


def test_scans_queued_while_away_keep_their_own_time() -> None:
    offsets = ClockOffsets()
    offsets.correct(device="p", boot="b", device_time=BASE, received_at_us=BASE_US)
    late = offsets.correct(
        device="p", boot="b", device_time="2026-11-21T08:10:00Z", received_at_us=BASE_US + 4000 * S
    )
    assert (late.at_us, late.clock) == (BASE_US + 600 * S, "trusted")


def test_a_new_boot_starts_anew() -> None:
    offsets = ClockOffsets()
    offsets.correct(device="p", boot="b1", device_time=BASE, received_at_us=BASE_US)
    assert offsets.offset_us("p", "b2") is None


def test_no_time_or_no_offset_means_the_time_of_receipt() -> None:
    for given_time in (None, "2026-11-21T08:00:00", "yesterday", ""):
        seen = ClockOffsets().correct(
            device="p", boot="b", device_time=given_time, received_at_us=77
        )
        assert (seen.at_us, seen.clock, seen.error_us) == (77, "none", None)


@given(st.integers(-(10**12), 10**12), st.lists(st.integers(0, 10**10), min_size=1, max_size=20))
def test_nothing_happens_after_its_receipt(offset_us: int, delays: list[int]) -> None:
    offsets = ClockOffsets()
    for delay in delays:
        received = BASE_US + offset_us + delay
        seen = offsets.correct(device="p", boot="b", device_time=BASE, received_at_us=received)
        assert seen.at_us <= received


def test_memory_is_bounded() -> None:
    offsets = ClockOffsets()
    for i in range(MAX_BOOTS + 10):
        offsets.correct(device="p", boot=str(i), device_time=BASE, received_at_us=BASE_US)
    assert offsets.offset_us("p", "0") is None
    assert offsets.offset_us("p", str(MAX_BOOTS)) is not None
