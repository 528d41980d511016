"""A simulated M100/QM100 UHF reader module on a pseudo-terminal.

Answers the commands of its family, and while in multiple inventory notifies every tag in its
field once a round, or that it sees none. The frames go through a line with faults.

Orders   {"do":"field","tags":[[EPC, RSSI_DBM], …]}   what stands in front of the antenna
         {"do":"stray","tags":[[EPC, RSSI_DBM], …]}   read once, from the next aisle
         {"do":"miss","share":S}                      how many of its reads it misses
         {"do":"reboot"}                              forgets the inventory it was told to do
         and those of the line (device_sim.serial_line)
Reports  {"event":"ready","link":PATH}
         {"event":"tags","n":N}   notifications sent so far, every few seconds
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from device_sim.faults import FaultRates
from device_sim.pipe import report
from device_sim.pty_port import PtyPort
from device_sim.serial_line import SerialLine, be_device
from gateway.codecs import m100

ROUND_S: Final = 0.25
REPORT_S: Final = 2.0
RSSI_JITTER_DB: Final = 3
_SUCCESS: Final = b"\x00"
_MODULE_NAME: Final = b"\x00M100 26dBm V1.0"
_UNKNOWN_COMMAND: Final = b"\x17"


@dataclass(slots=True)
class Module:
    """The module's behaviour without its wires. tags: EPC as hex → RSSI in dBm."""

    random: Random
    tags: dict[str, int] = field(default_factory=dict)
    strays: dict[str, int] = field(default_factory=dict)
    miss_share: float = 0.0
    rounds_left: int = 0
    n_notified: int = 0
    _decoder: m100.FrameDecoder = field(default_factory=m100.FrameDecoder)

    def take(self, data: bytes) -> list[m100.Frame]:
        """The answers to what the gateway wrote."""
        return [
            self._answer(frame) for frame in self._decoder.feed(data) if frame.type == m100.COMMAND
        ]

    def _answer(self, command: m100.Frame) -> m100.Frame:
        if command.command == m100.MULTIPLE_INVENTORY and len(command.parameter) == 3:
            self.rounds_left = int.from_bytes(command.parameter[1:], "big")
            return m100.Frame(m100.RESPONSE, m100.MULTIPLE_INVENTORY, _SUCCESS)
        if command.command == m100.STOP:
            self.rounds_left = 0
            return m100.Frame(m100.RESPONSE, m100.STOP, _SUCCESS)
        if command.command == m100.MODULE_INFO:
            return m100.Frame(m100.RESPONSE, m100.MODULE_INFO, _MODULE_NAME)
        if command.command == m100.SET_POWER:
            return m100.Frame(m100.RESPONSE, m100.SET_POWER, _SUCCESS)
        return m100.Frame(m100.RESPONSE, m100.ERROR, _UNKNOWN_COMMAND)

    def inventory(self) -> list[m100.Frame]:
        """The frames of one round; none unless told to take inventory."""
        if self.rounds_left == 0:
            return []
        self.rounds_left -= 1
        if not self.tags and not self.strays:
            return [_no_tag()]
        frames = []
        strays, self.strays = self.strays, {}
        for epc, rssi_dbm in (self.tags | strays).items():
            if self.random.random() < self.miss_share and epc not in strays:
                continue
            jitter = self.random.randint(-RSSI_JITTER_DB, RSSI_JITTER_DB)
            frames.append(m100.tag_notification(epc, rssi_dbm + jitter))
            self.n_notified += 1
        return frames or [_no_tag()]

    def reboot(self) -> None:
        """Lose what it was told, as after a dip of its supply."""
        self.rounds_left = 0
        self._decoder = m100.FrameDecoder()


def _no_tag() -> m100.Frame:
    return m100.Frame(m100.RESPONSE, m100.ERROR, bytes((m100.NO_TAG,)))


async def run_m100(link: Path, *, seed: int, faults: FaultRates) -> None:
    """Be a module on `link` until standard input ends."""
    module = Module(Random(f"{seed}/module"))
    await be_device(
        link,
        seed=seed,
        faults=faults,
        loops=lambda port, line: {
            "listen": _listen(port, module, line),
            "inventory": _take_inventory(module, line),
        },
        obey=lambda order, _line: _obey(order, module),
    )


def _obey(order: dict[str, object], module: Module) -> None:
    tags = order.get("tags")
    if order["do"] == "field" and isinstance(tags, list):
        module.tags = {str(epc): int(rssi_dbm) for epc, rssi_dbm in tags}
    elif order["do"] == "stray" and isinstance(tags, list):
        module.strays |= {str(epc): int(rssi_dbm) for epc, rssi_dbm in tags}
    elif order["do"] == "miss":
        module.miss_share = float(str(order.get("share", 0.0)))
    elif order["do"] == "reboot":
        module.reboot()
    else:
        report("bad_order", reason=f"do: {order['do']!r} is not known")


async def _listen(port: PtyPort, module: Module, line: SerialLine) -> None:
    while True:
        for answer in module.take(await port.read()):
            line.send(m100.encode_frame(answer))


async def _take_inventory(module: Module, line: SerialLine) -> None:
    reported_s = time.monotonic()
    while True:
        for frame in module.inventory():
            line.send(m100.encode_frame(frame))
        if time.monotonic() - reported_s > REPORT_S:
            reported_s = time.monotonic()
            report("tags", n=module.n_notified)
        await asyncio.sleep(ROUND_S)
