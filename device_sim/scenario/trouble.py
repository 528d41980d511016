"""Does what a scenario says goes wrong, when it says so, and keeps a log of it.

Orders to devices are in scenario/orders.py; here is what happens to broker, gateways, the line
to the cloud, the pace of work, and two devices of one name.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final

from device_sim.errors import SimulatorError
from device_sim.scenario.books import ReaderBook, Trouble
from device_sim.scenario.model import (
    BrokerRestart,
    Burst,
    Fault,
    GatewayKill,
    PlainDeviceFault,
    Scenario,
    StrayReads,
    UplinkDown,
)
from device_sim.scenario.orders import field_order, orders_of
from device_sim.stage.configuration import Site
from device_sim.stage.crew import Worker
from device_sim.stage.installation import Installation
from device_sim.stage.memory import listener
from device_sim.stage.processes import Child
from device_sim.stage.tags import TagMint

START_S: Final = 60.0
STRAY_PAUSE_S: Final = 2.5
"""Longer than the time within which two reads make an arrival."""

Note = Callable[[str], None]


@dataclass(slots=True)
class Troublemaker:
    """What a scenario's faults need at hand.

    own: broker, gateways and line, if they are ours to break. clash: two devices of one name for
    the time of the given event.
    """

    scenario: Scenario
    own: Installation | None
    children: dict[str, Child]
    readers: dict[str, ReaderBook]
    workers: list[Worker]
    mint: TagMint
    clash: Callable[[str, asyncio.Event], Awaitable[None]]
    note: Note
    log: list[Trouble] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def possible(self) -> list[Fault]:
        """The faults that can be made here; the others are noted as skipped."""
        made = []
        for fault in self.scenario.faults:
            if self.own is None and isinstance(fault, BrokerRestart | GatewayKill | UplinkDown):
                self.skipped.append(f"{fault.kind}: the installation is not ours to break")
            else:
                made.append(fault)
        return made

    async def make(self, fault: Fault, began_s: float) -> None:
        """Let a fault happen each time the scenario says. began_s: when the doors opened."""
        for at_s in self.scenario.times(fault):
            await asyncio.sleep(max(0.0, began_s + at_s - time.monotonic()))
            i_log = len(self.log)
            self.log.append(Trouble(fault.kind, fault.target, time.monotonic()))
            self.note(f"{fault.kind} {fault.target}".rstrip())
            await self._happen(fault)
            self.log[i_log] = replace(self.log[i_log], until_s=time.monotonic())
            self.note(f"{fault.kind} {fault.target}".rstrip() + " is over")

    async def _happen(self, fault: Fault) -> None:
        """One time from beginning to end."""
        match fault:
            case Burst():
                await self._burst(fault)
            case BrokerRestart() | GatewayKill() | UplinkDown() if self.own is not None:
                await self._break(fault, self.own)
            case StrayReads():
                await self._stray(fault)
            case PlainDeviceFault() if fault.kind == "id_clash":
                is_over = asyncio.Event()
                async with asyncio.TaskGroup() as group:
                    clashing = self.clash(fault.device, is_over)
                    group.create_task(_until_done(clashing), name="clash")
                    await asyncio.sleep(fault.for_s)
                    is_over.set()
            case _:
                await self._order(fault)

    async def _order(self, fault: Fault) -> None:
        name = str(getattr(fault, "device", ""))
        orders = orders_of(fault, self.scenario.device(name))
        if orders is None:
            raise AssertionError(f"nobody knows how to make {fault.kind}")
        begin, end = orders
        self.children[name].tell(begin)
        await asyncio.sleep(fault.for_s)
        if end is not None:
            self.children[name].tell(end)

    async def _burst(self, fault: Burst) -> None:
        usual = [worker.pace for worker in self.workers]
        for worker in self.workers:
            worker.pace = worker.pace.faster(fault.factor)
        await asyncio.sleep(fault.for_s)
        for worker, pace in zip(self.workers, usual, strict=True):
            worker.pace = pace

    async def _break(
        self, fault: BrokerRestart | GatewayKill | UplinkDown, own: Installation
    ) -> None:
        match fault:
            case BrokerRestart():
                await own.kill_broker()
                await asyncio.sleep(fault.for_s)
                await own.start_broker()
            case GatewayKill():
                site = own.sites[fault.warehouse]
                await own.kill_gateway(site)
                await asyncio.sleep(fault.for_s)
                await own.start_gateway(site)
                await _until_up(site)
            case UplinkDown():
                own.uplink.cut(fault.how)
                await asyncio.sleep(fault.for_s)
                await own.uplink.mend()

    async def _stray(self, fault: StrayReads) -> None:
        end_s = time.monotonic() + fault.for_s
        while (left_s := end_s - time.monotonic()) > 0:
            epc = self.mint.new_epc()
            self.readers[fault.device].strays.append(epc)
            device = self.scenario.device(fault.device)
            self.children[fault.device].tell(field_order(device, [(epc, fault.rssi_dbm)], "stray"))
            await asyncio.sleep(min(STRAY_PAUSE_S, left_s))


async def _until_up(site: Site) -> None:
    """Until a gateway answers: on a busy machine its start takes longer than its absence."""
    try:
        async with asyncio.timeout(START_S):
            while await asyncio.to_thread(listener, site.socket) is None:  # noqa: ASYNC110 -- asked
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise SimulatorError(f"{site.gateway}: not up within {START_S:g} s") from error


async def _until_done(work: Awaitable[None]) -> None:
    await work
