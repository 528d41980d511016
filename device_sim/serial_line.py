"""What a simulated serial device speaks over: a port that can be pulled, a line with faults.

Orders   {"do":"line","rates":{NAME:RATE,…}}   what the line does to frames from now on
         {"do":"noise","hex":…}                bytes out of nowhere
         {"do":"unplug"}  {"do":"plug"}        pull the cable and put it back
Reports  {"event":"cable","in":BOOL}
"""

from __future__ import annotations

import asyncio
import time
from random import Random
from typing import Final

from device_sim.faults import FaultRates, FaultyLine, line_order
from device_sim.pipe import report
from device_sim.pty_port import PtyPort

STEP_S: Final = 0.01


class SerialLine:
    """The line between a device and its port."""

    def __init__(self, port: PtyPort, faults: FaultRates, random: Random) -> None:
        self._port = port
        self._line = FaultyLine(faults.chain(), random)

    def send(self, frame: bytes) -> None:
        """Put a frame on the line."""
        self._line.put(frame, time.monotonic())

    async def transmit(self) -> None:
        """Give the port what arrives at its end, for ever."""
        while True:
            for payload in self._line.take(time.monotonic()):
                self._port.write(payload)
            await asyncio.sleep(STEP_S)

    def obey(self, order: dict[str, object]) -> bool:
        """Do what the order says; False if it is none of the line's."""
        match order["do"]:
            case "line":
                line_order(self._line, order)
            case "noise":
                self.send(bytes.fromhex(str(order.get("hex", ""))))
            case "unplug":
                self._port.unplug()
                report("cable", **{"in": False})
            case "plug":
                self._port.plug()
                report("cable", **{"in": True})
            case _:
                return False
        return True
