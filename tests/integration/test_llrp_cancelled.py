"""Pins that an LLRP driver stopped at any of its awaits stops, and leaves no task or socket,
whichever side connects: calling, greeting, setting up, reading, lost, waiting, back again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from random import Random

import pytest

from device_sim.broker import Endpoint
from device_sim.clock import wall_us
from device_sim.llrp import ReaderPort, calling, serving
from device_sim.llrp_reader import Reader, ReaderModel
from gateway.drivers.llrp import make_driver
from gateway.services.intake_queue import IntakeQueue
from tests.rigs.broker import free_port
from tests.rigs.guard import GUARD_S
from tests.rigs.interrupting import Interrupter, open_files
from tests.rigs.llrp import Box, context_of, settings_of, until

pytestmark = pytest.mark.slow

LIVES_MAX = 1000
EPC = bytes.fromhex("3034257BF7194E4000001A85")


@contextlib.asynccontextmanager
async def reader_of(*, calls: bool) -> AsyncIterator[tuple[ReaderPort, str]]:
    """A reader and the link to it."""
    reader = Reader(ReaderModel(), Random(1), wall_us())
    if calls:
        number = free_port()
        async with calling(reader, Endpoint("127.0.0.1", number)) as port:
            yield port, f"tcp-listen://127.0.0.1:{number}"
    else:
        async with serving(reader, Endpoint("127.0.0.1", 0)) as (port, number):
            yield port, f"tcp://127.0.0.1:{number}"


async def live(box: Box, port: ReaderPort) -> None:
    """All that a reader does to a driver in one life."""
    for n_lost in range(2):
        await until(lambda n=n_lost: box.health.n_reconnects == n and box.health.state == "online")
        port.reader.pass_by(EPC, 1, -6000, wall_us())
        await until(lambda n=n_lost: box.health.n_reads == n + 1)
        port.cut()


async def stop_at(at: int, *, calls: bool) -> bool:
    """Live until await `at` of the driver, or to the end; True if it was lived to the end."""
    async with reader_of(calls=calls) as (port, link):
        box = Box(make_driver(settings_of(link), context_of()))
        await asyncio.sleep(0)
        files = set(open_files())
        driver = Interrupter(at).start(box.driver.run(IntakeQueue(10)))
        living = asyncio.create_task(live(box, port))
        await asyncio.wait({driver, living}, return_when="FIRST_COMPLETED", timeout=GUARD_S)
        is_whole = living.done()
        living.cancel()
        driver.cancel()
        await asyncio.wait({driver, living}, timeout=GUARD_S)
        assert driver.cancelled(), f"await {at}: {driver}"
        # The reader's end closes when it finds that the driver's is closed.
        await until(lambda: not port.reader.is_connected)
        await until(lambda: calls or set(open_files()) <= files)
    return is_whole


@pytest.mark.parametrize("calls", [False, True], ids=["is called", "calls"])
def test_an_llrp_driver_can_be_stopped_at_every_await(calls: bool) -> None:
    before = set(open_files())
    for at in range(1, LIVES_MAX):
        with asyncio.Runner() as runner:
            if runner.run(stop_at(at, calls=calls)):
                break
        assert set(open_files()) <= before, f"await {at}"
    else:
        raise AssertionError("no life was lived to its end")
    assert at > 30, "a life has many awaits"
