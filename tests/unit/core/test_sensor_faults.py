"""Pins when a sensor's fault opens and ends: once each, with its beginning, on good readings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.readings import ClimateSample, NoReading, Stamp
from gateway.core.sensor_faults import (
    DRIFTING,
    ERROR,
    OUT_OF_RANGE,
    SENSORS_MAX,
    SILENT,
    STUCK,
    Change,
    SensorFaults,
    SensorRule,
)

RULE = SensorRule(
    silent_s=100.0,
    missed_max=3,
    temperature_centi_c=(-4000, 8500),
    stuck_s=60.0,
    stuck_min_samples=5,
    drift_centi_c=200,
    drift_s=50.0,
    n_recover=3,
)
US = 1_000_000


@dataclass
class Bench:
    """A machine whose time is moved by hand; changes as (kind, is it over)."""

    rule: SensorRule = RULE
    now_s: float = 0.0
    log: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        ids = (f"fault-{n}" for n in count())
        self.faults = SensorFaults(self.rule, ids.__next__)

    def _note(self, changes: list[Change]) -> list[tuple[str, str, bool]]:
        self.log += changes
        return [(c.fault.device, c.fault.kind, c.ended_us is not None) for c in changes]

    def stamp(self, device: str) -> Stamp:
        return Stamp(device, None, None, None, round(self.now_s * US))

    def say(
        self, centi_c: int, *, device: str = "a", after_s: float = 10.0, percent: int | None = None
    ) -> list[tuple[str, str, bool]]:
        self.now_s += after_s
        sample = ClimateSample(self.stamp(device), "cold", centi_c, percent)
        return self._note(self.faults.take(sample, now_s=self.now_s))

    def miss(self, kind: str = SILENT, device: str = "a") -> list[tuple[str, str, bool]]:
        self.now_s += 1
        missed = NoReading(self.stamp(device), "cold", kind, f"it was {kind}")
        return self._note(self.faults.miss(missed, now_s=self.now_s))

    def wait(self, seconds: float) -> list[tuple[str, str, bool]]:
        self.now_s += seconds
        return self._note(self.faults.tick(now_us=round(self.now_s * US), now_s=self.now_s))

    def expect(self, device: str) -> None:
        self.faults.expect(device, "cold", now_us=round(self.now_s * US), now_s=self.now_s)


OPENS, ENDS = False, True


def test_a_silent_sensor_is_one_fault_that_began_with_its_last_reading() -> None:
    bench = Bench()
    bench.say(400)
    assert bench.wait(99.9) == []
    assert bench.wait(0.1) == [("a", SILENT, OPENS)]
    assert bench.wait(1000) == [], "never opened twice"
    assert bench.log[0].fault.since_us == 10 * US


def test_a_sensor_that_never_spoke_is_silent_too() -> None:
    bench = Bench()
    bench.expect("dead")
    assert bench.wait(100) == [("dead", SILENT, OPENS)]


def test_silence_ends_after_enough_readings_in_a_row() -> None:
    bench = Bench()
    bench.say(400)
    bench.wait(100)
    assert [bench.say(400 + i) for i in range(3)] == [[], [], [("a", SILENT, ENDS)]]


def test_one_reading_among_misses_ends_nothing() -> None:
    bench = Bench()
    for _ in range(3):
        bench.miss()
    for _ in range(5):
        assert bench.say(400) == []
        assert bench.say(401) == []
        assert bench.miss() == []


@pytest.mark.parametrize(("kind", "named"), [(SILENT, SILENT), (ERROR, ERROR)])
def test_questions_in_vain_are_a_fault_at_once(kind: str, named: str) -> None:
    bench = Bench()
    assert [bench.miss(kind) for _ in range(3)] == [[], [], [("a", named, OPENS)]]
    assert f"it was {kind}" in bench.log[0].fault.reason
    assert bench.miss(kind) == []


def test_an_impossible_value_is_a_fault_at_once_and_no_silence() -> None:
    bench = Bench()
    assert bench.say(8500) == []
    assert bench.say(8501) == [("a", OUT_OF_RANGE, OPENS)]
    assert "85.01 °C" in bench.log[0].fault.reason
    for _ in range(20):
        assert bench.say(12_700) == []
        assert bench.wait(0) == [], "it speaks, if nonsense"
    assert [bench.say(400 + i) for i in range(3)] == [[], [], [("a", OUT_OF_RANGE, ENDS)]]


def test_humidity_has_a_range_too() -> None:
    assert Bench().say(400, percent=10_001) == [("a", OUT_OF_RANGE, OPENS)]


def test_a_stuck_sensor_began_with_the_first_equal_value_and_ends_at_the_first_other() -> None:
    bench = Bench()
    bench.say(400)
    assert [bench.say(410) for _ in range(6)] == [[]] * 6
    assert bench.say(410) == [("a", STUCK, OPENS)]
    assert bench.log[0].fault.since_us == 20 * US
    assert bench.say(410) == []
    assert bench.say(411) == [("a", STUCK, ENDS)]


def test_a_sensor_whose_humidity_moves_is_not_stuck() -> None:
    bench = Bench()
    assert [bench.say(410, percent=5000 + i % 2) for i in range(50)] == [[]] * 50


def test_few_samples_far_apart_are_not_stuck() -> None:
    bench = Bench()
    assert [bench.say(410, after_s=90) for _ in range(4)] == [[]] * 4


def test_two_sensors_that_part_for_long_are_both_drifting_until_they_agree() -> None:
    bench = Bench()
    opened = []
    for i in range(12):
        opened += bench.say(400 + i, device="a")
        opened += bench.say(601 + i * 2, device="b")
    assert sorted(opened) == [("a", DRIFTING, OPENS), ("b", DRIFTING, OPENS)]
    ended = []
    for i in range(4):
        ended += bench.say(400 + i, device="a")
        ended += bench.say(500 + i, device="b")
    assert sorted(ended) == [("a", DRIFTING, ENDS), ("b", DRIFTING, ENDS)]


def test_of_three_the_one_that_agrees_with_nobody_drifts() -> None:
    bench = Bench()
    opened = []
    for i in range(12):
        opened += bench.say(400 + i, device="a")
        opened += bench.say(450 + i, device="b")
        opened += bench.say(1000 + i, device="c")
    assert opened == [("c", DRIFTING, OPENS)]


def test_between_the_limits_of_drift_nothing_changes() -> None:
    bench = Bench()
    for i in range(12):
        bench.say(400, device="a", percent=i)
        bench.say(700, device="b", percent=i)
    assert len(bench.log) == 2
    for i in range(12):
        assert bench.say(400, device="a", percent=i) == []
        assert bench.say(551, device="b", percent=i) == [], "above three quarters of 2 °C"


def test_a_sensor_is_compared_in_the_zone_it_stands_in_now() -> None:
    bench = Bench()
    bench.say(400, device="b")
    for i in range(12):
        bench.now_s += 10
        moved = ClimateSample(bench.stamp("b"), "frozen", -1800 - i, None)
        assert bench.faults.take(moved, now_s=bench.now_s) == []
        assert bench.say(400 + i, device="a") == []
    opened = []
    for i in range(12):
        opened += bench.say(400 + i, device="a") + bench.say(-1800 - i, device="b")
    assert sorted(opened) == [("a", DRIFTING, OPENS), ("b", DRIFTING, OPENS)]
    bench.faults.retire(lambda name: name != "b", now_us=round(bench.now_s * US))
    bench.expect("b")
    assert bench.say(401, device="a") == []


def test_a_silent_sensor_is_no_witness() -> None:
    bench = Bench()
    bench.say(400, device="a")
    bench.wait(101)
    for i in range(20):
        assert (("b", DRIFTING, OPENS)) not in bench.say(900 + i, device="b")


def test_a_restart_keeps_the_beginning_and_opens_nothing_twice() -> None:
    bench = Bench()
    bench.say(400)
    bench.wait(100)
    after = Bench()
    after.now_s = 500.0
    after.faults.restore(bench.faults.open_faults(), after.now_s)
    assert after.wait(1000) == []
    assert after.faults.open_faults() == bench.faults.open_faults()
    ended = [change for i in range(3) for change in after.say(400 + i)]
    assert ended == [("a", SILENT, ENDS)]
    assert after.log[0].fault == bench.log[0].fault


def test_a_gateway_that_was_away_blames_no_sensor_for_it() -> None:
    bench = Bench()
    bench.say(400)
    after = Bench()
    after.now_s = 100_000.0
    after.expect("a")
    assert after.wait(99) == []


def test_a_sensor_that_is_configured_no_more_ends_its_faults() -> None:
    bench = Bench()
    bench.expect("old")
    bench.wait(100)
    (change,) = bench.faults.retire(lambda name: name != "old", now_us=7)
    assert (change.fault.kind, change.ended_us) == (SILENT, 7)
    assert bench.faults.open_faults() == []
    assert bench.wait(1000) == []


def test_invented_names_do_not_fill_memory() -> None:
    bench = Bench()
    for n in range(SENSORS_MAX + 10):
        bench.expect(f"s{n}")
    assert len(bench.wait(100)) == SENSORS_MAX


Step = Callable[[Bench], object]
steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(
        lambda device, value, after: lambda b: b.say(value, device=device, after_s=after),
        st.sampled_from("abc"),
        st.sampled_from([400, 401, 900, 9000, -4001]),
        st.sampled_from([0.0, 10.0, 60.0]),
    ),
    st.builds(
        lambda device, kind: lambda b: b.miss(kind, device),
        st.sampled_from("abc"),
        st.sampled_from([SILENT, ERROR, OUT_OF_RANGE]),
    ),
    st.builds(lambda seconds: lambda b: b.wait(seconds), st.sampled_from([1.0, 50.0, 200.0])),
)


@settings(deadline=None)
@given(st.lists(steps, max_size=120), st.integers(0, 120))
def test_every_fault_opens_once_and_ends_once_whatever_happens(
    history: list[Step], i_restart: int
) -> None:
    bench = Bench()
    for i, step in enumerate(history):
        if i == i_restart:
            restarted = Bench(now_s=bench.now_s, log=bench.log)
            restarted.faults.restore(bench.faults.open_faults(), bench.now_s)
            # Ids are unique in the product; here the new machine goes on where the old one was.
            restarted.faults._new_id = bench.faults._new_id
            bench = restarted
        step(bench)
    is_open: dict[tuple[str, str], str] = {}
    for change in bench.log:
        key = (change.fault.device, change.fault.kind)
        assert change.fault.since_us <= change.at_us
        if change.ended_us is None:
            assert key not in is_open, "opened twice"
            is_open[key] = change.fault.event_id
        else:
            assert is_open.pop(key) == change.fault.event_id, "ended without having opened"
    assert {(f.device, f.kind) for f in bench.faults.open_faults()} == is_open.keys()
