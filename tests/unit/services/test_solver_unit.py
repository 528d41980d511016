"""Pins the solver as a unit of its own: the same answers as from a child, a complaint for each
way to fail, and nobody left computing for a client that has gone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.errors import PlanError
from gateway.services import solver_process
from gateway.services.solver_process import run_job
from tests.rigs.guard import GUARD_S

EMPTY_JOB = {"network": {}}
MEMORY_MB = 2048
OURS = ("-m", "gateway.solve_job", "--connection")


class Activation:
    """systemd's part (Accept=yes): a program for each connection, as its input and output."""

    def __init__(self, *program: str) -> None:
        self.program = program
        self.started: list[asyncio.subprocess.Process] = []
        self._all_started = asyncio.Lock()

    async def serve(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with self._all_started:
            await self._start(writer)

    async def end(self) -> None:
        """Leave nobody behind, whatever the program does."""
        async with self._all_started:
            for process in self.started:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    async def _start(self, writer: asyncio.StreamWriter) -> None:
        connection = os.dup(writer.get_extra_info("socket").fileno())
        os.set_blocking(connection, True)
        writer.transport.abort()
        self.started.append(
            await asyncio.create_subprocess_exec(
                sys.executable, *self.program, stdin=connection, stdout=connection
            )
        )
        os.close(connection)


Start = Callable[..., "contextlib.AbstractAsyncContextManager[Activation]"]


@pytest.fixture
def activated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    @contextlib.asynccontextmanager
    async def start(*program: str) -> AsyncIterator[Activation]:
        socket = tmp_path / "socket"
        monkeypatch.setenv(solver_process.SOCKET_VARIABLE, str(socket))
        activation = Activation(*program)
        async with await asyncio.start_unix_server(activation.serve, socket):
            try:
                yield activation
            finally:
                await activation.end()

    return start


async def test_the_unit_is_asked_and_answers_as_a_child_does(activated: Start) -> None:
    with pytest.raises(PlanError) as by_child:
        await run_job(EMPTY_JOB, time_limit_s=GUARD_S, memory_mb=MEMORY_MB)
    async with activated(*OURS) as unit:
        with pytest.raises(PlanError) as by_unit:
            await run_job(EMPTY_JOB, time_limit_s=GUARD_S, memory_mb=MEMORY_MB)
        assert len(unit.started) == 1
    assert str(by_unit.value) == str(by_child.value)
    assert str(by_unit.value).startswith("solver: job: ")


async def test_a_forecast_comes_back_whole(activated: Start) -> None:
    job = {"format": "forepost-demand/1", "items": []}
    by_child = await _outcome(job)
    async with activated(*OURS):
        assert await _outcome(job) == by_child


async def _outcome(job: dict[str, object]) -> dict[str, object] | str:
    try:
        return await run_job(job, time_limit_s=GUARD_S, memory_mb=MEMORY_MB)
    except PlanError as error:
        return str(error)


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("import os; os.kill(os.getpid(), 9)", "it ended without an answer"),
        ("print('[]')", "the answer is neither a result nor a complaint"),
        ("print('{\"result\": 3}')", "the answer is neither a result nor a complaint"),
        ("print('{\"result\": ')", "the answer is not JSON"),
        ("print('{\"complaint\": \"no feasible plan\"}')", "no feasible plan"),
    ],
)  # fmt: skip
async def test_whatever_ends_it_is_told_in_one_line(
    activated: Start, code: str, complaint: str
) -> None:
    async with activated("-c", f"import sys; sys.stdin.read()\n{code}"):
        with pytest.raises(PlanError, match=f"^solver: {complaint}"):
            await run_job(EMPTY_JOB, time_limit_s=GUARD_S, memory_mb=MEMORY_MB)


async def test_a_unit_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(solver_process.SOCKET_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(PlanError, match=r"none: No such file"):
        await run_job(EMPTY_JOB, time_limit_s=GUARD_S, memory_mb=MEMORY_MB)


async def test_one_that_hangs_is_left_at_its_deadline(
    activated: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solver_process, "START_ALLOWANCE_S", 0.5)
    async with activated("-c", "import time; time.sleep(600)"):
        with pytest.raises(PlanError, match="no answer within"):
            await run_job(EMPTY_JOB, time_limit_s=0.0, memory_mb=MEMORY_MB)


@pytest.mark.parametrize("when", ["before it looks", "while it computes"])
async def test_ours_ends_when_its_client_hangs_up(
    activated: Start, tmp_path: Path, when: str
) -> None:
    computing = tmp_path / "computing"
    code = (
        "import pathlib, sys; sys.argv = ['', '--connection']\n"
        "import gateway.solve_job as program\n"
        f"begun = pathlib.Path({str(computing)!r}).touch\n"
        "program._forecast = lambda job: (begun(), exec('while 1: pass'))\n"
    )
    if when == "while it computes":
        code += "program._has_hung_up = lambda: False\n"
    async with activated("-c", code + "sys.exit(program.main())") as unit:
        socket = os.environ[solver_process.SOCKET_VARIABLE]
        _, writer = await asyncio.open_unix_connection(socket)
        writer.write(b'2048\n{"format": "forepost-demand/1"}')
        writer.write_eof()
        async with asyncio.timeout(GUARD_S):
            while when == "while it computes" and not computing.exists():
                await asyncio.sleep(0.01)
            writer.close()
            while not unit.started:
                await asyncio.sleep(0.01)
            assert await unit.started[0].wait() != 0
