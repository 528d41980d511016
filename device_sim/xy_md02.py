"""Simulated XY-MD02 transmitters: Modbus RTU units on one bus, which is a pseudo-terminal.

Each unit measures a zone's climate. The requests are taken apart here, not by the gateway's
codec: address, function 04, first register, count, CRC-16 (Modbus over Serial Line 1.02).

Orders   {"do":"unit","address":N,"state":"ok|dead|exception|bad_crc"}
         {"do":"offset|stick|drift","address":N,…}   as for a sensor (device_sim.climate)
         and those of the line (device_sim.serial_line)
Reports  {"event":"ready","link":PATH}
         {"event":"said","address":N,"temperature_c":X}   an answer that went onto the line
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from pymodbus.framer.rtu import FramerRTU

from device_sim.climate import Sensor, ZoneClimate
from device_sim.faults import FaultRates
from device_sim.pipe import report
from device_sim.pty_port import PtyPort
from device_sim.serial_line import SerialLine, be_device

REQUEST_BYTES: Final = 8
READ_INPUT_REGISTERS: Final = 4
ILLEGAL_FUNCTION: Final = 1
ILLEGAL_ADDRESS: Final = 2
DEVICE_FAILURE: Final = 4
N_REGISTERS: Final = 3
"""Registers 0 to 2; 1 holds the temperature, 2 the humidity, each times ten."""
STATES: Final = ("ok", "dead", "exception", "bad_crc")


@dataclass(slots=True)
class Unit:
    """One transmitter."""

    sensor: Sensor
    state: str = "ok"


@dataclass(slots=True)
class Bus:
    """All units of a bus without its wires: requests in, answers out."""

    units: dict[int, Unit]
    on_said: Callable[[int, float], None] = lambda _address, _celsius: None
    _buffer: bytearray = field(default_factory=bytearray)

    def take(self, data: bytes, now_s: float) -> list[bytes]:
        """The answers to the requests that `data` completes; noise is skipped byte by byte."""
        self._buffer += data
        answers = []
        while len(self._buffer) >= REQUEST_BYTES:
            request = bytes(self._buffer[:REQUEST_BYTES])
            if _with_crc(request[:-2]) != request:
                del self._buffer[0]
                continue
            del self._buffer[:REQUEST_BYTES]
            answer = self._answer(request, now_s)
            if answer is not None:
                answers.append(answer)
        return answers

    def _answer(self, request: bytes, now_s: float) -> bytes | None:
        address, function = request[0], request[1]
        unit = self.units.get(address)
        if unit is None or unit.state == "dead":
            return None
        if unit.state == "exception":
            return _exception(address, function, DEVICE_FAILURE)
        if function != READ_INPUT_REGISTERS:
            return _exception(address, function, ILLEGAL_FUNCTION)
        first, count = (int.from_bytes(request[i : i + 2], "big") for i in (2, 4))
        if not 1 <= count <= N_REGISTERS or first + count > N_REGISTERS:
            return _exception(address, function, ILLEGAL_ADDRESS)
        celsius, percent = unit.sensor.read(now_s)
        registers = (0, round(celsius * 10) & 0xFFFF, round(percent * 10))
        words = b"".join(value.to_bytes(2, "big") for value in registers[first : first + count])
        answer = _with_crc(bytes((address, function, len(words))) + words)
        if unit.state == "bad_crc":
            return answer[:-1] + bytes((answer[-1] ^ 0xFF,))
        self.on_said(address, round(celsius * 10) / 10)
        return answer


def _exception(address: int, function: int, code: int) -> bytes:
    return _with_crc(bytes((address, function | 0x80, code)))


def _with_crc(body: bytes) -> bytes:
    crc: int = FramerRTU.compute_CRC(body)
    return body + crc.to_bytes(2, "big")


def make_bus(zones: dict[int, str], seed: int) -> Bus:
    """A bus with one unit per address, each measuring its zone."""
    return Bus(
        {
            address: Unit(Sensor(ZoneClimate(zone, Random(f"{seed}/{address}"))))
            for address, zone in zones.items()
        }
    )


async def run_xy_md02(link: Path, bus: Bus, *, seed: int, faults: FaultRates) -> None:
    """Be the bus on `link` until standard input ends."""
    bus.on_said = lambda address, celsius: report("said", address=address, temperature_c=celsius)
    await be_device(
        link,
        seed=seed,
        faults=faults,
        loops=lambda port, line: {"serve": _serve(port, bus, line)},
        obey=lambda order, _line: _obey(order, bus),
    )


async def _serve(port: PtyPort, bus: Bus, line: SerialLine) -> None:
    while True:
        for answer in bus.take(await port.read(), time.monotonic()):
            line.send(answer)


def _obey(order: dict[str, object], bus: Bus) -> None:
    unit = bus.units.get(int(str(order.get("address", 0))))
    if unit is None:
        report("bad_order", reason=f"address: there is no unit {order.get('address')!r}")
    elif order["do"] == "unit" and order.get("state") in STATES:
        unit.state = str(order["state"])
    elif not unit.sensor.obey(order):
        report("bad_order", reason=f"{order!r} is not understood")
