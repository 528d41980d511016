"""Pins scenarios from end to end: a real run holds, and every lie about it breaks its check."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from datetime import date
from pathlib import Path

import pytest

from device_sim.scenario.books import Visit
from device_sim.scenario.evidence import Evidence, Ground
from device_sim.scenario.file import parse_scenario
from device_sim.scenario.fleet import gateway_toml
from device_sim.scenario.model import Scenario
from device_sim.scenario.play import Play
from device_sim.scenario.report import judge
from device_sim.stage.installation import Installation, Wanted, open_installation
from device_sim.stage.ledger import Entry
from device_sim.stage.memory import Measurement
from device_sim.stage.processes import open_stage
from device_sim.world import ScanOrder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DEVICES = """
title = "A short day"
duration_s = 10

[work]
box_s = 4.0

[[devices]]
name = "pda-J1"
kind = "pda"
line = { drop = 0.1, repeat = 0.1, delay_s = 0.2 }

[[devices]]
name = "climate-ambient"
kind = "climate"
zone = "ambient"
period_s = 0.5

[[devices]]
name = "cold-bus"
kind = "xy-md02"
units = { 1 = "frozen" }

[[devices]]
name = "belt-1"
kind = "serial-scanner"
"""
DOCK = """
[[devices]]
name = "rfid-dock"
kind = "m100"
line = { corrupt = 0.02, split = 0.2, noise = 0.05 }
"""
FAULTS = """
[[faults]]
kind = "cable_pulled"
device = "rfid-dock"
at_s = 5
for_s = 2

[[faults]]
kind = "uplink_down"
at_s = 2
for_s = 3

[[faults]]
kind = "pda_offline"
device = "pda-J1"
at_s = 6
for_s = 3
stands_for_s = 900

