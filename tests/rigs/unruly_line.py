"""A line to a server of this machine on which anything happens, as drawn from a seed.

Each connection is carried whole, cut on its way up or down, delayed, carried a few bytes at a
time, swallowed, or carried and then said once more by somebody who was listening.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from random import Random

KINDS = {"carried": 8, "cut up": 1, "cut down": 3, "delayed": 3, "dripped": 1, "swallowed": 1,
         "repeated": 1}  # fmt: skip
DRIP_BYTES, DRIP_S = 64, 0.01


class UnrulyLine:
    """What each connection was, by kind, and where to connect."""

    def __init__(self, server_port: Callable[[], int], seed: int) -> None:
        self._server_port, self._random = server_port, Random(seed)
        self.counts: Counter[str] = Counter()
        self.port = 0

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Accept while the context is open."""
        tasks = set[asyncio.Task[None]]()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                with contextlib.suppress(OSError, TimeoutError):
                    await self._connection(reader, writer)
            finally:
                writer.close()
                tasks.discard(task)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield
            for task in list(tasks):
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    async def _connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        kind = self._random.choices(list(KINDS), list(KINDS.values()))[0]
        self.counts[kind] += 1
        if kind == "swallowed":
            async with asyncio.timeout(self._random.uniform(1, 8)):
                while await reader.read(65536):
                    pass
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._server_port())
        said = bytearray()
        up = asyncio.create_task(self._carry(reader, far_writer, kind == "cut up", kind, said))
        try:
            await self._carry(far_reader, writer, kind == "cut down", kind, bytearray())
        finally:
            up.cancel()
            await asyncio.wait({up})
            far_writer.close()
        if kind == "repeated":
            await self._repeat(bytes(said))

    async def _carry(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        is_cut: bool,
        kind: str,
        said: bytearray,
    ) -> None:
        n_left = self._random.randint(0, 5000) if is_cut else None
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if kind == "delayed":
                    await asyncio.sleep(self._random.uniform(0, 0.8))
                if n_left is not None:
                    data, n_left = data[:n_left], max(0, n_left - len(data))
                said += data
                step = DRIP_BYTES if kind == "dripped" else len(data) or 1
                for start in range(0, len(data), step):
                    sink.write(data[start : start + step])
                    await sink.drain()
                    if kind == "dripped":
                        await asyncio.sleep(DRIP_S)
                if n_left == 0:
                    return
            sink.write_eof()

    async def _repeat(self, said: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._server_port())
        try:
            writer.write(said)
            async with asyncio.timeout(2):
                while await reader.read(65536):
                    pass
        finally:
            writer.close()


@contextlib.contextmanager
def unruly_line(server_port: Callable[[], int], seed: int) -> Iterator[UnrulyLine]:
    """A line in a thread of its own, for tests of whole programs."""
    line, is_open, is_over = UnrulyLine(server_port, seed), threading.Event(), threading.Event()

    async def run() -> None:
        async with line.open():
            is_open.set()
            await asyncio.to_thread(is_over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="unruly line")
    thread.start()
    is_open.wait()
    try:
        yield line
    finally:
        is_over.set()
        thread.join()
