"""Somebody else's Modbus server at the other end of the gateway's serial port."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from device_sim.pty_port import PtyPort, open_pty


class Bridge:
    """The cable between two terminals.

    damaged: units whose answers lose their checksum. dead: units without power.
    """

    def __init__(self) -> None:
        self.damaged: set[int] = set()
        self.dead: set[int] = set()

    async def to_server(self, box: PtyPort, server: PtyPort) -> None:
        while True:
            request = await box.read()
            if request[0] not in self.dead:
                server.write(request)

    async def to_box(self, server: PtyPort, box: PtyPort) -> None:
        while True:
            answer = await server.read()
            if answer[0] in self.damaged:
                answer = answer[:-1] + bytes((answer[-1] ^ 0x01,))
            box.write(answer)


def unit(address: int, celsius: float, percent: float, *, first: int = 1) -> SimDevice:
    """A transmitter that has two registers from `first` on, and no others."""
    words = [round(celsius * 10) & 0xFFFF, round(percent * 10)]
    nothing = [SimData(0, values=False, datatype=DataType.BITS)]
    registers = [SimData(first, values=words, datatype=DataType.REGISTERS)]
    holding = [SimData(0, values=0, datatype=DataType.REGISTERS)]
    return SimDevice(address, (nothing, nothing, holding, registers))


@contextlib.asynccontextmanager
async def modbus_bus(directory: Path, units: list[SimDevice]) -> AsyncIterator[tuple[str, Bridge]]:
    """A bus by pymodbus; gives the link to it."""
    with open_pty(directory / "box") as box, open_pty(directory / "server") as far:
        box.listen()
        far.listen()
        server = ModbusSerialServer(
            units,
            framer=FramerType.RTU,
            port=str(directory / "server"),
            baudrate=9600,
        )
        bridge = Bridge()
        await server.serve_forever(background=True)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(bridge.to_server(box, far), name="to server"),
                group.create_task(bridge.to_box(far, box), name="to box"),
            ]
            try:
                yield f"serial://{directory / 'box'}?baud=9600", bridge
            finally:
                await server.shutdown()
                for task in tasks:
                    task.cancel()
