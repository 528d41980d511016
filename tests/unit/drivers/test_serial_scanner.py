"""Pins the driver of fixed scanners: numbers, tasks, labels, repeats, refusals, bad lines."""

from __future__ import annotations

import pytest

from gateway.core.readings import Malformed, Scan
from gateway.drivers.serial_scanner import make_driver
from gateway.errors import ConfigError
from gateway.ports import Receipt
from tests.fakes.clock import FakeClock
from tests.rigs.driving import driven, settings_of

GS1 = b"]C10109506000134352\x1d10L1\r\n"
EAN = b"4006381333931\r\n"
RECEIVE = {"type": "receive", "location": "DOCK", "worker": "w1"}
LABELS = {"location": "R-*", "worker": "w*", "document": "ASN-*"}


async def scans(stream: bytes, n: int, **options: object) -> list[Scan]:
    """The scans in a stream."""
    async with driven(make_driver, settings_of("serial-scanner", **options)) as it:
        await it.device.write(stream)
        readings = await it.readings(n)
    assert all(isinstance(reading, Scan) for reading in readings)
    return [reading for reading in readings if isinstance(reading, Scan)]


async def test_scans_are_numbered_by_the_box() -> None:
    first, second = await scans(GS1 + EAN, 2)
    assert first.stamp.boot is not None
    assert first.stamp.boot == second.stamp.boot
    assert (first.stamp.seq, second.stamp.seq) == (1, 2)
    assert (first.symbology, second.symbology) == ("]C1", None)
    assert first.symbol is not None
    assert (first.symbol.gtin, first.symbol.lot) == ("09506000134352", "L1")
    assert first.task is None


async def test_a_restart_is_another_boot() -> None:
    clock = FakeClock()
    boots = set()
    for _ in range(2):
        async with driven(make_driver, settings_of("serial-scanner"), clock=clock) as it:
            await it.device.write(EAN)
            (scan,) = await it.readings(1)
        boots.add(scan.stamp.boot)
        clock.forward(1)
    assert len(boots) == 2


async def test_labels_complete_the_task_until_others_do() -> None:
    stream = EAN + b"]A0R-01-02\r\nw17\r\nASN-7\r\n" + EAN + b"R-03-04\r\n" + EAN
    found = await scans(stream, 3, task=RECEIVE, labels=LABELS)
    tasks = [(s.task.type, s.task.location, s.task.worker, s.task.id) for s in found if s.task]
    assert tasks == [
        ("receive", "DOCK", "w1", None),
        ("receive", "R-01-02", "w17", "ASN-7"),
        ("receive", "R-03-04", "w17", "ASN-7"),
    ]
    assert [scan.stamp.seq for scan in found] == [1, 2, 3], "a label is no scan"


async def test_a_label_is_forgotten_after_its_time() -> None:
    clock, options = FakeClock(), {"task": RECEIVE, "labels": LABELS, "label_hold_s": 60}
    async with driven(make_driver, settings_of("serial-scanner", **options), clock=clock) as it:
        places = []
        for pause_s in (0, 60, 1):
            if pause_s == 0:
                await it.device.write(b"R-01-02\r\n")
                await it.until(lambda health: health.n_reads == 1)
            clock.forward(pause_s)
            await it.device.write(EAN)
            (scan,) = await it.readings(1)
            assert isinstance(scan, Scan)
            assert scan.task is not None
            places.append(scan.task.location)
    assert places == ["R-01-02", "R-01-02", "DOCK"]


async def test_a_symbol_that_stays_in_view_is_one_scan() -> None:
    clock = FakeClock()
    settings = settings_of("serial-scanner", repeat_s=2.0)
    async with driven(make_driver, settings, clock=clock) as it:
        await it.device.write(EAN)
        for n_repeats in (1, 2):
            await it.until(lambda health: health.n_reads == 1)
            clock.forward(1.5)
            await it.device.write(EAN)
            await it.until(lambda h, n=n_repeats: h.errors.get("repeat left out") == n)  # type: ignore[misc]
        clock.forward(2)
        await it.device.write(EAN + GS1 + EAN)
        readings = await it.readings(4)
    assert [reading.stamp.seq for reading in readings] == [1, 2, 3, 4]


async def test_every_line_is_a_scan_unless_told_otherwise() -> None:
    assert len(await scans(EAN * 3, 3)) == 3


async def test_a_bad_line_is_set_aside_and_the_next_is_read() -> None:
    async with driven(make_driver, settings_of("serial-scanner", max_bytes=16)) as it:
        await it.device.write(b"]E440170725\r\n\xff\xfe\r\n" + b"x" * 500 + b"\r\n")
        await it.device.write(b"]E440170725\r\n")
        _, bad, good = await it.readings(3)
    assert isinstance(bad, Malformed)
    assert bad.raw == b"\xff\xfe"
    assert isinstance(good, Scan)
    assert it.driver.health()[0].errors == {"line": 1, "line too long": 1}


async def test_the_end_of_a_line_that_began_before_the_port_was_open_is_left_out() -> None:
    async with driven(make_driver, settings_of("serial-scanner", prefix="02")) as it:
        await it.device.write(b"81333931\r\n\x02" + EAN + b"81333931\r\n")
        scan, bad = await it.readings(2)
    assert isinstance(scan, Scan)
    assert isinstance(bad, Malformed), "only the first line of a connection may be cut"
    assert it.driver.health()[0].errors == {"cut line": 1, "line": 1}


async def test_what_the_scanner_sends_for_nothing_is_no_scan() -> None:
    async with driven(make_driver, settings_of("serial-scanner", no_read="NOREAD")) as it:
        await it.device.write(b"NOREAD\r\n" + EAN)
        (scan,) = await it.readings(1)
    assert isinstance(scan, Scan)
    assert scan.data == "4006381333931"
    assert it.driver.health()[0].errors == {"no read": 1}


async def test_a_scanner_without_suffix_is_read_by_its_silences() -> None:
    (scan,) = await scans(b"4006381333931", 1, idle_end_s=0.01)
    assert scan.data == "4006381333931"


async def test_a_belt_that_should_never_stand_still_is_watched() -> None:
    async with driven(make_driver, settings_of("serial-scanner", silent_s=0.01)) as it:
        await it.until(lambda health: health.state == "faulty")
        await it.device.write(EAN)
        await it.readings(1)
        assert it.driver.health()[0].errors["silent"] >= 1


async def test_a_refusal_is_seen_in_the_health() -> None:
    async with driven(make_driver, settings_of("serial-scanner")) as it:
        await it.device.write(EAN)
        (arrival,) = await it.intake.get_group(1, 10.0)
        assert arrival.settle is not None
        arrival.settle(Receipt("refused", {"message_key": "not_a_product"}))
    assert it.driver.health()[0].errors == {"refused: not_a_product": 1}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"task": {"type": "dance"}}, "task.type"),
        ({"task": {"type": "move", "location": "a b"}}, "task.location"),
        ({"labels": {"location": "R-*"}}, "labels need a task"),
        ({"task": RECEIVE, "labels": {"shelf": "R-*"}}, "labels.shelf"),
        ({"suffix": "0"}, "suffix"),
        ({"prefix": "zz"}, "prefix"),
        ({"baud": 9600}, "baud: unknown key"),
    ],
)
async def test_a_wrong_option_is_named(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        async with driven(make_driver, settings_of("serial-scanner", **options)):
            pass
