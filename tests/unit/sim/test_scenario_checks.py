"""Pins the scenarios' proof: each check holds for what is true and breaks for each untruth."""

from collections.abc import Callable
from copy import deepcopy

import pytest

from device_sim.scenario import checks
from device_sim.scenario.books import BusBook, ReaderBook, ScannerBook, SensorBook, Trouble, Visit
from device_sim.stage.ledger import Ledger
from device_sim.stage.memory import Life, Measurement, lives
from device_sim.world import ScanOrder

Row = dict[str, object]
MB = 2**20


def row(at: int, event_type: str, device: str, **more: object) -> Row:
    mark: Row = {"id": device}
    for key in ("boot", "seq"):
        if key in more:
            mark[key] = more.pop(key)
    event: Row = {"type": event_type, "device": mark, "occurred_at_us": 0, **more}
    return {"gateway": "gw-J1", "seq": at, "event": event}


# ---------------------------------------------------------------- journals and times


def test_an_event_that_changed_on_its_way_is_found() -> None:
    edge = [row(1, "goods.picked", "pda-1"), row(2, "goods.picked", "pda-1")]
    assert checks.check_same_rows({"gw-J1": edge}, deepcopy(edge)).holds
    spoilt = deepcopy(edge)
    spoilt[1]["event"]["occurred_at_us"] = 1  # type: ignore[index]
    problems = checks.check_same_rows({"gw-J1": edge}, spoilt).problems
    assert problems == ("gw-J1 row 2: differs between edge and cloud",)


@pytest.mark.parametrize(("off_s", "holds"), [(0, True), (15, True), (-15, True), (16, False)])
def test_a_scan_may_be_as_far_from_its_time_as_a_bad_line_makes_it(
    off_s: int, holds: bool
) -> None:
    ledger = Ledger("pda-1", boot="b")
    ledger.add(ScanOrder("x", None))
    ledger.hear({"event": "scan", "ref": 0, "seq": 1, "at_us": 50_000_000})
    at_us = 50_000_000 + off_s * 1_000_000
    event = row(1, "goods.picked", "pda-1", boot="b", seq=1, occurred_at_us=at_us)
    assert checks.check_times([ledger], [event]).holds is holds


# ---------------------------------------------------------------- tags

BOOK = ReaderBook("dock", "J1", [Visit("A", 10.0, 13.0), Visit("B", 20.0, 23.0)], ["S"])
SEEN = [
    row(1, checks.ARRIVED, "dock", body={"epc": "A"}),
    row(2, checks.LEFT, "dock", body={"epc": "A"}),
    row(3, checks.ARRIVED, "dock", body={"epc": "B"}),
    row(4, checks.LEFT, "dock", body={"epc": "B"}),
]


def tags(rows: list[Row], *troubles: Trouble) -> list[bool]:
    return [each.holds for each in checks.check_tags([BOOK], rows, troubles)]


def test_tags_that_came_and_went_hold_and_other_readers_are_not_ours() -> None:
    elsewhere = row(5, checks.ARRIVED, "other-dock", body={"epc": "Z"})
    assert tags([*SEEN, elsewhere]) == [True, True]
    assert checks.missing_departures([BOOK], SEEN) == []


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (SEEN[:2], [False, True]),
        (SEEN[:3], [False, True]),
        ([*SEEN, *SEEN[:2]], [False, True]),
        ([SEEN[1], *SEEN[2:]], [False, True]),
        ([*SEEN, row(5, checks.ARRIVED, "dock", body={"epc": "S"})], [True, False]),
        ([*SEEN, row(5, checks.ARRIVED, "dock", body={"epc": "Z"})], [True, False]),
    ],
    ids=["never came", "never left", "came twice", "left unseen", "stray", "invented"],
)
def test_a_wrong_coming_or_going_is_found(rows: list[Row], expected: list[bool]) -> None:
    assert tags(rows) == expected


