"""Pins the cold chain's state machine: begin, end, sides, blind sensors, and exposure per lot."""

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.contract.documents import Allowed, Climate
from gateway.core.excursions import (
    CONTINUED,
    ENDED,
    HIGH,
    LOW,
    STARTED,
    Excursions,
    Told,
    Verdict,
)
from gateway.core.exposure import Exposure, Sums, verdict_of

MINUTE_US = 60_000_000
START_US = 1_760_000_000_000_000
LOT = ("09506000134352", "L1")
RULE = Climate(
    warehouse="J1", zone="cold", low_centi_c=0, high_centi_c=500, duration_s=600,
    hysteresis_centi_c=50, recover_readings=2, tell_every_s=3600,
    hold=Allowed(above_s=1800), waste=Allowed(degree_minutes=600),
)  # fmt: skip


class Bench:
    """One warehouse; readings come by the minute from its start."""

    def __init__(self) -> None:
        ids = (f"00000000-0000-7000-8000-{n:012x}" for n in count(1))
        self.distrusted: set[str] = set()
        self.present = [LOT]
        self.excursions = Excursions(
            ids.__next__, lambda device: device not in self.distrusted, lambda _: self.present
        )

    def read(self, minute: int, centi_c: int, device: str = "s1") -> list[Told | Verdict]:
        return self.excursions.take(
            zone="cold", device=device, at_us=START_US + minute * MINUTE_US, centi_c=centi_c,
            rule=RULE,
        )  # fmt: skip

    def told(self, minute: int, centi_c: int, device: str = "s1") -> list[str]:
        return [it.kind for it in self.read(minute, centi_c, device) if isinstance(it, Told)]

    def tick(self, minute: int) -> list[Told | Verdict]:
        return self.excursions.tick(START_US + minute * MINUTE_US, lambda _: RULE)


def test_an_excursion_begins_at_its_first_bad_reading_once_it_lasted() -> None:
    bench = Bench()
    assert bench.told(0, 500) == []  # at the limit is within it
    assert bench.told(1, 501) == []
    assert bench.told(10, 501) == []
    (started,) = [it for it in bench.read(11, 700) if isinstance(it, Told)]
    assert started.kind == STARTED
    assert started.excursion.since_us == START_US + MINUTE_US
    assert started.excursion.sides == (HIGH,)
    assert (started.excursion.min_centi_c, started.excursion.max_centi_c) == (501, 700)
    assert bench.told(12, 900) == []
    assert len(bench.excursions.open()) == 1


def test_a_short_peak_is_no_excursion_and_the_next_one_begins_anew() -> None:
    bench = Bench()
    bench.read(0, 600)
    bench.read(5, 450)
    assert bench.told(6, 600) == []
    assert bench.told(15, 600) == []
    assert bench.told(16, 600) == [STARTED]


def test_readings_between_limit_and_hysteresis_end_nothing() -> None:
    bench = Bench()
    bench.read(0, 600)
    assert bench.told(5, 470) == []
    assert bench.told(10, 600) == [STARTED]
    assert bench.told(11, 451) == []
    assert bench.told(12, 450) == []
    assert bench.told(13, 451) == []  # and it breaks the run of good ones
    assert bench.told(14, 450) == []
    (ended,) = bench.read(15, 450)
    assert isinstance(ended, Told)
    assert ended.kind == ENDED
    assert ended.excursion.good_us == START_US + 14 * MINUTE_US
    assert bench.excursions.open() == []


def test_crossing_the_other_limit_is_the_same_excursion() -> None:
    bench = Bench()
    bench.read(0, 600)
    assert bench.told(10, 600) == [STARTED]
    assert bench.told(11, -1) == [CONTINUED]
    (it,) = bench.excursions.open()
    assert it.sides == (HIGH, LOW)
    assert it.since_us == START_US


def test_a_long_one_is_told_of_again_and_again() -> None:
    bench = Bench()
    bench.read(0, 600)
    told = [kind for minute in range(1, 140) for kind in bench.told(minute, 600)]
    assert told == [STARTED, CONTINUED, CONTINUED]


def test_a_sensor_that_fell_silent_ends_nothing_and_opens_what_it_suspected() -> None:
    bench = Bench()
    bench.read(0, 600)
    bench.distrusted.add("s1")
    assert bench.tick(9) == []
    (started,) = [it for it in bench.tick(10) if isinstance(it, Told)]
    assert started.kind == STARTED
    assert [it for it in bench.tick(500) if isinstance(it, Told)] == []
    assert len(bench.excursions.open()) == 1


def test_what_a_distrusted_sensor_says_changes_nothing() -> None:
    bench = Bench()
    bench.read(0, 600)
    assert bench.told(10, 600) == [STARTED]
    bench.distrusted.add("s1")
    assert bench.told(11, 300) == []
    assert bench.told(12, 300) == []
    assert len(bench.excursions.open()) == 1


