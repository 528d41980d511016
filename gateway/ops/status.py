"""The running gateway's answer to "how are you": one JSON object over a UNIX socket.

The socket lies in the state directory (mode 0600), so that only the service's own user and root
can ask. One connection, one object, end of file.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from gateway.errors import GatewayError

Report = Callable[[], Awaitable[dict[str, object]]]

TIMEOUT_S = 5.0


@contextlib.asynccontextmanager
async def serve_status(path: Path, report: Report) -> AsyncIterator[None]:
    """Answer on `path` while the context is open; who is still asking then is hung up on."""
    asking: set[asyncio.Task[object]] = set()

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            asking.add(task)
            task.add_done_callback(asking.discard)
        try:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(TIMEOUT_S):
                    writer.write(json.dumps(await report()).encode())
                    await writer.drain()
        finally:
            writer.close()

    # A socket left behind by a killed gateway is replaced; two gateways cannot meet here,
    # because the journal's lock is taken first.
    old_mask = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(answer, path)
    finally:
        os.umask(old_mask)
    async with server:
        yield
    # What they ask of goes next, and a report on half of it would be a trace in the log.
    for task in asking:
        task.cancel()
    if asking:
        await asyncio.wait(asking)
    # One that stays, on a disk that turned read-only, is replaced by the next start.
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108 -- one system call, not worth a thread


async def ask_status(path: Path) -> dict[str, object]:
    """The report of the gateway that runs on this socket. Raises GatewayError if none does."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_unix_connection(path)
            raw = await reader.read()
            writer.close()
    except (OSError, TimeoutError) as error:
        raise GatewayError(f"{path}: no gateway answers here ({error or 'timed out'})") from error
    report = json.loads(raw)
    if not isinstance(report, dict):
        raise GatewayError(f"{path}: the answer is not a status report")
    return report
