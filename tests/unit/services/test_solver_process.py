"""Pins what a solver that dies, hangs, eats memory or talks nonsense can do to the gateway: make
it say so, in time, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.errors import PlanError
from gateway.services import solver_process
from gateway.services.solver_process import run_job
from tests.rigs.guard import GUARD_S

JOB: Mapping[str, object] = {"network": {}}
MEMORY_MB = 2048


def solver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> Path:
    """Have this code run as the solver; gives the file in which it leaves its number."""
    pid_file = tmp_path / "pid"
    body = f"import os, sys\nopen({str(pid_file)!r}, 'w').write(str(os.getpid()))\n{code}\n"
    (tmp_path / "strange_solver.py").write_text(body)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setattr(solver_process, "CHILD", "strange_solver")
    return pid_file


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("os.kill(os.getpid(), 9)", "exit code -9"),
        ("print('no feasible plan: storage_kg', file=sys.stderr); sys.exit(1)",
         "no feasible plan: storage_kg"),
        ("raise MemoryError", "MemoryError"),
        ("print('[]')", "the answer is not an object"),
        ("print('{\"lines\": ')", "the answer is not JSON"),
        ("sys.stdout.buffer.write(b'\\xff')", "the answer is not JSON"),
    ],
)  # fmt: skip
async def test_whatever_ends_it_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, complaint: str
) -> None:
    solver(tmp_path, monkeypatch, code)
    with pytest.raises(PlanError, match=f"^solver: {complaint}"):
        await run_job(JOB, time_limit_s=GUARD_S, memory_mb=MEMORY_MB)


@pytest.mark.parametrize("stands", ["import time; time.sleep(600)", "os.kill(os.getpid(), 19)"])
async def test_one_that_hangs_or_was_stopped_is_killed_at_its_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stands: str
) -> None:
    assert signal.SIGSTOP == 19, "the number in the code above"
    pid_file = solver(tmp_path, monkeypatch, stands)
    monkeypatch.setattr(solver_process, "START_ALLOWANCE_S", 2.0)
    with pytest.raises(PlanError, match="no answer within"):
        await run_job(JOB, time_limit_s=0.0, memory_mb=MEMORY_MB)
    # On a machine so slow that it had not come so far it left no number.
    assert not pid_file.exists() or is_gone(int(pid_file.read_text() or 2**30))


async def test_a_cancelled_plan_leaves_no_solver_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid_file = solver(tmp_path, monkeypatch, "import time; time.sleep(600)")
    task = asyncio.create_task(run_job(JOB, time_limit_s=GUARD_S, memory_mb=MEMORY_MB))
    async with asyncio.timeout(GUARD_S):
        while not (pid_file.exists() and pid_file.read_text()):
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert is_gone(int(pid_file.read_text()))


async def test_the_limit_on_memory_is_the_programs_own() -> None:
    """Ours: numpy alone does not fit, and a word about the network is not said."""
    with pytest.raises(PlanError, match=r"^solver: "):
        await run_job(JOB, time_limit_s=GUARD_S, memory_mb=40)
    with pytest.raises(PlanError, match=r"^solver: job: "):
        await run_job(JOB, time_limit_s=GUARD_S, memory_mb=MEMORY_MB)


def test_the_program_that_is_run_is_ours() -> None:
    assert sys.modules["gateway.services.solver_process"].CHILD == "gateway.solve_job"
