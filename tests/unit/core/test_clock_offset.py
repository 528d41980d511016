"""Pins how a device's clock is judged and corrected."""

from datetime import UTC, datetime
from random import Random

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gateway.core.clock_offset import (
    AGE_MAX_US,
    MAX_BOOTS,
    NOTED_US,
    PLAY_US,
    RUN_US,
    ClockOffsets,
    parse_time,
)

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


@settings(deadline=None)
@given(st.integers(-(10**12), 10**12), st.lists(st.integers(0, 10**10), min_size=1, max_size=20))
def test_nothing_happens_after_its_receipt(offset_us: int, delays: list[int]) -> None:
    offsets = ClockOffsets()
    for delay in delays:
        received = BASE_US + offset_us + delay
        seen = offsets.correct(device="p", boot="b", device_time=BASE, received_at_us=received)
        assert seen.at_us <= received


HOUR_S = 3600
offsets_s = st.integers(-400 * 24 * HOUR_S, 400 * 24 * HOUR_S)


class Device:
    """A device with a clock of its own, heard over a network. Times in seconds from BASE."""

    def __init__(self, clock_s: float, seed: int = 0, delay_s: float = 0.5) -> None:
        self.offsets = ClockOffsets()
        self.clock_s = clock_s
        self.delay_s = delay_s
        self._random = Random(seed)

    def say(self, made_s: float, sent_s: float | None = None) -> float:
        """A message made at one time and sent at another; gives the error of its event, in s."""
        delay_s = self._random.random() * self.delay_s
        received_us = BASE_US + round(((made_s if sent_s is None else sent_s) + delay_s) * S)
        own = datetime.fromtimestamp(BASE_US / S + made_s + self.clock_s, UTC)
        seen = self.offsets.correct(
            device="p", boot="b", device_time=own.isoformat(), received_at_us=received_us
        )
        return (seen.at_us - BASE_US) / S - made_s

    @property
    def offset_error_s(self) -> float:
        """How far the estimate is from the truth."""
        offset_us = self.offsets.offset_now_us("p")
        assert offset_us is not None
        return offset_us / S + self.clock_s


@settings(deadline=None)
@given(offsets_s, st.integers(0, 2**32))
def test_the_offset_is_known_to_the_least_delay(clock_s: int, seed: int) -> None:
    device = Device(clock_s, seed)
    for i in range(50):
        device.say(i * 10.0)
    assert -1e-3 <= device.offset_error_s <= 0.2


@settings(deadline=None)
@given(offsets_s, st.integers(0, 2**32), st.integers(1, 200))
def test_a_queue_sent_late_keeps_its_own_times(clock_s: int, seed: int, n_queued: int) -> None:
    """An hour out of reach, then everything at once, one message every 50 ms."""
    device = Device(clock_s, seed, delay_s=0.04)
    device.say(0.0)
    for i in range(n_queued):
        made_s = 10.0 + i * HOUR_S / n_queued
        error_s = device.say(made_s, sent_s=HOUR_S + 100.0 + i * 0.05)
        assert abs(error_s) <= 2.1, "no later than what counts as a right clock"


