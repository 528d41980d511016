"""The real programs of a warehouse, and all that can go wrong in it: a function for each room."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx

from cloud_sync.contract import events as ev
from cloud_sync.contract.keys import transit
from tests.fakes.http_words import BATCHES
from tests.fakes.uploads import ITEM, Book, make_line
from tests.rigs.cloud import CloudProcess
from tests.rigs.guard import GUARD_S
from tests.week.handheld import Handheld
from tests.week.office import Office, Row
from tests.week.programs import PATIENCE_S, Site
from tests.week.symbols import goods, gtin, sgtin96, sscc

SENSORS = """
[sensors]
max_c = 60.0
recover_readings = 1000
[[devices]]
name = "probe-*"
driver = "mqtt-climate"
link = "mqtt"
"""
DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
SUPERVISOR = "w2"
CASE = sscc(1)
ENDS = {"gw-J1b": "J1", "gw-K1": "K1"}
"""Gateways that only tell the cloud: a second one here, and one of another warehouse."""


def item(n: int) -> str:
    """The n-th item; each provokes something else."""
    return gtin(f"95060001{n:04d}")


def now_us() -> int:
    return time.time_ns() // 1000


def iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="microseconds")


def until(is_so: Callable[[], bool], what: object) -> None:
    """Return once it is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.1)