def test_others_of_the_zone_judge_for_a_sensor_that_nobody_believes() -> None:
    bench = Bench()
    bench.read(0, 600)
    assert bench.told(10, 600) == [STARTED]
    assert bench.told(11, 300, "s2") == []
    assert bench.told(12, 300, "s2") == []  # s1 is believed: its own readings count
    bench.distrusted.add("s1")
    assert bench.told(13, 300, "s2") == []
    assert bench.told(14, 300, "s2") == [ENDED]


def test_exposure_counts_from_reading_to_reading_at_the_value_before() -> None:
    bench = Bench()
    bench.read(0, 600)
    bench.read(10, 700)
    bench.read(15, 400)
    bench.read(60, 400)
    found = bench.excursions.lots[LOT]
    assert found.here == Sums(above_us=15 * MINUTE_US, heat=(100 * 10 + 200 * 5) * MINUTE_US)
    assert found.total.degree_minutes == 20


def test_exposure_adds_up_over_excursions_until_the_lot_is_held_once() -> None:
    bench = Bench()
    verdicts = []
    for start in (0, 100, 200):
        bench.read(start, 501)
        for minute in (20, 21, 22, 23):
            said = bench.read(start + minute, 400)
            verdicts += [it for it in said if isinstance(it, Verdict)]
    (verdict,) = verdicts
    assert verdict.lot == LOT
    assert verdict.exposure.verdict == "hold"
    assert verdict.at_us == START_US + 120 * MINUTE_US


def test_a_lot_that_came_later_and_one_that_left_have_their_own_sums() -> None:
    bench = Bench()
    other = ("09506000134352", "L2")
    bench.read(0, 600)
    bench.read(5, 600)
    bench.present = [other]
    bench.read(8, 600)
    assert bench.excursions.lots[LOT].here.above_us == 5 * MINUTE_US
    assert bench.excursions.lots[other].here.above_us == 3 * MINUTE_US


def test_the_warmest_believed_sensor_counts_and_no_minute_counts_twice() -> None:
    bench = Bench()
    bench.read(0, 600, "s1")
    bench.read(0, 800, "s2")
    bench.read(10, 600, "s1")
    bench.read(10, 800, "s2")
    assert bench.excursions.lots[LOT].here == Sums(10 * MINUTE_US, 0, 300 * 10 * MINUTE_US)
    bench.distrusted.add("s2")
    bench.read(20, 600, "s1")
    assert bench.excursions.lots[LOT].here.heat == (300 * 10 + 100 * 10) * MINUTE_US


def test_heat_that_nobody_sees_goes_on_until_somebody_says_otherwise() -> None:
    bench = Bench()
    bench.read(0, 600)
    bench.distrusted.add("s1")
    bench.tick(30)
    assert bench.excursions.lots[LOT].here.above_us == 30 * MINUTE_US


def test_a_clock_that_was_put_back_counts_no_time() -> None:
    bench = Bench()
    bench.read(10, 600)
    bench.read(0, 600)
    assert LOT not in bench.excursions.lots
    bench.read(1, 600)
    assert bench.excursions.lots[LOT].here.above_us == MINUTE_US


def test_a_zone_without_a_rule_any_more_has_no_excursion() -> None:
    bench = Bench()
    bench.read(0, 600)
    bench.read(10, 600)
    (ended,) = bench.excursions.tick(START_US + 11 * MINUTE_US, lambda _: None)
    assert isinstance(ended, Told)
    assert (ended.kind, bool(ended.reason)) == (ENDED, True)
    assert bench.excursions.open() == []


def test_a_rule_is_met_at_its_number_and_not_below() -> None:
    assert verdict_of(Exposure(Sums(above_us=1800_000_000 - 1)), RULE) == ""
    assert verdict_of(Exposure(Sums(above_us=1800_000_000)), RULE) == "hold"
    assert verdict_of(Exposure(Sums(heat=600 * 6000 * 1_000_000 - 1)), RULE) == ""
    assert verdict_of(Exposure(Sums(heat=600 * 6000 * 1_000_000)), RULE) == "waste"


_READINGS = st.lists(
    st.tuples(
        st.integers(0, 20), st.integers(-300, 900), st.sampled_from(["s1", "s2"]), st.booleans()
    ),
    max_size=60,
)


@given(_READINGS)
def test_every_excursion_starts_once_and_ends_at_most_once(
    readings: list[tuple[int, int, str, bool]],
) -> None:
    """Whatever comes, believed or not: starts and ends alternate, per sensor."""
    bench = Bench()
    open_now: dict[str, str] = {}
    minute = 0
    for minutes, centi_c, device, is_believed in readings:
        minute += minutes
        (bench.distrusted.discard if is_believed else bench.distrusted.add)(device)
        said = [*bench.read(minute, centi_c, device), *bench.tick(minute)]
        for it in said:
            if not isinstance(it, Told):
                continue
            of = it.excursion
            if it.kind == STARTED:
                assert of.device not in open_now
                open_now[of.device] = of.event_id
            else:
                assert open_now[of.device] == of.event_id
            if it.kind == ENDED:
                del open_now[of.device]
    assert {it.device: it.event_id for it in bench.excursions.open()} == open_now
