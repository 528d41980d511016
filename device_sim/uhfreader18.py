"""Simulated UHFReader18 readers on one bus, which is a pseudo-terminal.

Each answers the inventory command with the tags in its field, in frames of a few tags with the
status "more follows" but for the last, and the information command. Commands are taken apart
here: length, address, command, CRC (the maker's manual, data block format).

Orders   {"do":"field","tags":[[EPC, RSSI], …],"address":N}   what stands before a reader
         {"do":"reader","address":N,"state":"ok|dead|antenna_error"}
         {"do":"noise","hex":…} and the other orders of the line (device_sim.serial_line)
Reports  {"event":"ready","link":PATH}
         {"event":"tags","n":N}   tags answered so far, every few seconds
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from device_sim.faults import FaultRates
from device_sim.pipe import report
from device_sim.pty_port import PtyPort
from device_sim.serial_line import SerialLine, be_device
from gateway.codecs import uhfreader18 as codec

REPORT_S: Final = 2.0
TAGS_A_FRAME: Final = 3
STATES: Final = ("ok", "dead", "antenna_error")
ANTENNA_ERROR: Final = 0xF8
ILLEGAL_COMMAND: Final = 0xFE
_INFORMATION: Final = bytes.fromhex("0201090300001e0a")
"""Version 2.1, type 09, both protocols, all bands, 30 dBm, scan time 1 s."""


@dataclass(slots=True)
class Reader:
    """One reader. tags: EPC as hex → the number its kind calls RSSI."""

    tags: dict[str, int] = field(default_factory=dict)
    state: str = "ok"


@dataclass(slots=True)
class Bus:
    """All readers of a bus without its wires. has_antenna: answer like UHFReader288."""

    readers: Mapping[int, Reader]
    has_antenna: bool = False
    n_tags: int = 0
    _buffer: bytearray = field(default_factory=bytearray)

    def take(self, data: bytes) -> list[bytes]:
        """The answers to the commands that `data` completes; noise is skipped byte by byte."""
        self._buffer += data
        answers: list[bytes] = []
        while self._buffer and len(self._buffer) > self._buffer[0]:
            size = self._buffer[0] + 1
            command = bytes(self._buffer[:size])
            if size < 5 or codec.checksum(command[:-2]) != command[-2:]:
                del self._buffer[0]
                continue
            del self._buffer[:size]
            answers += self._answer(command[1], command[2])
        return answers

    def _answer(self, asked: int, command: int) -> list[bytes]:
        answers: list[bytes] = []
        for address, reader in self.readers.items():
            if asked in (address, codec.ANY_ADDRESS) and reader.state != "dead":
                answers += self._answer_of(address, reader, command)
        return answers

    def _answer_of(self, address: int, reader: Reader, command: int) -> list[bytes]:
        if command == codec.READER_INFORMATION:
            return [codec.response(address, command, codec.SUCCESS, _INFORMATION)]
        if command == codec.SET_POWER:
            return [codec.response(address, command, codec.SUCCESS)]
        if command != codec.INVENTORY:
            return [codec.response(address, command, ILLEGAL_COMMAND)]
        if reader.state == "antenna_error":
            return [codec.response(address, command, ANTENNA_ERROR)]
        if not reader.tags:
            return [codec.response(address, command, codec.NO_TAG)]
        tags = [codec.TagReport(epc, 1, rssi) for epc, rssi in reader.tags.items()]
        parts = [tags[i : i + TAGS_A_FRAME] for i in range(0, len(tags), TAGS_A_FRAME)]
        self.n_tags += len(tags)
        return [
            codec.response(
                address,
                command,
                codec.DONE if part is parts[-1] else codec.MORE_FOLLOWS,
                codec.inventory_data(part, has_antenna=self.has_antenna),
            )
            for part in parts
        ]


async def run_uhfreader18(link: Path, bus: Bus, *, seed: int, faults: FaultRates) -> None:
    """Be the bus on `link` until standard input ends."""
    await be_device(
        link,
        seed=seed,
        faults=faults,
        loops=lambda port, line: {"listen": _listen(port, bus, line)},
        obey=lambda order, _line: _obey(order, bus),
    )


def _obey(order: dict[str, object], bus: Bus) -> None:
    reader = bus.readers.get(int(str(order.get("address", min(bus.readers)))))
    tags = order.get("tags")
    if reader is None:
        report("bad_order", reason=f"address: there is no reader {order.get('address')!r}")
    elif order["do"] == "field" and isinstance(tags, list):
        reader.tags = {str(epc): int(rssi) for epc, rssi in tags}
    elif order["do"] == "reader" and order.get("state") in STATES:
        reader.state = str(order["state"])
    else:
        report("bad_order", reason=f"{order!r} is not understood")


async def _listen(port: PtyPort, bus: Bus, line: SerialLine) -> None:
    reported_s = time.monotonic()
    while True:
        for answer in bus.take(await port.read()):
            line.send(answer)
        if time.monotonic() - reported_s > REPORT_S:
            reported_s = time.monotonic()
            report("tags", n=bus.n_tags)
