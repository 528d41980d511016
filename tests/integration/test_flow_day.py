"""Pins a whole day at the real gateway without uplink: received, put away, picked, packed, sent,
counted; by somebody who scans badly, and with a kill in the middle of an order."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from cloud_sync.contract import documents as doc
from tests.rigs.broker import Mosquitto, running_mosquitto
from tests.rigs.device import Device, device
from tests.rigs.gateway import GatewayProcess, pda_config
from tests.rigs.guard import GUARD_S
from tests.rigs.seeding import master_data, seed

pytestmark = pytest.mark.slow

MILK, RICE, PEAS = "09506000134352", "09506000134369", "09506000134376"
SSCC = "106141411234567897"
OLD = f"]C101{MILK}1770113010OLD"
NEW = f"]C101{MILK}1770122410NEW"
BAG = f"]C101{RICE}10RR"
ICE = f"]C101{PEAS}10P1"
EXPIRED = f"]C101{MILK}1720010110STALE"
Result = dict[str, object]


class Picker:
    """Somebody with a PDA, who sends each message and waits for its result."""

    def __init__(self, pda: Device) -> None:
        self.pda = pda
        self.seq = 0

    def say(self, data: str | None, **task: object) -> Result:
        """One scan (or a command, without data), and what the gateway answers."""
        self.seq += 1
        message: Result = {"v": 1, "boot": "boot-1", "seq": self.seq, "task": task}
        if data is not None:
            message |= {"data": data, "symbology": "GS1_128" if data[0] == "]" else "CODE_128"}
        self.last = message
        self.pda.publish("scan", message)
        return self.heard(self.seq)

    def again(self) -> Result:
        """The last message once more: the radio was bad."""
        self.pda.publish("scan", self.last)
        return self.heard(self.seq)

    def heard(self, seq: int) -> Result:
        """The next result for a message."""
        while (result := self.pda.result()).get("seq") != seq:
            pass
        return result

    def contents(self, place: str) -> dict[tuple[object, object], object]:
        """What the gateway says is at a place, by lot and status."""
        rows = self.say(place, type="lookup").get("contents", [])
        assert isinstance(rows, list)
        return {(row.get("lot"), row["status"]): row["quantity"] for row in rows}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    store = tmp_path / "broker"
    store.mkdir()
    with running_mosquitto(store) as it:
        yield it


@pytest.fixture
async def gateway(tmp_path: Path, broker: Mosquitto) -> GatewayProcess:
    line = doc.ShipmentLine(item=MILK, quantity=10, lot="OLD", expiry="2070-11-30")
    asn = doc.Asn(
        id="ASN-1", warehouse="J1", source="@supplier", status="dispatched",
        ordered=[line, doc.ShipmentLine(item=PEAS, quantity=2)],
    )  # fmt: skip
    order = doc.Order(
        id="O-1",
        warehouse="J1",
        lines=[doc.OrderLine(item=MILK, quantity=6), doc.OrderLine(item=RICE, quantity=1)],
    )
    cycle = doc.Count(id="C-1", warehouse="J1", locations=["R-02"])
    directory = tmp_path / "gw"
    documents = [
        *master_data(),
        (doc.ASN, "ASN-1", asn),
        (doc.ORDER, "O-1", order),
        (doc.COUNT, "C-1", cycle),
    ]
    await seed(directory / "state", documents)
    config = pda_config(directory / "state", broker.port)
    return GatewayProcess(directory, config)


@pytest.fixture
def running(gateway: GatewayProcess) -> Iterator[GatewayProcess]:
    gateway.start()
    gateway.until_listening()
    yield gateway
    if gateway.process.poll() is None:
        gateway.kill()


def tasks_on_the_board(port: int) -> list[Result]:
    """The retained list of open tasks, as a PDA that joins now gets it."""
    heard: queue.Queue[bytes] = queue.Queue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="joiner")
    client.on_message = lambda *given: heard.put(given[2].payload)
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe("forepost/v1/J1/all/task", qos=1)
    try:
        tasks: list[Result] = json.loads(heard.get(timeout=GUARD_S))["tasks"]
        return tasks
    finally:
        client.disconnect()
        client.loop_stop()


def key_of(result: Result) -> tuple[object, object]:
    return result["status"], result.get("message_key")


def receive_and_put_away(picker: Picker) -> None:
    took = {"type": "receive", "id": "ASN-1", "worker": "w1"}
    assert key_of(picker.say(OLD, quantity=8, **took)) == ("accepted", "accepted")
    assert picker.again()["status"] == "duplicate", "a bad radio doubles nothing"
    picker.pda.publish("scan", b'{"v":1,"boot":"boot-1","seq":')
    assert key_of(picker.say("]C10109506000134353", quantity=1, **took))[0] == "refused"
    assert key_of(picker.say(NEW, quantity=5, **took)) == ("flagged", "lot_not_expected")
    assert key_of(picker.say(None, type="undo")) == ("accepted", "undone")
    assert key_of(picker.say(OLD, quantity=1, condition="damaged", **took))[0] == "accepted"
    assert key_of(picker.say(ICE, quantity=2, temperature_c=-18.5, **took))[0] == "accepted"
    assert key_of(picker.say(None, type="close", id="ASN-1")) == ("flagged", "short_receipt")
    assert picker.contents("DOCK") == {
        ("OLD", "available"): 8, ("OLD", "damaged"): 1, ("P1", "available"): 2
    }  # fmt: skip
    assert key_of(picker.say(ICE, type="putaway", location="A-01", quantity=2)) == (
        "refused", "wrong_zone"
    )  # fmt: skip
    picker.say(ICE, type="putaway", location="F-01", quantity=2)
    picker.say(OLD, type="putaway", location="R-02", quantity=8)
    picker.say(NEW, type="receive", location="R-01", quantity=5)
    picker.say(BAG, type="receive", location="A-01", quantity=3)


def pick_until_the_milk_is_short(picker: Picker) -> None:
    started = picker.say(None, type="start", id="O-1")
    stops = started["stops"]
    assert isinstance(stops, list)
    assert [(stop["location"], stop["lot"], stop["quantity"]) for stop in stops] == [
        ("R-02", "OLD", 6), ("A-01", "RR", 1)
    ]  # fmt: skip
    pick = {"type": "pick", "id": "O-1", "worker": "w1"}
    assert key_of(picker.say(ICE, location="F-01", **pick)) == ("refused", "wrong_item")
    assert key_of(picker.say("R-02", location="R-02", **pick)) == ("refused", "label_not_goods")
    for left in (6, 5, 4):
        task = picker.say(OLD, location="R-02", **pick)["task"]
        assert isinstance(task, dict)
        assert task["left"] == left
    short = picker.say(OLD, type="short", id="O-1", location="R-02", reason="not there")
    assert key_of(short) == ("accepted", "short_elsewhere")


def finish_the_order(picker: Picker) -> None:
    pick = {"type": "pick", "id": "O-1", "worker": "w1"}
    assert key_of(picker.say(EXPIRED, location="R-01", **pick)) == ("flagged", "lot_expired")
    assert key_of(picker.say(None, type="undo"))[0] == "accepted"
    assert key_of(picker.say(NEW, location="R-01", quantity=3, **pick))[0] == "accepted"
    last = picker.say(BAG, location="A-01", **pick)
    assert key_of(last) == ("accepted", "picked_last")
    for data, n in ((OLD, 3), (NEW, 3), (BAG, 1)):
        packed = picker.say(data, type="pack", id="O-1", sscc=SSCC, quantity=n)
        assert key_of(packed) == ("accepted", "packed")
    assert key_of(picker.say(f"]C100{SSCC}", type="ship", id="O-1"))[0] == "accepted"
    assert picker.contents("PACK") == {}


def count_the_doubted_bin(picker: Picker, port: int) -> None:
    counts = [task for task in tasks_on_the_board(port) if task["type"] == "count"]
    assert [task.get("id") for task in counts] == ["C-1", None], "asked for, and found short"
    at = {"id": "C-1", "location": "R-02"}
    for n in (1, 2):
        assert picker.say(OLD, type="count", **at)["counted"] == n
    assert picker.say(None, type="close", **at)["outcome"] == "recount", "the book says 5"
    assert picker.say(OLD, type="count", quantity=2, **at)["round"] == 2
    assert picker.say(None, type="close", **at)["outcome"] == "unresolved"
    approve = {"type": "approve", **at}
    assert key_of(picker.say(None, worker="w1", **approve)) == ("refused", "supervisor_needed")
    assert key_of(picker.say(None, supervisor="BADGE-2", **approve))[0] == "accepted"


def test_a_day_of_bad_scanning_ends_with_what_is_really_there(
    running: GatewayProcess, broker: Mosquitto
) -> None:
    with device(broker.port) as pda:
        picker = Picker(pda)
        receive_and_put_away(picker)
        pick_until_the_milk_is_short(picker)
        running.kill()
        running.start()
        running.until_listening()
        again = picker.say(None, type="start", id="O-1")
        stops = again["stops"]
        assert isinstance(stops, list)
        assert [(stop["location"], stop["quantity"]) for stop in stops] == [
            ("R-01", 3), ("A-01", 1)
        ], "killed in the middle of an order, it knows how far that was"  # fmt: skip
        finish_the_order(picker)
        count_the_doubted_bin(picker, broker.port)
        assert picker.contents("R-01") == {("NEW", "available"): 2}
        assert picker.contents("R-02") == {("OLD", "available"): 2}
        assert picker.contents("DOCK") == {("OLD", "damaged"): 1}
        assert picker.contents("A-01") == {("RR", "available"): 2}
        ids = {task.get("id") for task in tasks_on_the_board(broker.port)}
        assert not ids & {"O-1", "ASN-1", "C-1"}, "what is done is off the list"
    assert running.stop() == 0
    done = running.command("journal", "verify", "--config", str(running.config))
    assert done.returncode == 0, done.stderr


def exceptions(supervisor: Picker, n: int) -> list[Result]:
    """What is open, once the queue has heard of all that was scanned."""
    for _ in range(1000):
        answer = supervisor.say(None, type="exceptions", worker="w2")
        assert key_of(answer)[0] == "accepted"
        rows = answer["exceptions"]
        assert isinstance(rows, list)
        if answer["n_open"] == n:
            return rows
    raise AssertionError(f"never {n}: {answer}")


def test_a_supervisor_settles_what_went_wrong_at_a_handheld(
    running: GatewayProcess, broker: Mosquitto
) -> None:
    with device(broker.port) as pda, device(broker.port, "pda-2") as other:
        picker, supervisor = Picker(pda), Picker(other)
        assert exceptions(supervisor, 0) == []
        stale = picker.say(EXPIRED, type="receive", location="R-01", quantity=4, worker="w1")
        assert key_of(stale) == ("flagged", "lot_expired")
        refused = picker.say(None, type="exceptions", worker="w1")
        assert key_of(refused) == ("refused", "supervisor_needed")
        (row,) = exceptions(supervisor, 1)
        assert (row["kind"], row["about"]) == ("lot_expired", "Milk · STALE")
        shown = supervisor.say(None, type="exceptions", id=row["id"], worker="w2")["exceptions"]
        assert isinstance(shown, list)
        evidence = [it["event_id"] for it in shown[0]["evidence"]]
        assert evidence == [stale["event_id"]]
        word = {"type": "resolve", "id": row["id"], "action": "waste"}
        assert key_of(picker.say(None, worker="w1", reason="old", **word)) == (
            "refused", "supervisor_needed"
        )  # fmt: skip
        assert key_of(supervisor.say(None, worker="w2", **word)) == ("refused", "reason_missing")
        settled = supervisor.say(None, worker="w2", reason="old", **word)
        assert key_of(settled) == ("accepted", "resolved")
        assert supervisor.again()["event_id"] == settled["event_id"], "said once"
        assert exceptions(supervisor, 0) == []
        running.kill()
        running.start()
        running.until_listening()
        assert exceptions(supervisor, 0) == []
        assert picker.contents("R-01") == {}, "the lot was thrown away, as was said"
    assert running.stop() == 0
