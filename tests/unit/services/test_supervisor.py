"""Pins what falls of a loop: it goes on, with a trace for a fault and a reason for a full disk."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest

from gateway.errors import JournalCorrupt, JournalError, JournalFull, JournalUnwritable
from gateway.services.supervisor import supervise
from tests.fakes.clock import FakeClock


async def falls(*errors: Exception) -> int:
    """How often the loop was run that fell so, and then stays."""
    n_runs = 0
    stays = asyncio.Event()

    async def run() -> None:
        nonlocal n_runs
        n_runs += 1
        if n_runs <= len(errors):
            raise errors[n_runs - 1]
        stays.set()
        await asyncio.Event().wait()

    loop = supervise("stock", run, clock=FakeClock(), random=lambda: 0.0)
    task = asyncio.create_task(loop)
    await asyncio.wait(
        [task, asyncio.ensure_future(stays.wait())], return_when=asyncio.FIRST_COMPLETED
    )
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return n_runs


@pytest.mark.parametrize(
    ("error", "has_trace"),
    [
        (JournalFull("no room"), False),
        (JournalUnwritable("no room"), False),
        (JournalError("closing"), True),
        (ValueError("bug"), True),
    ],
)
async def test_a_loop_that_fell_goes_on(
    error: Exception, *, has_trace: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        assert await falls(error, error) == 3
    assert [bool(it.exc_info) for it in caplog.records] == [has_trace] * 2
    told = [vars(it).get("reason") for it in caplog.records]
    assert told == [None if has_trace else "no room"] * 2


async def test_damage_ends_it() -> None:
    with pytest.raises(JournalCorrupt):
        await falls(JournalCorrupt("damaged"))