def test_a_fault_excuses_only_the_stay_it_touched_and_only_what_it_can_do() -> None:
    pulled = Trouble("cable_pulled", "dock", 19.0, 22.0)
    assert tags(SEEN[:2], pulled) == [True, True]
    assert tags(SEEN[2:], pulled) == [False, True], "the first stay was not touched"
    assert tags(SEEN[:3], pulled) == [False, True], "a pulled cable forgets nobody"
    assert tags(SEEN[:2], Trouble("cable_pulled", "other-dock", 19.0, 22.0)) == [False, True]
    killed = Trouble("gateway_kill", "J1", 22.0, 24.0)
    assert tags(SEEN[:2], killed) == [True, True]
    assert tags(SEEN[:2], Trouble("gateway_kill", "K1", 22.0, 24.0)) == [False, True]
    assert tags(SEEN[:3], killed) == [False, True], "nor does a killed gateway"


def test_a_departure_is_waited_for() -> None:
    assert checks.missing_departures([BOOK], SEEN[:3]) == ["dock B: has not left yet"]


# ---------------------------------------------------------------- climate


def sample_row(seq: int, centi_c: int) -> Row:
    window = {"min": centi_c, "mean": centi_c, "max": centi_c}
    return row(seq, checks.SAMPLED, "c1", boot="b", seq=seq, body={"temperature_centi_c": window})


def sensor() -> SensorBook:
    book = SensorBook("c1", "J1", "ambient")
    book.hear({"event": "ready", "boot": "b"}, 0.0)
    for seq in (1, 2, 3):
        report = {"event": "sent", "seq": seq, "temperature_c": 18 + seq / 10, "humidity_pct": 50}
        book.hear(report, float(seq * 10))
    return book


SAMPLES = [sample_row(1, 1810), sample_row(2, 1820), sample_row(3, 1830)]


def samples(rows: list[Row], *troubles: Trouble) -> tuple[str, ...]:
    return checks.check_samples([sensor()], rows, troubles, since_s=5, until_s=25).problems


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda rows: rows.pop(1), "c1 sample 2: missing"),
        (lambda rows: rows.append(rows[1]), "c1 sample 2: 2 times"),
        (lambda rows: rows.append(sample_row(9, 1810)), "c1 sample 9: was never sent"),
        (lambda rows: rows.__setitem__(1, sample_row(2, 1821)), "c1 sample 2: says 1821"),
    ],
    ids=["lost", "twice", "invented", "changed"],
)
def test_a_wrong_sample_is_found(spoil: Callable[[list[Row]], object], problem: str) -> None:
    rows = list(SAMPLES)
    assert samples(rows) == ()
    spoil(rows)
    assert samples(rows) == (problem,)


def test_samples_after_the_doors_closed_may_be_under_way_and_a_dead_broker_loses_some() -> None:
    assert samples(SAMPLES[:2]) == ()
    assert samples(SAMPLES[1:], Trouble("broker_restart", "", 9.0, 11.0)) == ()
    assert samples(SAMPLES[1:], Trouble("gateway_kill", "J1", 9.0, 11.0)) != ()


def bus_row(seq: int, centi_c: int) -> Row:
    return row(seq, checks.SAMPLED, "bus.1", body={"temperature_centi_c": {"mean": centi_c}})


def bus(rows: list[Row], *troubles: Trouble) -> tuple[str, ...]:
    book = BusBook("bus", "J1", {1: "frozen"})
    for at_s, celsius in ((1.0, -19.0), (2.0, -18.9), (20.0, -19.0), (90.0, -18.5)):
        book.hear({"event": "said", "address": 1, "temperature_c": celsius}, at_s)
    return checks.check_bus([book], rows, troubles, until_s=80.0).problems


