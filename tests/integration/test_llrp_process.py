"""Pins LLRP readers end to end: simulated readers as processes, one that is called and one that
calls, the real gateway program, and the tags in its journal, also those seen while it was dead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.broker import free_port
from tests.rigs.gateway import GatewayProcess, Status
from tests.rigs.simulated import SimulatedDevice, simulated

pytestmark = pytest.mark.slow

CONFIG = """
[gateway]
id = "gw-J1"
warehouse = "J1"
state_dir = "{directory}/state"

[[devices]]
name = "dock"
driver = "llrp"
link = "tcp://127.0.0.1:{listens}"
zone = "C"
options = {{ antennas = [1, 2], power_dbm = 27 }}

[[devices]]
name = "gate"
driver = "llrp"
link = "tcp-listen://127.0.0.1:{calls}?from=127.0.0.1"
zone = "C"
options = {{ report_n_tags = 0, report_period_s = 0.3 }}
"""
EPCS = [f"3034257BF7194E40{i:08X}" for i in range(20)]

Rig = tuple[GatewayProcess, SimulatedDevice, SimulatedDevice]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A gateway that runs, the reader that it calls, and the one that calls it."""
    listens, calls = free_port(), free_port()
    config = CONFIG.format(directory=tmp_path, listens=listens, calls=calls)
    gateway = GatewayProcess(tmp_path, config)
    with simulated(
        ["llrp", "--at", f"127.0.0.1:{listens}"],
        ["llrp", "--at", f"127.0.0.1:{calls}", "--calls", "--no-clock"],
    ) as (dock, gate):
        gateway.start()
        try:
            gateway.until(lambda s: states(s) == {"dock": "online", "gate": "online"})
            yield gateway, dock, gate
        finally:
            gateway.kill()


def states(status: Status) -> dict[str, str]:
    devices: list[dict[str, str]] = status["devices"]  # type: ignore[assignment]
    return {health["name"]: health["state"] for health in devices}


def standing(*tags: tuple[str, int]) -> list[list[object]]:
    return [[epc, antenna, -5381] for epc, antenna in tags]


def test_tags_before_both_readers_arrive_in_the_journal(rig: Rig) -> None:
    gateway, dock, gate = rig
    dock.tell("air", missed=0.2, repeated=0.3, stray=0.5)
    dock.tell("field", tags=standing((EPCS[0], 1), (EPCS[1], 2), (EPCS[2], 4)))
    gate.tell("field", tags=standing((EPCS[3], 3)))
    # The dock's fourth antenna is not among those it is to read with.
    expected = {"dock.1": {EPCS[0]}, "dock.2": {EPCS[1]}, "gate.3": {EPCS[3]}}
    gateway.until(lambda _: gateway.arrivals() == expected)

    dock.tell("antenna", antenna=2, connected=False)
    gateway.until(lambda s: states(s)["dock"] == "faulty")
    dock.tell("reboot")
    gateway.until(lambda s: states(s) == {"dock": "faulty", "gate": "online"})
    dock.tell("antenna", antenna=2, connected=True)
    status = gateway.until(lambda s: states(s)["dock"] == "online")
    (health,) = [each for each in status["devices"] if each["name"] == "dock"]  # type: ignore[attr-defined]
    assert health["errors"] == {"antenna 2 lost": 1, "operation forgotten": 1}


def test_tags_that_passed_while_the_gateway_was_dead_arrive_later(rig: Rig) -> None:
    gateway, dock, _ = rig
    gateway.kill()
    while dock.report("client")["connected"]:
        pass
    for _ in range(2):  # a tag has arrived when it was read twice
        dock.tell("pass", tags=standing(*((epc, 1) for epc in EPCS)))
    gateway.start()
    gateway.until(lambda _: gateway.arrivals() == {"dock.1": set(EPCS)})