class Stage:
    """The programs, the office, two handhelds and a probe."""

    def __init__(self, directory: Path) -> None:
        self.cloud = CloudProcess(directory)
        admin = self.cloud.token("tokens", "create", "office", "--role", "admin")
        self.site = Site(directory, self.cloud, "J1")
        self.tokens = {
            name: self.cloud.token("gateways", "enrol", name, "--warehouse", warehouse)
            for name, warehouse in ENDS.items()
        }
        self.books = {
            name: Book(name, warehouse, epoch=f"00000000-0000-7000-8000-0000000000a{n}")
            for n, (name, warehouse) in enumerate(ENDS.items())
        }
        self.sent = dict.fromkeys(ENDS, 0)
        self.cloud.start()
        self.site.connect(self.cloud)
        config = self.site.gateway.config
        config.write_text(config.read_text() + SENSORS)
        self.office = Office(self.cloud.url, admin, random.Random(7))
        self.office.repeats = 0.0
        self.office.write("POST", "/v1/import", papers())
        self.site.power_on()
        self.devices = [
            Handheld(self.site.port, "J1", name, random.Random(name))
            for name in ("pda-1", "pda-2", "probe-1", "probe-2")
        ]
        self.pda, self.other, self.probe, self.broken = self.devices
        self.site.gateway.until_listening()
        # Papers come down in their order: who knows the last one has them all.
        self.office.put("workers", SUPERVISOR, id=SUPERVISOR, roles=["supervisor"])
        until(lambda: self.ask()["status"] == "accepted", "papers")

    def ask(self) -> Row:
        """What a supervisor's handheld shows of the queue."""
        return self.say(None, type="exceptions", worker=SUPERVISOR)

    def say(self, data: str | None, **task: object) -> Row:
        """One message of pda-1, and its answer."""
        return self.pda.answer(self.pda.scan(data, task={"worker": "w1", **task}))

    def put(self, what: str, place: str, quantity: int, lot: str = "L1") -> Row:
        """Goods that were never a problem."""
        found = self.say(
            goods(what, lot, expiry="2070-01-31"), type="receive", location=place,
            quantity=quantity,
        )  # fmt: skip
        assert found["status"] == "accepted", found
        return found

    def tell(self, name: str, event_type: str, **members: object) -> ev.Event:
        """Another gateway records something, and tells the cloud at once."""
        book = self.books[name]
        event = book.record(event_type, **members)  # type: ignore[arg-type]
        self.send(name)
        return event

    def send(self, name: str) -> None:
        """What was recorded and not told yet."""
        book, first = self.books[name], self.sent[name] + 1
        self.sent[name] = len(book.bodies)
        httpx.post(
            self.cloud.url + BATCHES, content=book.batch(first), timeout=GUARD_S,
            headers={"Authorization": f"Bearer {self.tokens[name]}",
                     "Content-Type": "application/json"},
        ).raise_for_status()  # fmt: skip

    def in_the_cloud(self, state: str = "open") -> dict[tuple[str, str], Row]:
        """J1's queue by kind and key."""
        rows = self.office.pages("/v1/exceptions", "exceptions", warehouse="J1", state=state)
        return {(str(it["kind"]), json.dumps(it["key"])): it for it in rows}

    def at_the_gateway(self, *command: str) -> list[Row]:
        """What `forepost-gateway exceptions` prints."""
        gateway = self.site.gateway
        done = gateway.command("exceptions", *command, "--config", str(gateway.config), "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def close(self) -> None:
        for device in self.devices:
            device.close()
        self.office.close()
        self.site.close()
        self.cloud.kill()


# ---------------------------------------------------------------- what the office has on file


def papers() -> Row:
    """One item for each trouble, and the documents that it takes."""
    items = [
        {"gtin": each, "names": {"en": f"item {n}"}, "zone": "ambient", "grams_per_unit": 500,
         "receive_centi_c_max": 800}
        for n, each in enumerate([ITEM, *map(item, range(1, 20))])
    ]  # fmt: skip
    counts = [
        {"id": f"C-{place}", "warehouse": "J1", "locations": [place]} for place in ("C-01", "D-01")
    ]
    return {
        "items": items,
        "asns": [{"id": "ASN-S", "warehouse": "J1", "source": "@supplier", "status": "dispatched",
                  "ordered": [{"item": item(1), "quantity": 10, "lot": "L1"},
                              {"item": item(2), "quantity": 5}]}],
        "transfers": [
            {"id": "TR-1", "source": "K1", "destination": "J1",
             "ordered": [{"item": ITEM, "quantity": 4}], "expected_at_us": now_us() - DAY_US},
            {"id": "TR-2", "source": "J1", "destination": "K1",
             "ordered": [{"item": item(9), "quantity": 1}]},
        ],
        "holds": [{"id": "H-1", "kind": "hold", "item": item(6), "lot": "H", "warehouse": "J1",
                   "reason": "laboratory"}],
        "recalls": [{"id": "R-1", "item": item(7), "lots": ["R"], "reason": "glass",
                     "announced_on": "2026-01-01"}],
        "certificates": [{"id": "Q-1", "type": "organic", "items": [item(8)],
                          "valid_until": "2020-01-31"}],
        "counts": counts,
        "climates": [{"warehouse": "J1", "zone": "chill", "high_centi_c": 800, "duration_s": 1,
                      "hysteresis_centi_c": 0, "locations": ["X-01"], "hold": {"above_s": 1}}],
        "workers": [{"id": "w1", "roles": ["picker", "counter"]}],
    }  # fmt: skip


# ---------------------------------------------------------------- what goes wrong


def at_the_door(stage: Stage) -> None:
    """Everything that can be wrong with a delivery."""
    took = {"type": "receive", "id": "ASN-S"}
    stage.say(goods(item(1), "L9"), **took)
    stage.say(goods(item(3), "L1"), **took)
    stage.say(goods(item(1), "L1"), quantity=11, **took)
    stage.say(goods(item(2)), quantity=1, temperature_c=20.0, **took)
    stage.say(None, type="close", id="ASN-S")
    stage.say(goods(item(2)), quantity=1, **took)
    blind = {"type": "receive"}
    stage.say(goods(item(4), "L1", expiry="2070-01-31"), **blind)
    stage.say(goods(item(4), "L1", expiry="2071-01-31"), **blind)
    stage.say(goods(item(5), "OLD", expiry="2020-01-31"), **blind)
    stage.say(goods(item(6), "H"), **blind)
    stage.say(goods(item(7), "R"), **blind)
    stage.say(goods(item(8), "L1"), **blind)
    stage.say(goods(item(3), "L1"), type="receive", id="ASN-77")
    stage.say(goods(gtin("950600019999")), **blind)


def on_the_way(stage: Stage) -> None:
    """Four pieces left for here, three came, a day late."""
    stage.tell(
        "gw-K1", ev.TRANSFER_DISPATCHED, at_us=now_us() - DAY_US,
        lines=(make_line("R-01", transit("TR-1"), 4),),
        documents=(ev.Document(type="transfer", id="TR-1"),),
    )  # fmt: skip
    stage.say(goods(ITEM), type="receive", id="ASN-1", quantity=3)
    stage.say(None, type="close", id="ASN-1", reason="one box is missing")


def for_customers(stage: Stage) -> None:
    """Picked, packed and sent what nobody asked for; and an order that nobody can fill."""
    stage.put(item(9), "P-01", 10)
    stage.put(item(10), "P-02", 2)
    for name, what, n in (("O-1", item(9), 2), ("O-2", item(10), 2), ("O-3", item(9), 1)):
        place_order(stage, name, what, n)
    pick = {"type": "pick", "id": "O-1.1", "location": "P-01"}
    stage.say(goods(item(3), "L1"), supervisor=SUPERVISOR, **{**pick, "location": "DOCK"})
    stage.say(goods(item(9), "L1"), **pick)
    stage.say(goods(item(9), "L1"), type="pack", id="O-1.1", sscc=CASE, quantity=3)
    stage.say(goods(item(9), "L1"), type="ship", id="TR-2", location="P-01", quantity=3)
    stage.say(goods(item(3), "L1"), type="ship", id="TR-2", location="DOCK")
    stage.say(goods(item(10), "L1"), type="short", id="O-2.1", location="P-02", reason="not there")
    stage.say(goods(item(11), "L1"), type="waste", location="N-01", quantity=5)


def place_order(stage: Stage, name: str, what: str, quantity: int) -> None:
    """An order for J1, once the cloud knows of the goods; returns once it is known here."""

    def is_filled() -> bool:
        rows = stage.office.read("/v1/promises", item=what)["promises"]
        assert isinstance(rows, list)
        return any(row["warehouse"] == "J1" and row["available"] >= quantity for row in rows)

    until(is_filled, f"{name} can be filled")
    stage.office.write("POST", "/v1/orders", {
        "id": name, "platform": "shop", "market": "DE", "currency": "EUR",
        "ordered_at_us": now_us(), "distances_m": {"J1": 1, "K1": 9},
        "lines": [{"item": what, "quantity": quantity, "price_minor": 1}],
    })  # fmt: skip
    until(
        lambda: stage.say(None, type="start", id=f"{name}.1")["message_key"] == "pick_list",
        f"{name} is here",
    )


def sent_twice(stage: Stage) -> None:
    """The order went to K1 while nobody could reach this warehouse, which sent it, too."""
    stage.tell("gw-K1", ev.GOODS_RECEIVED, at_us=now_us(), lines=(kin("@supplier", "R-01", 5),))
    stage.site.line.cut()
    stage.office.write("POST", "/v1/orders/O-3/move", {"warehouse": "J1"})
    stage.say(goods(item(9), "L1"), type="pick", id="O-3.1", location="P-01")
    stage.say(goods(item(9), "L1"), type="ship", id="O-3.1")
    stage.site.line.mend()
    stage.tell(
        "gw-K1", ev.ORDER_DELIVERED, at_us=now_us(), lines=(kin("R-01", "@customer", 1),),
        documents=(ev.Document(type="order", id="O-3.2"),),
    )  # fmt: skip


def kin(source: str, target: str, quantity: int) -> ev.Line:
    return ev.Line(
        item=item(9), lot="L1", from_location=source, to_location=target, quantity=quantity
    )


def counts(stage: Stage) -> None:
    """A difference that stays, one approved too early, and counts nobody can be sure of."""
    hold_back(stage)
    for n, place in ((12, "C-01"), (13, "D-01")):
        stage.put(item(n), place, 5)
        at = {"id": f"C-{place}", "location": place}
        for _ in range(2):
            stage.say(goods(item(n), "L1"), type="count", quantity=2, **at)
            stage.say(None, type="close", **at)
    stage.say(None, type="approve", id="C-D-01", location="D-01", supervisor=SUPERVISOR)
    stage.other.settle()
    counted = stage.say(goods(item(15), "L1"), type="count", location="F-01", quantity=3)
    line = ev.Line(item=item(15), lot="L1", from_location="F-01", to_location="PACK", quantity=1)
    at_us = told_at(stage, counted)
    stage.tell("gw-J1b", ev.GOODS_PICKED, at_us=at_us, lines=(line,))
    wrong = stage.put(item(16), "G-01", 1)
    stage.say(None, type="undo")
    right = ev.Event(
        event_id="00000000-0000-7000-8000-00000000c0de", type=ev.EVENT_CORRECTED, version=1,
        warehouse="J1", occurred_at_us=now_us(), received_at_us=now_us(),
        corrects=str(wrong["event_id"]), body={"corrects_type": ev.GOODS_RECEIVED},
        lines=(ev.Line(item=item(16), lot="L1", from_location="G-01", to_location="@supplier",
                       quantity=1),),
    )  # fmt: skip
    stage.books["gw-J1b"].write(ev.encode_event(right))
    stage.send("gw-J1b")


def hold_back(stage: Stage) -> None:
    """A handheld comes back with what somebody did an hour ago and counted four days ago."""
    with stage.other.out_of_reach():
        for age_us, what, task in (
            (4 * DAY_US, item(14), {"type": "count", "location": "E-01", "quantity": 7}),
            (HOUR_US, item(13), {"type": "waste", "location": "D-01"}),
        ):
            stage.other.scan(goods(what, "L1"), task=task, time=iso(now_us() - age_us))
    stage.other.answer(stage.other.scan(goods(item(13)), task={"type": "lookup"}))


def told_at(stage: Stage, answer: Row) -> int:
    """When an event happened, as the cloud has it."""
    found: list[int] = []

    def is_told() -> bool:
        found[:] = [
            it["event"]["occurred_at_us"]  # type: ignore[index]  # JSON
            for it in stage.office.events()
            if it["event"]["event_id"] == answer["event_id"]  # type: ignore[index]  # JSON
        ]
        return bool(found)

    until(is_told, answer)
    return found[0]


def tags_and_sensors(stage: Stage) -> None:
    """A tag at two readers at once, one of unknown goods; a warm zone, and a sensor gone mad."""
    stage.put(item(17), "X-01", 2, lot="WARM")
    known, unknown = sgtin96(item(1), 7), sgtin96(gtin("950600018888"), 8)
    for device, epcs in ((stage.pda, [known, unknown]), (stage.other, [known])):
        for _ in range(3):
            reads = [{"epc": epc, "rssi_dbm": -40} for epc in epcs]
            device.scan(None, channel="reads", reads=reads)
    stage.broken.scan(None, channel="climate", zone="elsewhere", temperature_c=140.0)

    def is_warm() -> bool:
        stage.probe.scan(None, channel="climate", zone="chill", temperature_c=12.0)
        rows = stage.ask()["exceptions"]
        assert isinstance(rows, list)
        return {"excursion", "exposure", "sensor_fault"} <= {row["kind"] for row in rows}

    until(is_warm, "too warm for too long")


TROUBLES = (at_the_door, on_the_way, for_customers, sent_twice, counts, tags_and_sensors)
"""In an order in which none of them disturbs another."""