[[faults]]
kind = "stray_reads"
device = "rfid-dock"
at_s = 1
for_s = 8
"""


IMPATIENT = """
[smoothing]
gone_after_s = 4.0
"""
"""The last tags' departures are what a day's end waits for."""


def wanted(scenario: Scenario) -> Wanted:
    return Wanted(
        "auto",
        scenario.warehouses,
        lambda site: gateway_toml(scenario.devices, site) + IMPATIENT,
        scenario.seed,
    )


def ignore(_note: str) -> None:
    """Nobody watches."""


# ---------------------------------------------------------------- lies


def forget_a_scan(it: Evidence) -> None:
    """The journal lost a row that the cloud has."""
    rows = it.journals["gw-J1"]
    rows.remove(next(r for r in rows if is_a(r, "goods.picked")))


def forget_in_the_cloud(it: Evidence) -> None:
    it.events.remove(next(r for r in it.events if is_a(r, "goods.picked")))


def change_in_the_cloud(it: Evidence) -> None:
    next(r for r in it.events if is_a(r, "goods.picked"))["event"]["worker"] = "nobody"  # type: ignore[index]


def invent_a_unit(it: Evidence) -> None:
    place = next(place for place in it.world.truth if place.warehouse == "J1")
    it.world.truth[place] += 1


def claim_a_scan(it: Evidence) -> None:
    order = ScanOrder("x", None)
    it.ledgers[0].entries.append(
        Entry("pda-J1", order, seq=999_999, status="accepted", at_us=1, boot=it.ledgers[0].boot)
    )


def claim_no_receipt(it: Evidence) -> None:
    it.ledgers[0].entries[0].status = None


def claim_another_time(it: Evidence) -> None:
    entry = next(e for e in it.ledgers[0].entries if e.order.expect == "recorded")
    entry.at_us = (entry.at_us or 0) - 60_000_000


def claim_a_visit(it: Evidence) -> None:
    it.readers[0].visits.append(Visit("00", it.opened_at_s, it.opened_at_s + 3))


def forget_a_visit(it: Evidence) -> None:
    it.readers[0].visits.pop(0)


def change_a_sample(it: Evidence) -> None:
    sent = it.sensors[0].sent
    seq = next(seq for seq, sample in sent.items() if sample.at_s >= it.opened_at_s)
    sample = sent[seq]
    it.sensors[0].sent[seq] = type(sample)(sample.at_s, sample.temperature_c + 1)


def claim_an_answer(it: Evidence) -> None:
    sample = it.buses[0].said[1][0]
    it.buses[0].said[1].append(type(sample)(it.closed_at_s - 1, -40.0))


def claim_a_box_on_the_belt(it: Evidence) -> None:
    it.scanners[0].passed["B999999"] = it.opened_at_s


def alarm_for_nothing(it: Evidence) -> None:
    fault = {
        "type": "sensor.fault",
        "event_id": "e",
        "occurred_at_us": it.zero_us + round(it.opened_at_s * 1e6),
        "device": {"id": "climate-ambient"},
        "body": {"kind": "stuck"},
    }
    journal = it.journals["gw-J1"]
    # The cloud was asked later than the gateway, and may have a row more.
    of_it = [row for row in it.events if row.get("gateway") == "gw-J1"]
    seq = 1 + max(int(str(row["seq"])) for row in (*journal, *of_it))
    journal.append({**journal[-1], "seq": seq, "event": fault})


def lose_a_device(it: Evidence) -> None:
    it.reports["J1"].devices[0]["state"] = "lost"


def grow(it: Evidence) -> None:
    last = it.memory["gw-J1"][-1]
    it.memory["gw-J1"] += [
        Measurement(last.at_s + s, last.pid, last.rss_bytes + 2**25) for s in range(40)
    ]


def is_a(row: dict[str, object], event_type: str) -> bool:
    event = row["event"]
    return isinstance(event, dict) and event["type"] == event_type


LIES: dict[Callable[[Evidence], None], set[str]] = {
    forget_a_scan: {"every scan is in the journal exactly once"},
    forget_in_the_cloud: {
        "every scan is in the cloud exactly once",
        "the cloud has every journal row once",
    },
    change_in_the_cloud: {"edge and cloud hold the same events"},
    invent_a_unit: {"edge stock equals the truth", "cloud stock equals the truth"},
    claim_a_scan: {
        "every scan is in the journal exactly once",
        "every scan is in the cloud exactly once",
    },
    claim_no_receipt: {"every scan was receipted as it must be"},
    claim_another_time: {"every scan's time is right"},
    claim_a_visit: {"every tag came and went as it did"},
    forget_a_visit: {"no tag was seen that was not there"},
    change_a_sample: {"every climate sample is there once, with its value"},
    claim_an_answer: {"the bus was understood, answer by answer"},
    claim_a_box_on_the_belt: {"everything that passed a fixed scanner was inspected once"},
    alarm_for_nothing: {
        "no sensor fault was told without reason",
        "every sensor fault that was told ended",
    },
    lose_a_device: {"every device is online in the end"},
    grow: {"the gateways' memory is flat"},
}


async def test_a_real_day_with_faults_holds_and_every_lie_about_it_is_found(
    tmp_path: Path,
) -> None:
    scenario = parse_scenario(DEVICES + DOCK + FAULTS, source="test")
    async with (
        open_stage(tmp_path) as stage,
        open_installation(stage, wanted(scenario)) as own,
    ):
        ground = Ground(own.broker, own.cloud, own.sites, own)
        play = Play(scenario, stage, ground, today=date(2026, 5, 4), note=ignore)
        evidence = await play.run()
    found = judge(scenario, evidence)
    assert [each for each in found if not each.holds] == []
    assert {trouble.kind for trouble in evidence.troubles} == {f.kind for f in scenario.faults}
    assert len(evidence.ledgers[0].entries) > 30
    assert len(evidence.readers[0].visits) >= 3
    assert len(evidence.readers[0].strays) >= 3
    for lie, broken in LIES.items():
        spoilt = deepcopy(evidence)
        lie(spoilt)
        assert {e.name for e in judge(scenario, spoilt) if not e.holds} == broken, lie.__name__


# ---------------------------------------------------------------- a given installation


@pytest.fixture
async def somebody_elses(tmp_path: Path) -> AsyncIterator[Installation]:
    """An installation that was set up by its own people, with the devices the scenario names."""
    (tmp_path / "mine.toml").write_text(DEVICES.replace("10", "5"))
    asked = ("--print-devices", "J1", "--directory", str(tmp_path / "run"))
    printed = subprocess.run(sim(tmp_path, *asked), capture_output=True, text=True, check=True)
    theirs = Wanted("auto", ("J1",), lambda _site: printed.stdout, 1)
    async with (
        open_stage(tmp_path / "theirs") as stage,
        open_installation(stage, theirs) as it,
    ):
        yield it


def sim(directory: Path, *options: str) -> list[str]:
    scenario = str(directory / "mine.toml")
    return [sys.executable, "-m", "device_sim", "run", scenario, *options]


async def test_a_given_installation_is_driven_twice_and_judged_by_what_is_ours(
    somebody_elses: Installation, tmp_path: Path
) -> None:
    it = somebody_elses
    token = tmp_path / "admin.token"
    token.write_text(it.admin_token)
    given = (
        *("--broker", f"{it.broker.host}:{it.broker.port}", "--cloud", it.cloud_url),
        *("--cloud-token-file", str(token), "--gateway-status", str(it.sites["J1"].config)),
    )
    report = tmp_path / "report.json"
    with (tmp_path / "mine.toml").open("a") as scenario:
        scenario.write('[[faults]]\nkind = "broker_restart"\nat_s = 1\nfor_s = 1\n')
    for run in ("run", "run-again"):
        os.renames(tmp_path / "run", tmp_path / "gone") if run == "run-again" else None
        options = (*given, "--directory", str(tmp_path / "run"), "--json", str(report))
        program = await asyncio.create_subprocess_exec(
            *sim(tmp_path, *options), stdout=asyncio.subprocess.PIPE, stderr=subprocess.STDOUT
        )
        output, _ = await program.communicate()
        assert program.returncode == 0, f"{run}: {output.decode()[-3000:]}"
        judged = json.loads(report.read_text())
        assert judged["ok"] is True
        assert judged["skipped"] == ["broker_restart: the installation is not ours to break"]
        assert judged["devices"][0]["arrived"] == judged["devices"][0]["must_arrive"] > 10


# ---------------------------------------------------------------- wrong usage


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((), "which scenario? There are"),
        (("no-such-day",), "no such file, and no scenario of ours"),
        (("everything", "--duration", "30"), "everything: faults."),
        (("quiet-day", "--broker", "127.0.0.1:1"), "a given installation needs --broker"),
        (("quiet-day", "--duration", "x"), "expected a number"),
    ],
)
def test_wrong_usage_is_one_clear_line(options: tuple[str, ...], complaint: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "device_sim", "run", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (1, 2)
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_what_ships_is_listed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "device_sim", "run", "--list"],
        capture_output=True,
        text=True,
        check=True,
    )
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert {"quiet-day", "live-stream-surge", "pick-lists", "everything"} <= set(names)
