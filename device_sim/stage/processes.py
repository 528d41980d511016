"""The demo's programs as processes: started on a leash, watched, stopped in order.

Each runs in its own process group, so that Ctrl-C reaches the demo alone and the demo stops the
others one by one; and on a leash, so that none outlives a demo that is killed. A program that
ends by itself ends the demo, with the end of its log.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from device_sim.errors import ProcessFailed
from device_sim.leash import leashed
from device_sim.pipe import parse_lines

STOP_S: Final = 10.0
"""How long a program may take to stop by itself; then it is killed."""
LOG_END_BYTES: Final = 1500
LINE_MAX: Final = 2**20

OnReport = Callable[[dict[str, object]], None]


@dataclass(slots=True)
class Child:
    """One running program. `is_expected_to_end`: set before it is stopped or killed."""

    name: str
    process: asyncio.subprocess.Process
    log: Path
    is_led: bool
    is_expected_to_end: bool = False
    reader: asyncio.Task[None] | None = None

    def tell(self, order: dict[str, object]) -> None:
        """Give a led device an order."""
        stdin = self.process.stdin
        if stdin is not None and not stdin.is_closing():
            stdin.write(json.dumps(order).encode() + b"\n")

    def send(self, sign: signal.Signals) -> None:
        """Signal the program and what it has started itself."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, sign)

    def log_end(self) -> str:
        """The last lines it wrote."""
        with contextlib.suppress(OSError):
            return self.log.read_bytes()[-LOG_END_BYTES:].decode(errors="replace").strip()
        return ""


@dataclass(slots=True)
class Stage:
    """All programs of a demo. Made by `open_stage`."""

    group: asyncio.TaskGroup
    directory: Path
    children: dict[str, Child] = field(default_factory=dict)

    async def start(
        self, name: str, program: Sequence[str], *, on_report: OnReport | None = None
    ) -> Child:
        """Start a program; its output goes to its log. With on_report it is a led device."""
        log_path = self.directory / "log" / f"{name}.log"
        is_led = on_report is not None
        with log_path.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *leashed(list(program)),
                stdin=asyncio.subprocess.PIPE if is_led else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if is_led else log,
                stderr=log,
                process_group=0,
                limit=LINE_MAX,
            )
        child = Child(name, process, log_path, is_led)
        self.children[name] = child
        if on_report is not None:
            child.reader = self.group.create_task(
                _read_reports(child, on_report), name=f"reports-{name}"
            )
        self.group.create_task(_watch(child), name=f"watch-{name}")
        return child

    async def kill(self, name: str) -> None:
        """SIGKILL a program and wait for its end."""
        child = self.children.pop(name)
        child.is_expected_to_end = True
        child.send(signal.SIGKILL)
        await child.process.wait()

    async def stop(self, name: str) -> bool:
        """Stop one program in good order; False if it had to be killed."""
        return await _stop(self.children.pop(name))

    async def stop_all(self) -> list[str]:
        """Stop every program, the last one started first; gives those that had to be killed."""
        names = list(reversed(self.children))
        return [name for name in names if not await self.stop(name)]


async def _stop(child: Child) -> bool:
    """Stop one program; False if it had to be killed."""
    child.is_expected_to_end = True
    if child.process.stdin is not None:
        child.process.stdin.close()
    if not child.is_led:
        child.send(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_S):
            await child.process.wait()
        ended_itself = True
    except TimeoutError:
        ended_itself = False
    # Also what it has started itself and left behind; the group lives as long as one of them.
    child.send(signal.SIGKILL)
    await child.process.wait()
    return ended_itself


async def _watch(child: Child) -> None:
    code = await child.process.wait()
    if not child.is_expected_to_end:
        reason = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise ProcessFailed(child.name, f"ended by itself ({reason})", child.log_end())


async def _read_reports(child: Child, on_report: OnReport) -> None:
    if child.process.stdout is None:
        raise AssertionError("a led device has a standard output")
    with child.log.open("ab") as log:
        async for report in parse_lines(child.process.stdout):
            # The device's own account, flushed, so that it can be read after a crash as well.
            log.write(json.dumps(report).encode() + b"\n")
            log.flush()
            on_report(report)


@contextlib.asynccontextmanager
async def open_stage(directory: Path) -> AsyncIterator[Stage]:
    """A stage whose programs all have ended when the context does, whatever happens in it."""
    (directory / "log").mkdir(parents=True, exist_ok=True)
    async with asyncio.TaskGroup() as group:
        stage = Stage(group, directory)
        try:
            yield stage
        finally:
            # A second Ctrl-C must not leave half of them running.
            await _to_the_end(stage)


async def _to_the_end(stage: Stage) -> None:
    try:
        await stage.stop_all()
    except asyncio.CancelledError:
        for child in stage.children.values():
            child.is_expected_to_end = True
            child.send(signal.SIGKILL)
        raise


async def run_to_end(program: Sequence[str], *, limit_s: float = 30.0) -> tuple[int, str, str]:
    """Run a command; gives exit code, output and complaint. Raises ProcessFailed if it hangs."""
    process = await asyncio.create_subprocess_exec(
        *leashed(list(program)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        process_group=0,
    )
    try:
        async with asyncio.timeout(limit_s):
            output, complaint = await process.communicate()
    except TimeoutError as error:
        raise ProcessFailed(" ".join(program[:4]), f"no end within {limit_s:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output.decode(), complaint.decode(errors="replace")
