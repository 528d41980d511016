"""Handhelds that keep what has no receipt, sensors that do not, and somebody who sends rubbish."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from device_sim.faults import Delay, Drop, Fault, FaultyLine, Reorder, Repeat
from device_sim.outbox import Outbox
from tests.simulation.broker import Broker
from tests.simulation.virtual_time import VirtualClock
from tests.simulation.weather import Weather

WAREHOUSE: Final = "J1"
GTINS: Final = ("09506000134352", "00614141999996", "04006381333931")
TICK_S: Final = 0.25

Key = tuple[str, str, int]
"""Device, boot, seq."""


@dataclass(slots=True)
class DeviceLog:
    """What the devices know: the one truth that no part of the product wrote."""

    scanned: dict[Key, dict[str, object]] = field(default_factory=dict)
    receipts: dict[Key, list[dict[str, object]]] = field(default_factory=dict)
    measured: set[Key] = field(default_factory=set)
    n_rubbish: int = 0


class Handheld:
    """One PDA. It may be switched off and on again; its memory stays, its boot id does not."""

    def __init__(
        self,
        name: str,
        *,
        broker: Broker,
        clock: VirtualClock,
        random: Random,
        weather: Callable[[], Weather],
        log: DeviceLog,
    ) -> None:
        self.name = name
        self._broker = broker
        self._clock = clock
        self._random = random
        self._weather = weather
        self._log = log
        self._boot = ""
        self._outboxes: dict[str, Outbox] = {}
        self.every_s = 2.0
        """How long it is from a scan to the next, on average."""
        self._switch_on()
        self._line = FaultyLine((), random)
        self._skew_us = round(random.uniform(-90, 90) * 1_000_000)
        broker.listen(f"forepost/v1/{WAREHOUSE}/{name}/result", self._on_result)

    @property
    def n_held(self) -> int:
        """Scans without a receipt."""
        return sum(len(outbox.held) for outbox in self._outboxes.values())

    def _switch_on(self) -> None:
        """Begin to number anew; what was held is held, under its old numbers."""
        self._boot = f"b{len(self._outboxes)}"
        self._outboxes[self._boot] = Outbox(self._random)

    async def run(self, until_s: float) -> None:
        """Scan until then; send for ever."""
        next_scan_s = self._random.uniform(0, 2)
        while True:
            now_s = self._clock.monotonic()
            if next_scan_s <= now_s < until_s:
                self._scan(now_s)
                next_scan_s = now_s + self._random.expovariate(1 / self.every_s)
            if self._random.random() < self._weather().handheld_restarts_per_minute * TICK_S / 60:
                self._switch_on()
            self._line.faults = _faults(self._weather())
            if self._broker.is_up:
                for outbox in self._outboxes.values():
                    for _, payload in outbox.take_due(now_s):
                        self._line.put(payload, now_s)
            for payload in self._line.take(now_s):
                self._broker.publish(f"forepost/v1/{WAREHOUSE}/{self.name}/scan", payload)
            await asyncio.sleep(TICK_S)

    def _scan(self, now_s: float) -> None:
        random, outbox = self._random, self._outboxes[self._boot]
        seq = outbox.next_seq()
        gtin, lot = random.choice(GTINS), f"L{random.randrange(4)}"
        task: dict[str, object] = {"quantity": random.randint(1, 9), "worker": "w1"}
        kind = random.choice(("receive", "putaway", "pick", "waste"))
        task |= {"type": kind, "location": f"A-0{random.randrange(3)}"}
        if kind == "receive":
            task["id"] = "ASN-1"
        elif kind == "pick":
            task["id"] = f"ORDER-{random.randrange(100)}"
        elif kind == "waste":
            task["reason"] = "broken"
        scan: dict[str, object] = {
            "v": 1,
            "boot": self._boot,
            "seq": seq,
            "time": _iso(self._clock.wall_us() + self._skew_us),
            "data": f"]C101{gtin}17270101" + f"10{lot}",
            "symbology": "GS1_128",
            "task": task,
        }
        self._log.scanned[self.name, self._boot, seq] = scan
        outbox.keep(seq, json.dumps(scan).encode(), now_s)

    def _on_result(self, _topic: str, payload: bytes) -> None:
        if self._random.random() < self._weather().air_loses:
            return
        body = json.loads(payload)
        boot, seq = body.get("boot"), body.get("seq")
        if boot not in self._outboxes or not isinstance(seq, int):
            return
        self._log.receipts.setdefault((self.name, boot, seq), []).append(body)
        self._outboxes[boot].settle(seq)


class Sensor:
    """A climate sensor: each sample is sent once, for better or worse."""

    def __init__(
        self, name: str, *, broker: Broker, clock: VirtualClock, random: Random, log: DeviceLog
    ) -> None:
        self._name = name
        self._broker = broker
        self._clock = clock
        self._random = random
        self._log = log

    async def run(self, until_s: float) -> None:
        """Measure every few seconds until then."""
        seq = 0
        while self._clock.monotonic() < until_s:
            seq += 1
            sample = {
                "v": 1,
                "boot": "s0",
                "seq": seq,
                "zone": "refrigerated",
                "temperature_c": round(self._random.gauss(4, 0.3), 2),
                "humidity_pct": 80.0,
            }
            self._log.measured.add((self._name, "s0", seq))
            self._broker.publish(
                f"forepost/v1/{WAREHOUSE}/{self._name}/climate", json.dumps(sample).encode()
            )
            await asyncio.sleep(4 + self._random.random())


async def send_rubbish(
    broker: Broker, random: Random, weather: Callable[[], Weather], log: DeviceLog
) -> None:
    """Bytes that are no message, from a device of their own."""
    kinds = (b"", b"{", b"\xff\xfe", b'{"v":1}', b"[" * 5000, b'{"v":1,"v":1}', b'{"seq":NaN}')
    while True:
        await asyncio.sleep(1)
        if random.random() * 60 < weather().rubbish_per_minute:
            log.n_rubbish += 1
            broker.publish(f"forepost/v1/{WAREHOUSE}/pda-broken/scan", random.choice(kinds))


def _faults(weather: Weather) -> tuple[Fault, ...]:
    return (
        Drop(weather.air_loses),
        Repeat(weather.air_repeats),
        Delay(weather.air_slow_s),
        Reorder(weather.air_reorders),
    )


def _iso(at_us: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="milliseconds")
