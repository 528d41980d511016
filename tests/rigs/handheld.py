"""A handheld that keeps its scans until their receipts, and writes down what it sent and heard.

The log is in the auditor's format (tests/auditor/reading.py). With `trusting` it believes the
broker instead: what has a PUBACK is never sent again. That is the control that must lose.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt

RESEND_S = 1.0
WAREHOUSE = "J1"


class Handheld:
    """One PDA of warehouse J1; any thread may call it."""

    def __init__(
        self,
        port: int,
        name: str,
        log: Path,
        *,
        journal: Path | None = None,
        trusting: bool = False,
    ) -> None:
        self.name, self.boot = name, f"{name}-boot"
        self._journal = journal
        self._log = log
        self._news = threading.Condition()
        self.held: dict[int, bytes] = {}
        self.receipted: set[int] = set()
        self.books: Counter[tuple[str, ...]] = Counter()
        self.last_seq = 0
        self._trusting = trusting
        self._mids: dict[int, int] = {}
        self._acknowledged: set[int] = set()
        self._topic = f"forepost/v1/{WAREHOUSE}/{name}"
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5
        )
        self._client.on_connect = lambda client, *_: client.subscribe(f"{self._topic}/result", 1)
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish
        self._client.reconnect_delay_set(1, 1)
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()

    def scan(self, data: str, **task: object) -> int:
        """Scan and send; gives the number."""
        self.last_seq += 1
        seq = self.last_seq
        body = {"v": 1, "boot": self.boot, "seq": seq, "data": data, "task": task}
        payload = json.dumps(body | {"symbology": "GS1_128"}).encode()
        with self._news:
            self.held[seq] = payload
        self._send(seq, payload)
        return seq

    def _send(self, seq: int, payload: bytes) -> None:
        # Not under our lock: paho calls back while it holds locks that `publish` wants.
        with self._news:
            self._write(kind="sent", device=self.name, boot=self.boot, seq=seq)
        self._mids[seq] = self._client.publish(f"{self._topic}/scan", payload, qos=1).mid

    def resend(self) -> None:
        """Send again whatever has no receipt."""
        with self._news:
            held = list(self.held.items())
        for seq, payload in held:
            self._send(seq, payload)

    def settle(self, limit_s: float) -> None:
        """Send again, every second, until nothing is held. Raises TimeoutError."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            with self._news:
                if self._news.wait_for(self._is_done, RESEND_S):
                    return
            self.resend()
        raise TimeoutError(f"{self.name} still holds {sorted(self.held)[:5]} after {limit_s} s")

    def _is_done(self) -> bool:
        if self._trusting:
            for seq in [each for each in self.held if self._mids.get(each) in self._acknowledged]:
                del self.held[seq]
        return not self.held

    def _on_publish(self, _client: object, _data: object, mid: int, *_: object) -> None:
        with self._news:
            self._acknowledged.add(mid)
            self._news.notify_all()

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        result = json.loads(message.payload)
        seq = result.get("seq")
        if result.get("boot") != self.boot or not isinstance(seq, int):
            return
        with self._news:
            line = {"status": result["status"], "event_id": result.get("event_id")}
            if self._journal is not None:
                line["committed_seq"] = last_durable(self._journal)
            self._write(kind="receipt", device=self.name, boot=self.boot, seq=seq, **line)
            self.receipted.add(seq)
            if not self._trusting:
                self.held.pop(seq, None)
            self._news.notify_all()

    def _write(self, **line: object) -> None:
        with self._log.open("a") as log:
            log.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """Switch it off."""
        self._client.disconnect()
        self._client.loop_stop()


def last_durable(journal: Path) -> int:
    """The last row that a reader sees: a row is visible only once its log frame is synced."""
    with contextlib.closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        (last,) = connection.execute("select coalesce(max(seq), 0) from journal").fetchone()
    return int(last)


@contextlib.contextmanager
def handheld(
    port: int, name: str, log: Path, *, journal: Path | None = None, trusting: bool = False
) -> Iterator[Handheld]:
    """A handheld for the time of the context."""
    it = Handheld(port, name, log, journal=journal, trusting=trusting)
    try:
        yield it
    finally:
        it.close()
