"""How a simulated device is led: orders come in on standard input, reports go out on standard
output, one JSON object a line, flushed. The one who starts a device is its world.

Orders have `do`, reports have `event`; each device's module lists its own. The end of standard
input is the end of the device: who led it is gone.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Final

MAX_LINE: Final = 2**20


def report(event: str, **fields: object) -> None:
    """Tell what happened."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


async def read_orders() -> AsyncIterator[dict[str, object]]:
    """The orders from standard input until its end. What is no order is reported and left."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=MAX_LINE)
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    try:
        async for order in parse_lines(reader):
            if isinstance(order.get("do"), str):
                yield order
            else:
                report("bad_order", reason="no 'do' in it")
    finally:
        transport.close()


async def parse_lines(reader: asyncio.StreamReader) -> AsyncIterator[dict[str, object]]:
    """The JSON objects on a stream, one a line, until its end; anything else is left out."""
    while True:
        try:
            line = await reader.readline()
        except ValueError:
            continue  # longer than the limit: the reader has dropped it
        if not line:
            return
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value
