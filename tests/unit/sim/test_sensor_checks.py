"""Pins what is asked of the watch over sensors: told in time, with reason, and ended once."""

import pytest

from device_sim.scenario.books import Trouble
from device_sim.scenario.sensor_checks import (
    SLACK_S,
    Patience,
    Told,
    Watched,
    check_sensor_faults,
    told_faults,
)

PATIENCE = Patience(silent_s=10, stuck_s=15, stuck_samples=20, drift_c=3, drift_s=6)
SENSORS = [
    Watched("c1", "c1", "J1", "frozen", 1.0, PATIENCE),
    Watched("bus.1", "bus", "J1", "frozen", 1.0, PATIENCE),
    Watched("c2", "c2", "J1", "ambient", 1.0, PATIENCE),
]
DEAD = Trouble("sensor_dead", "c1", 100.0, 130.0)
SILENT = Told("e1", "c1", "silent", 111.0, n_ended=1)


def holds(told: list[Told], *troubles: Trouble) -> list[bool]:
    found = check_sensor_faults(SENSORS, told, troubles, {"bus.1": 0.5})
    return [each.holds for each in found]


def test_a_fault_that_was_told_and_ended_holds() -> None:
    assert holds([SILENT], DEAD) == [True, True, True]


def test_a_fault_that_was_not_told_is_missed_once_it_lasted_long_enough() -> None:
    assert holds([], DEAD) == [False, True, True]
    assert holds([], Trouble("sensor_dead", "c1", 100, 110 + SLACK_S - 0.1)) == [True] * 3
    assert holds([], Trouble("sensor_dead", "c1", 100, 110 + SLACK_S)) == [False, True, True]


@pytest.mark.parametrize(
    "told",
    [
        Told("e1", "c2", "silent", 111.0, 1),
        Told("e1", "c1", "stuck", 111.0, 1),
        Told("e1", "c1", "silent", 99.0, 1),
        Told("e1", "c1", "silent", 140.0, 1),
    ],
    ids=["other sensor", "other kind", "before", "after"],
)
def test_what_is_told_of_something_else_is_not_it(told: Told) -> None:
    assert holds([told], DEAD)[0] is False


def test_a_false_alarm_is_found_and_other_peoples_sensors_are_not_ours() -> None:
    assert holds([SILENT]) == [True, False, True]
    assert holds([Told("e1", "theirs", "silent", 111.0, 0)]) == [True, True, True]


@pytest.mark.parametrize("n_ended", [0, 2])
def test_a_fault_ends_exactly_once(n_ended: int) -> None:
    assert holds([Told("e1", "c1", "silent", 111.0, n_ended)], DEAD) == [True, True, False]


def test_of_two_sensors_that_part_either_may_be_told_but_not_one_of_another_zone() -> None:
    drifting = Trouble("sensor_drifting", "bus.1", 100.0, 130.0)
    own, other = (Told("e", name, "drifting", 115.0, 1) for name in ("bus.1", "c1"))
    assert holds([own, other], drifting) == [True, True, True]
    assert holds([other], drifting) == [False, True, True]
    assert holds([own, Told("e", "c2", "drifting", 115.0, 1)], drifting)[1] is False


def test_a_pulled_cable_is_a_reason_for_its_own_bus_only() -> None:
    pulled = Trouble("cable_pulled", "bus", 100.0, 112.0)
    assert holds([Told("e", "bus.1", "silent", 111.0, 1)], pulled)[1] is True
    assert holds([SILENT], pulled)[1] is False


def test_a_unit_that_dies_on_a_bad_line_may_be_called_broken_and_on_a_good_one_not() -> None:
    dead = Trouble("sensor_dead", "bus.1", 100.0, 130.0)
    told = Told("e", "bus.1", "error", 108.0, 1)
    assert holds([told], dead, Trouble("line", "bus", 98.0, 102.0)) == [True, True, True]
    assert holds([told], dead)[0] is False
    assert holds([told], dead, Trouble("line", "other", 98.0, 102.0))[0] is False


def test_faults_are_read_from_the_journal_with_their_ends() -> None:
    fault = {
        "type": "sensor.fault",
        "event_id": "e1",
        "occurred_at_us": 7_000_000,
        "device": {"id": "c1"},
        "body": {"kind": "silent"},
    }
    end = {"type": "sensor.recovered", "event_id": "e2", "cause": "e1"}
    rows = [{"event": fault}, {"event": end}, {"event": {"type": "goods.picked"}}]
    assert told_faults(rows, zero_us=5_000_000) == [Told("e1", "c1", "silent", 2.0, 1)]
