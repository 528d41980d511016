"""Pins readers and scanners of other makers end to end: simulated on their real transports, read
by the real gateway program, found in its journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.broker import free_port, running_mosquitto
from tests.rigs.device import Device
from tests.rigs.gateway import GatewayProcess, Status
from tests.rigs.simulated import simulated

pytestmark = pytest.mark.slow

CONFIG = """
[gateway]
id = "gw-J1"
warehouse = "J1"
state_dir = "{directory}/state"

[mqtt]
host = "127.0.0.1"
port = {port}

[[devices]]
name = "bus"
driver = "uhfreader18"
link = "serial://{directory}/bus?baud=57600"
options = {{ addresses = [1, 2], timeout_s = 0.3, rssi_offset_db = -129 }}

[[devices]]
name = "belt"
driver = "serial-scanner"
link = "serial://{directory}/belt?baud=9600"
options = {{ task = {{ type = "receive", quantity = 5 }}, labels = {{ location = "R-*" }} }}

[[devices]]
name = "r700"
driver = "impinj"
link = "mqtt"
zone = "C"
options = {{ topics = ["impinj/r700/events"] }}

[[devices]]
name = "r720"
driver = "impinj"
link = "http://root@127.0.0.1:{stream}/api/v1/data/stream?password_file={directory}/password"

[[devices]]
name = "fx-*"
driver = "zebra-fx"
link = "mqtt"
options = {{ topics = ["zebra/{{device}}/tags"] }}

[[devices]]
name = "sled-1"
driver = "zebra-rfd"
link = "mqtt"
options = {{ topics = ["tenant/DATA/clients/data1event/+"], task = {{ type = "receive" }} }}

[[devices]]
name = "tc52"
driver = "datawedge"
link = "mqtt"
options = {{ topics = ["forepost/v1/J1/{{device}}/wedge"] }}
"""
EPCS = {name: f"3034257BF7194E40{i:08X}" for i, name in enumerate(("a", "b", "c", "d", "e", "f"))}
ITEM = "]C10109506000134352\x1d10L1"
HARM = "split=0.3,noise=0.2,corrupt=0.1"


Rig = tuple[GatewayProcess, Path, int, int]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A gateway for all devices of this file, its directory, its broker's port, and the port
    where a reader is to stream."""
    directory = tmp_path_factory.mktemp("gateway")
    store = directory / "broker"
    store.mkdir()
    stream = free_port()
    (directory / "password").write_text("impinj\n")
    with running_mosquitto(store) as broker:
        config = CONFIG.format(directory=directory, port=broker.port, stream=stream)
        gateway = GatewayProcess(directory, config)
        gateway.start()
        try:
            gateway.until_listening()
            yield gateway, directory, broker.port, stream
        finally:
            gateway.kill()


def device(status: Status, name: str) -> dict[str, object]:
    """A device of the report; an empty one while it is not in it."""
    devices: list[dict[str, object]] = status["devices"]  # type: ignore[assignment]
    return next((health for health in devices if health["name"] == name), {})


def quantities(status: Status) -> dict[str, int]:
    return {row["location"]: row["quantity"] for row in status["stock"]}  # type: ignore[attr-defined]


def json_reader(port: int, make: str, name: str, topic: str) -> list[str]:
    broker = f"127.0.0.1:{port}"
    return ["json-reader", "--make", make, "--name", name, "--topic", topic, "--broker", broker,
            "--warehouse", "J1", "--period", "0.2"]  # fmt: skip


def test_tags_seen_by_every_reader_arrive_in_the_journal(rig: Rig) -> None:
    gateway, directory, port, stream = rig
    with simulated(
        ["uhfreader18", "--link", str(directory / "bus"), "--address", "1", "--address", "2",
         "--antennas", "--faults", HARM],
        json_reader(port, "impinj", "r700", "impinj/r700/events"),
        json_reader(port, "zebra-fx", "fx-7", "zebra/fx-7/tags"),
        json_reader(port, "zebra-rfd", "sled-1", "tenant/DATA/clients/data1event/123"),
        ["http-reader", "--listen", f"127.0.0.1:{stream}", "--period", "0.2"],
    ) as (bus, impinj, fixed, sled, streaming):  # fmt: skip
        bus.tell("field", tags=[[EPCS["a"], 70]], address=1)
        bus.tell("field", tags=[[EPCS["b"], 70]], address=2)
        for reader, epc in ((impinj, "c"), (fixed, "d"), (sled, "e"), (streaming, "f")):
            reader.tell("field", tags=[[EPCS[epc], -55]])
        names = ("bus.1", "bus.2", "r700", "fx-7", "sled-1", "r720")
        # A tag has arrived when it was read twice.
        gateway.until(lambda s: all(int(str(device(s, n).get("n_reads", 0))) > 2 for n in names))
        points = ("bus.101", "bus.201", "r700.1", "fx-7.1", "sled-1.0", "r720.1")
        expected = {point: {EPCS[epc]} for point, epc in zip(points, "abcdef", strict=True)}
        gateway.until(lambda _: gateway.arrivals() == expected)
        fixed.tell("lose", n=3)
        impinj.tell("raw", hex=b'{"eventType":"tagInventory"}'.hex())
        status = gateway.until(
            lambda s: device(s, "r700")["errors"] != {} and device(s, "fx-7")["n_missing"] != 0
        )
    assert device(status, "fx-7")["n_missing"] == 3
    assert device(status, "r700")["errors"] == {"refused event": 1}


def test_symbols_of_fixed_scanners_sleds_and_datawedge_are_booked(rig: Rig) -> None:
    gateway, directory, port, _ = rig
    with simulated(
        ["serial-scanner", "--link", str(directory / "belt")],
        json_reader(port, "zebra-rfd", "sled-1", "tenant/DATA/clients/data1event/123"),
    ) as (belt, sled):
        gateway.until(lambda s: device(s, "belt")["state"] == "online")
        belt.tell("scan", data="R-01-02")
        belt.tell("scan", data=ITEM)
        belt.tell("scan", data=ITEM)
        sled.tell("scan", data=ITEM, symbology="CODE128")
        gateway.until(lambda s: quantities(s) == {"@supplier": -11, "R-01-02": 10, "DOCK": 1})

        belt.tell("unplug")
        gateway.until(lambda s: device(s, "belt")["state"] == "lost")
        belt.tell("scan", data=ITEM)  # nobody can hear it
        belt.tell("plug")
        gateway.until(lambda s: device(s, "belt")["state"] == "online")
        belt.tell("scan", data=ITEM)
        gateway.until(lambda s: quantities(s) == {"@supplier": -16, "R-01-02": 15, "DOCK": 1})

    computer = Device(port, "tc52")
    try:
        scan = {"com.symbol.datawedge.data_string": ITEM, "label_type": "LABEL-TYPE-EAN128"}
        computer.publish("wedge", scan)
        status = gateway.until(lambda s: device(s, "tc52")["n_reads"] == 1)
    finally:
        computer.close()
    assert quantities(status)["DOCK"] == 1, "without a task a scan is a look-up"
