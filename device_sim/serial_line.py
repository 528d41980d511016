"""What a simulated serial device speaks over: a port that can be pulled, a line with faults.

Orders   {"do":"line","rates":{NAME:RATE,…}}   what the line does to frames from now on
         {"do":"noise","hex":…}                bytes out of nowhere
         {"do":"unplug"}  {"do":"plug"}        pull the cable and put it back
Reports  {"event":"cable","in":BOOL}
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from random import Random
from typing import Final

from device_sim.faults import FaultRates, FaultyLine, line_order
from device_sim.pipe import read_orders, report
from device_sim.pty_port import PtyPort, open_pty

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


async def be_device(
    link: Path,
    *,
    seed: int,
    faults: FaultRates,
    loops: Callable[[PtyPort, SerialLine], Mapping[str, Coroutine[None, None, None]]],
    obey: Callable[[dict[str, object], SerialLine], None],
) -> None:
    """Be a serial device on `link` until standard input ends.

    loops: what the device does all the time, by name. obey: does an order that is not the line's.
    """
    with open_pty(link) as port:
        line = SerialLine(port, faults, Random(f"{seed}/line"))
        port.listen()
        report("ready", link=str(link))
        async with asyncio.TaskGroup() as group:
            work = {**loops(port, line), "transmit": line.transmit()}
            tasks = [group.create_task(loop, name=name) for name, loop in work.items()]
            async for order in read_orders():
                if not line.obey(order):
                    obey(order, line)
            for task in tasks:
                task.cancel()