@settings(deadline=None)
@given(offsets_s, st.integers(-HOUR_S, HOUR_S), st.integers(0, 2**32))
def test_a_clock_that_is_set_is_followed(clock_s: int, jump_s: int, seed: int) -> None:
    device = Device(clock_s, seed)
    for i in range(10):
        device.say(i * 10.0)
    device.clock_s += jump_s
    for i in range(10, 10 + RUN_US // (10 * S) + 2):
        device.say(i * 10.0)
    assert abs(device.offset_error_s) <= PLAY_US / S + 0.5


@settings(deadline=None)
@given(offsets_s, st.integers(-200, 200), st.integers(0, 2**32))
def test_a_clock_that_runs_wrong_is_followed(clock_s: int, drift_ppm: int, seed: int) -> None:
    """Two days of a message every two minutes; 200 ppm are 17 s a day."""
    device = Device(clock_s, seed)
    for i in range(2 * 24 * 30):
        device.clock_s += 120 * drift_ppm / 1e6
        device.say(i * 120.0)
    assert abs(device.offset_error_s) <= 2 * PLAY_US / S + 0.5


def test_a_late_queue_after_a_jump_is_not_taken_for_the_clock() -> None:
    device = Device(0.0)
    device.say(0.0)
    for i in range(100):
        device.say(10.0 + i * 36, sent_s=4000.0 + i * 1.0)
    assert device.offset_error_s < 1.0


YEAR_S = 365 * 24 * HOUR_S
moments_s = st.integers(-50 * YEAR_S, 70 * YEAR_S)


def corrected(offsets: ClockOffsets, seq: int, own_s: float, received_s: float) -> float:
    """Where a message with a time of its own is put, in seconds from BASE."""
    own = datetime.fromtimestamp(BASE_US / S + own_s, UTC).isoformat()
    seen = offsets.correct(
        device="p",
        boot="b",
        device_time=own,
        seq=seq,
        received_at_us=BASE_US + round(received_s * S),
    )
    return (seen.at_us - BASE_US) / S


@settings(deadline=None)
@given(moments_s, st.lists(st.floats(0, 3), min_size=1, max_size=5))
@example(70 * YEAR_S, [0.0])
@example(-50 * YEAR_S, [0.0])
def test_one_message_of_a_wrong_time_spoils_no_other(odd_s: int, delays: list[float]) -> None:
    """Set forward or back by as much as it likes, and right again before the next one.

    A smaller leap is for `take` to find out: it looks like a queue.
    """
    assume(not -12 * HOUR_S <= odd_s <= 12 * HOUR_S + 23)
    offsets = ClockOffsets()
    assert corrected(offsets, 1, own_s=0, received_s=0.1) == 0
    odd_at_s = corrected(offsets, 2, own_s=odd_s, received_s=10.0)
    assert odd_at_s <= 10.0
    assert odd_at_s == 10.0, "nobody knows when, but that it came"
    for n, delay_s in enumerate(delays):
        made_s = 20.0 + 10 * n
        at_s = corrected(offsets, 3 + n, own_s=made_s, received_s=made_s + delay_s)
        assert abs(at_s - made_s) <= 3.0


def test_what_was_made_before_the_clock_was_set_back_keeps_its_time() -> None:
    offsets = ClockOffsets()
    ahead_s = 24 * HOUR_S
    assert corrected(offsets, 1, own_s=ahead_s, received_s=0) == 0
    # Two are held back; the clock is set right, and a third overtakes them.
    assert corrected(offsets, 4, own_s=300, received_s=300) == 300
    assert corrected(offsets, 2, own_s=ahead_s + 100, received_s=301) == 100
    assert corrected(offsets, 3, own_s=ahead_s + 200, received_s=302) == 200
    assert corrected(offsets, 5, own_s=310, received_s=310) == 310


def test_a_queue_sent_out_of_order_is_not_taken_for_a_clock_set_back() -> None:
    offsets = ClockOffsets()
    assert corrected(offsets, 1, own_s=0, received_s=0) == 0
    for seq in (4, 2, 3, 5):
        made_s = seq * 100.0
        assert corrected(offsets, seq, own_s=made_s, received_s=HOUR_S + seq) == made_s


def test_a_queue_that_is_numbered_as_it_is_sent_keeps_its_times() -> None:
    offsets = ClockOffsets()
    assert corrected(offsets, 1, own_s=0, received_s=0) == 0
    assert corrected(offsets, 2, own_s=11 * HOUR_S, received_s=11 * HOUR_S) == 11 * HOUR_S
    for seq in (3, 4, 5):
        made_s = seq * HOUR_S
        assert corrected(offsets, seq, own_s=made_s, received_s=11 * HOUR_S + seq) == made_s


def test_a_message_seems_never_to_be_older_than_devices_can_keep_it() -> None:
    oldest_s = AGE_MAX_US // S
    for age_s, at_s, clock in ((oldest_s, 0, "trusted"), (oldest_s + 1, oldest_s + 1, "unset")):
        offsets = ClockOffsets()
        corrected(offsets, 1, own_s=-1, received_s=-1)
        seen = offsets.correct(
            device="p", boot="b", device_time=BASE, received_at_us=BASE_US + age_s * S
        )
        assert (seen.at_us, seen.clock) == (BASE_US + at_s * S, clock)


def test_no_time_is_before_time_begins() -> None:
    offsets = ClockOffsets()
    assert heard(offsets, "2099-01-01T00:00:00Z", 5 * S) == 5 * S
    assert heard(offsets, "2098-01-01T00:00:00Z", 6 * S) == 6 * S, "not numbered, and not negative"


def test_memory_is_bounded() -> None:
    offsets = ClockOffsets()
    for i in range(MAX_BOOTS + 10):
        offsets.correct(device="p", boot=str(i), device_time=BASE, received_at_us=BASE_US)
    assert offsets.offset_us("p", "0") is None
    assert offsets.offset_us("p", str(MAX_BOOTS)) is not None
    assert offsets.offset_now_us("p") is not None


def heard(offsets: ClockOffsets, given: str, received_at_us: int, boot: str = "b") -> int:
    return offsets.correct(
        device="p", boot=boot, device_time=given, received_at_us=received_at_us
    ).at_us


def test_an_offset_outlives_a_restart_and_a_queue_that_is_sent_behind_it() -> None:
    before, after = ClockOffsets(), ClockOffsets()
    heard(before, BASE, BASE_US - 7200 * S)
    offset_us = before.offset_us("p", "b")
    assert offset_us == -7200 * S
    after.restore("p", "b", offset_us)
    assert after.offset_now_us("p") == offset_us
    # Scanned then, kept for an hour, sent to the gateway that was started again meanwhile.
    late_us = BASE_US - 3600 * S
    assert heard(after, BASE, late_us) == BASE_US - 7200 * S
    assert heard(ClockOffsets(), BASE, late_us) == late_us, "the control: the arrival's time"


def test_an_offset_is_worth_saving_when_it_is_new_and_when_it_has_moved() -> None:
    offsets = ClockOffsets()
    heard(offsets, BASE, BASE_US + S)
    assert offsets.take_changed() == {("p", "b")}
    heard(offsets, BASE, BASE_US + S - NOTED_US + 1)
    assert offsets.take_changed() == set()
    heard(offsets, BASE, BASE_US + S - NOTED_US)
    assert offsets.take_changed() == {("p", "b")}
    offsets.restore("p", "c", 5)
    assert offsets.take_changed() == set(), "it came from where it would be saved"
    for n in range(MAX_BOOTS):
        heard(offsets, BASE, BASE_US, boot=str(n))
    assert len(offsets.take_changed()) == MAX_BOOTS, "what is forgotten is not to be saved"
