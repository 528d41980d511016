"""Cancels work at its n-th await, for every n, and looks what it leaves behind."""

from __future__ import annotations

import asyncio
import threading
import types
from collections.abc import Callable, Coroutine, Generator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_COUNTED: ContextVar[Interrupter | None] = ContextVar("counted", default=None)


class Interrupter:
    """Counts the awaits of one task and of all it starts; cancels the one at await `at`.

    at: 1 for the first; 0 never cancels and only counts.
    """

    def __init__(self, at: int) -> None:
        self.at = at
        self.n = 0
        self._root: asyncio.Task[object] | None = None

    def start(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
        """The work as a task. Tasks that it starts are counted with it."""
        loop = asyncio.get_running_loop()
        loop.set_task_factory(_make_task)
        token = _COUNTED.set(self)
        try:
            self._root = loop.create_task(work, name="interrupted")
        finally:
            _COUNTED.reset(token)
        return self._root

    def on_await(self) -> None:
        self.n += 1
        if self.n == self.at and self._root is not None:
            self._root.cancel()


def _make_task(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T], **options: Any
) -> asyncio.Task[T]:
    interrupter = _COUNTED.get()
    if interrupter is not None:
        work = _counted(work, interrupter.on_await)
    return asyncio.Task(work, loop=loop, **options)


async def _counted(work: Coroutine[Any, Any, T], on_await: Callable[[], None]) -> T:
    return await _step(work, on_await)


@types.coroutine
def _step(work: Coroutine[Any, Any, T], on_await: Callable[[], None]) -> Generator[object, Any, T]:
    """Run a coroutine by hand; `on_await` is called each time before it is suspended."""
    answer: object = None
    error: BaseException | None = None
    while True:
        try:
            awaited = work.send(answer) if error is None else work.throw(error)
        except StopIteration as stop:
            result: T = stop.value
            return result
        on_await()
        try:
            answer, error = (yield awaited), None
        except BaseException as raised:
            error = raised


def open_files() -> dict[str, str]:
    """This process's descriptors and what they are open on."""
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found[entry.name] = str(entry.readlink())
        except FileNotFoundError:
            continue  # the one that listed the directory
    return found


def threads() -> set[str]:
    """Threads but for those of the loop's pool, which wait for the next to use them."""
    return {each.name for each in threading.enumerate() if not each.name.startswith("asyncio_")}
