"""A simulated PDA: scans in task context over MQTT, each kept until its receipt has come.

Orders   {"do":"scan","ref":N,"data":…,"symbology":…,"task":{…}}   pull the trigger once; without
                                         data, press the task's button (start, close, undo,
                                         exceptions, resolve …)
         {"do":"repeat","seq":N}         send a scan again although it may have its receipt
         {"do":"raw","channel":C,"hex":…} publish these bytes, whatever they are
         {"do":"line","rates":{NAME:RATE,…}}  what the air does to messages from now on
         {"do":"clock","skew_s":X}       its battery falls out: a new boot, the clock wrong by X;
                                         what it held is in flash and still held
         {"do":"away","for_s":X,"stands_for_s":Y}  leave the radio's reach; the stay is told by
                                         the scans' times as if it took Y seconds
         {"do":"back"}                   come back into reach
Reports  {"event":"ready","boot":…}  {"event":"link","up":BOOL}
         {"event":"scan","ref":N,"boot":B,"seq":M,"at_us":T}   the scan's boot and number; from
                                         now on it is held. at_us: when it truly was, whatever
                                         its own clock says
         {"event":"sent","seq":M,"attempt":K}
         {"event":"receipt","seq":M,"status":…,"event_id":…,"message":…,"held":LEFT,"result":{…}}
                                            result: the whole answer (docs/flows.md)
         {"event":"told","message":…}       a result that belongs to no scan (bytes refused)
         {"event":"tasks","tasks":[…]}      the open tasks of the warehouse, all of them
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from random import Random
from typing import Final

from device_sim.broker import DeviceClient, Endpoint, topic
from device_sim.clock import iso_time, wall_us
from device_sim.faults import FaultRates, FaultyLine, line_order
from device_sim.outbox import Outbox
from device_sim.pipe import read_orders, report

ALL_DEVICES: Final = "all"
IDLE_S: Final = 0.5
LINE_STEP_S: Final = 0.02
KNOWN_MAX: Final = 5000
"""Payloads remembered so that a `repeat` can be ordered; the oldest goes first."""


@dataclass(frozen=True, slots=True)
class PdaOptions:
    """Who this PDA is. clock_skew_s is what its own clock is wrong by."""

    broker: Endpoint
    warehouse: str
    name: str
    boot: str
    seed: int
    faults: FaultRates
    clock_skew_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Absence:
    """A time out of reach, told as longer than it is. Wall times in µs."""

    began_us: int
    back_us: int
    stands_for_us: int

    def told(self, now_us: int) -> int:
        """When a scan made now was, in the time that is told: counted back from the return."""
        left_us = max(0, self.back_us - now_us)
        return now_us + left_us - left_us * self.stands_for_us // (self.back_us - self.began_us)


class Pda:
    """One PDA, from being switched on to being switched off."""

    def __init__(self, options: PdaOptions) -> None:
        self._options = options
        self._outbox = Outbox(Random(f"{options.seed}/outbox"))
        self._line = FaultyLine(options.faults.chain(), Random(f"{options.seed}/line"))
        self._known: dict[int, bytes] = {}
        self._skew_us = round(options.clock_skew_s * 1_000_000)
        self._boot = options.boot
        self._n_boots = 1
        self._absence: Absence | None = None
        self._wake = asyncio.Event()
        self._scan_topic = topic(options.warehouse, options.name, "scan")
        self._result_topic = topic(options.warehouse, options.name, "result")
        self._client = DeviceClient(
            options.broker,
            warehouse=options.warehouse,
            device=options.name,
            subscriptions=[
                self._result_topic,
                topic(options.warehouse, options.name, "task"),
                topic(options.warehouse, ALL_DEVICES, "task"),
            ],
            on_message=self._on_message,
            on_state=self._on_state,
        )

    async def run(self) -> None:
        """Work until standard input ends."""
        await self._client.start()
        report("ready", boot=self._options.boot, protocol=int(self._client.protocol))
        try:
            async with asyncio.TaskGroup() as group:
                sender = group.create_task(self._send(), name="sender")
                async for order in read_orders():
                    await self._obey(order)
                sender.cancel()
        finally:
            await self._client.stop()

    # ------------------------------------------------------------ orders

    async def _obey(self, order: dict[str, object]) -> None:
        match order["do"]:
            case "scan":
                self._scan(order)
            case "repeat":
                seq = order.get("seq")
                if isinstance(seq, int) and seq in self._known:
                    self._line.put(self._known[seq], time.monotonic())
            case "raw":
                channel, raw = str(order.get("channel")), bytes.fromhex(str(order.get("hex", "")))
                there = topic(self._options.warehouse, self._options.name, channel)
                self._client.publish(there, raw)
            case "line":
                line_order(self._line, order)
            case "clock":
                self._skew_us = round(float(str(order.get("skew_s", 0.0))) * 1_000_000)
                self._n_boots += 1
                self._boot = f"{self._options.boot}.{self._n_boots}"
            case "away":
                await self._go_away(order)
            case "back":
                self._absence = None
                self._client.come_back()
            case _:
                report("bad_order", reason=f"do: {order['do']!r} is not known")
        self._wake.set()

    async def _go_away(self, order: dict[str, object]) -> None:
        now_us = wall_us()
        for_s = float(str(order["for_s"]))
        stands_for_us = round(float(str(order.get("stands_for_s") or for_s)) * 1_000_000)
        self._absence = Absence(now_us, now_us + round(for_s * 1_000_000), stands_for_us)
        await self._client.leave()

    def _scan(self, order: dict[str, object]) -> None:
        seq = self._outbox.next_seq()
        at_us = wall_us() if self._absence is None else self._absence.told(wall_us())
        scan: dict[str, object] = {
            "v": 1,
            "boot": self._boot,
            "seq": seq,
            "time": iso_time(at_us + self._skew_us),
        }
        if order.get("data") is not None:
            scan["data"] = order["data"]
            scan["symbology"] = order.get("symbology", "GS1_128")
        if order.get("task") is not None:
            scan["task"] = order["task"]
        payload = json.dumps(scan, ensure_ascii=False).encode()
        self._outbox.keep(seq, payload, time.monotonic())
        self._known[seq] = payload
        if len(self._known) > KNOWN_MAX:
            del self._known[next(iter(self._known))]
        report("scan", ref=order.get("ref"), boot=self._boot, seq=seq, at_us=at_us)

    # ------------------------------------------------------------ the air

    async def _send(self) -> None:
        while True:
            now_s = time.monotonic()
            if self._client.is_connected:
                for seq, payload in self._outbox.take_due(now_s):
                    self._line.put(payload, now_s)
                    report("sent", seq=seq, attempt=self._outbox.held[seq].n_sent)
                for payload in self._line.take(now_s):
                    self._client.publish(self._scan_topic, payload)
            await self._wait()

    async def _wait(self) -> None:
        """Until something is due or was ordered."""
        due_s = self._outbox.next_due_s()
        pause_s = IDLE_S if due_s is None else min(IDLE_S, max(0.0, due_s - time.monotonic()))
        if not self._line.is_empty or not self._client.is_connected:
            pause_s = LINE_STEP_S
        try:
            async with asyncio.timeout(pause_s):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    def _on_state(self, is_connected: bool) -> None:
        report("link", up=is_connected)
        self._wake.set()

    def _on_message(self, topic_name: str, payload: bytes) -> None:
        try:
            body = json.loads(payload)
        except ValueError:
            report("told", message="a message that is not JSON")
            return
        if not isinstance(body, dict):
            return
        if topic_name != self._result_topic:
            report("tasks", tasks=body.get("tasks", []))
            return
        seq = body.get("seq")
        # Numbers go on over its boots, so that the first one's id tells whose scan it was.
        first_boot = str(body.get("boot")).partition(".")[0]
        is_ours = first_boot == self._options.boot and isinstance(seq, int)
        if not is_ours or not isinstance(seq, int) or self._outbox.settle(seq) is None:
            report("told", seq=seq, status=body.get("status"), message=body.get("message"))
            return
        report(
            "receipt",
            seq=seq,
            status=body.get("status"),
            event_id=body.get("event_id"),
            message=body.get("message"),
            held=len(self._outbox.held),
            result=body,
        )


async def run_pda(options: PdaOptions) -> None:
    """Be a PDA until standard input ends."""
    await Pda(options).run()
