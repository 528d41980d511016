"""A PDA by the contract: it keeps each scan until it has the result for it, and sends it again.

Bad habits can be switched on: a clock that is wrong, messages sent twice, results that are lost,
time out of reach, a restart that begins a new boot. Every receipt is kept for the end.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import random
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

Answer = dict[str, object]
RESEND_S = 1.0
PATIENCE_S = 180.0
"""A line that was down is tried again after up to a minute."""


class Scan(NamedTuple):
    """One message: where it stands in the device's numbering, and when it was made."""

    boot: str
    seq: int
    at_us: int


class HandheldSilent(AssertionError):
    """The gateway did not answer for minutes."""


class Handheld:
    """One PDA of a warehouse, by paho's own threaded loop."""

    def __init__(self, port: int, warehouse: str, name: str, rng: random.Random) -> None:
        self.warehouse, self.name = warehouse, name
        self.skew_us = 0
        self.repeats = self.losses = 0.0
        self.receipts: dict[Scan, str] = {}
        self.answers: dict[tuple[str, int], Answer] = {}
        self._rng = rng
        self._boots = 0
        self._out_of_reach = False
        self._held: dict[Scan, bytes] = {}
        self._news = threading.Condition()
        self._topic = f"forepost/v1/{warehouse}/{name}"
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv311,
            clean_session=False,
        )  # fmt: skip
        self._client.on_connect = lambda client, *_: client.subscribe(f"{self._topic}/result", 1)
        self._client.on_message = self._heard
        self._client.reconnect_delay_set(1, 1)
        self.reboot()
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()

    def reboot(self) -> None:
        """Switch it off and on: it counts from one again, and still has what it kept."""
        self._boots += 1
        self.boot, self._seq = f"{self.name}-{self._boots}", 0

    def scan(self, data: str | None, *, channel: str = "scan", **message: object) -> Scan:
        """One scan, or a command without data; sent, unless it is out of reach."""
        self._seq += 1
        now_us = time.time_ns() // 1000
        scan = Scan(self.boot, self._seq, now_us)
        told = datetime.datetime.fromtimestamp((now_us + self.skew_us) / 1e6, datetime.UTC)
        body: dict[str, object] = {
            "v": 1, "boot": self.boot, "seq": self._seq,
            "time": told.isoformat(timespec="microseconds").replace("+00:00", "Z"), **message,
        }  # fmt: skip
        if data is not None:
            body |= {"data": data, "symbology": "GS1_128" if data[:3] == "]C1" else "CODE_128"}
        payload = json.dumps(body).encode()
        with self._news:
            self._held[scan] = payload
        if not self._out_of_reach:
            for _ in range(1 + (self._rng.random() < self.repeats)):
                self._client.publish(f"{self._topic}/{channel}", payload, qos=1)
        return scan

    def answer(self, scan: Scan) -> Answer:
        """The result for a scan, which is sent again until there is one."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with self._news:
                if self._news.wait_for(lambda: scan not in self._held, RESEND_S):
                    return self.answers[scan.boot, scan.seq]
                payload = self._held[scan]
            if time.monotonic() > deadline:
                raise HandheldSilent(f"{self.name}: no result for {payload!r}")
            channel = "reads" if b'"reads"' in payload else "scan"
            self._client.publish(f"{self._topic}/{channel}", payload, qos=1)

    def settle(self) -> None:
        """Send what is held until all of it has its result."""
        with self._news:
            held = list(self._held)
        for scan in held:
            self.answer(scan)

    @contextlib.contextmanager
    def out_of_reach(self) -> Iterator[None]:
        """Without radio for the time of the context; what was scanned is sent by `settle`."""
        self._out_of_reach = True
        try:
            yield
        finally:
            self._out_of_reach = False

    def _heard(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        answer = json.loads(message.payload)
        with self._news:
            if self._rng.random() < self.losses:
                return
            for scan in self._held:
                if (scan.boot, scan.seq) == (answer.get("boot"), answer.get("seq")):
                    break
            else:
                return
            del self._held[scan]
            self.answers[scan.boot, scan.seq] = answer
            if isinstance(answer.get("event_id"), str):
                self.receipts[scan] = answer["event_id"]
            self._news.notify_all()

    def close(self) -> None:
        """Switch it off."""
        self._client.disconnect()
        self._client.loop_stop()


class Board:
    """The list of open tasks of a warehouse, as any PDA has it."""

    def __init__(self, port: int, warehouse: str) -> None:
        self._news = threading.Condition()
        self._tasks: list[dict[str, object]] = []
        topic = f"forepost/v1/{warehouse}/all/task"
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"board-{warehouse}")
        self._client.on_connect = lambda client, *_: client.subscribe(topic, 1)
        self._client.on_message = self._heard
        self._client.reconnect_delay_set(1, 1)
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()

    def _heard(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        with self._news:
            self._tasks = json.loads(message.payload)["tasks"]
            self._news.notify_all()

    def until(self, document: str, *, is_there: bool = True) -> None:
        """Return once a document is on the list, or off it."""

        def is_so() -> bool:
            return is_there == any(task.get("id") == document for task in self._tasks)

        with self._news:
            if not self._news.wait_for(is_so, PATIENCE_S):
                raise AssertionError(f"{document}: on the board {not is_there}: {self._tasks}")

    def close(self) -> None:
        """Look away."""
        self._client.disconnect()
        self._client.loop_stop()