def test_a_bus_is_held_to_what_its_units_said() -> None:
    rows = [bus_row(1, -1900), bus_row(2, -1890), bus_row(3, -1900)]
    assert bus(rows) == ()
    assert bus([*rows, bus_row(4, -1850)]) == (), "said after the doors closed"
    assert bus([*rows, bus_row(4, -1700)]) == ("bus.1 -17.0 °C: there 1 times, said 0",)
    assert bus(rows[:2]) == ("bus.1 -19.0 °C: said 2 times, there 1",)
    assert bus(rows[:2], Trouble("cable_pulled", "bus", 19.0, 21.0)) == ()
    assert bus(rows[1:], Trouble("cable_pulled", "bus", 30.0, 31.0)) != ()


# ---------------------------------------------------------------- memory


def test_memory_that_grows_is_found_and_play_is_not() -> None:
    flat, grown = Life(1, 60.0, 50 * MB, 55 * MB, 60 * MB), Life(2, 60.0, 50 * MB, 70 * MB, 0)
    assert checks.check_memory({"gw-J1": [flat]}).holds
    problems = checks.check_memory({"gw-J1": [flat, grown]}).problems
    assert problems == ("gw-J1 (2): 50.0 MB grew to 70.0 MB in 60 s",)
    assert not checks.check_memory({"gw-J1": []}).holds, "nothing measured proves nothing"


def test_a_life_begins_after_its_warm_up_and_each_process_has_its_own() -> None:
    first = [Measurement(float(s), 7, (10 if s < 5 else 50) * MB) for s in range(30)]
    second = [Measurement(40.0 + s, 8, (50 + s) * MB) for s in range(30)]
    short = [Measurement(80.0, 9, 50 * MB)]
    found = lives([*first, *second, *short])
    assert [(life.pid, life.start_bytes // MB) for life in found] == [(7, 50), (8, 57)]
    assert found[0].end_bytes == found[0].start_bytes
    assert (found[1].end_bytes // MB, found[1].peak_bytes // MB) == (77, 79)


def test_a_life_is_told_minute_by_minute() -> None:
    (life,) = lives([Measurement(100.0 + s, 7, s // 60 * MB) for s in range(150)])
    assert life.minutes_bytes == (0, MB, 2 * MB)


def test_a_device_that_is_not_online_in_the_end_is_found() -> None:
    seen = {"J1": [{"name": "a", "state": "online"}, {"name": "b", "state": "lost"}]}
    names = {"J1": ["a", "b", "c"]}
    assert checks.check_health(names, seen, []).problems == ("b: lost", "c: unknown")
    clash = Trouble("id_clash", "b", 0.0, 1.0)
    assert checks.check_health({"J1": ["a", "b"]}, seen, [clash]).holds


# ---------------------------------------------------------------- fixed scanners


def inspected(lot: str, device: str = "belt") -> Row:
    return row(1, checks.INSPECTED, device, body={"assertions": [{"item": "i", "lot": lot}]})


def belt(rows: list[Row], *troubles: Trouble) -> tuple[str, ...]:
    book = ScannerBook("belt", "J1", {"B1": 10.0, "B2": 50.0})
    return checks.check_belts([book], rows, troubles).problems


def test_what_passed_a_scanner_is_inspected_once_and_nothing_else_is() -> None:
    rows = [inspected("B1"), inspected("B2"), inspected("B9", "pda-1")]
    assert belt(rows) == ()
    assert belt(rows[:1]) == ("belt B2: not inspected",)
    assert belt([*rows, inspected("B2")]) == ("belt B2: inspected 2 times",)
    assert belt([*rows, inspected("B9")]) == ("belt B9: inspected 1 times",)


def test_a_scanner_without_a_listener_is_excused_and_no_other() -> None:
    assert belt([inspected("B1")], Trouble("cable_pulled", "belt", 49.0, 51.0)) == ()
    assert belt([inspected("B1")], Trouble("cable_pulled", "belt", 20.0, 30.0)) != ()
    assert belt([inspected("B1")], Trouble("cable_pulled", "other", 49.0, 51.0)) != ()
