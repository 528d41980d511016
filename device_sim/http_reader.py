"""A simulated Impinj reader that streams its events over HTTP, as the R700 does when asked.

GET on its path is answered with a chunked body without end: an event a line, and an empty line to
keep the stream alive while nothing is there. The HTTP is written here by hand (RFC 9112): request
head, status line, chunks.

Orders   {"do":"field","tags":[[EPC, RSSI_DBM], …]}   what stands in front of the antenna
         {"do":"raw","hex":…}                         any bytes, as a line
         {"do":"answer","status":N}                   what the next requests are answered with
         {"do":"reboot"}                              cuts every stream off
Reports  {"event":"ready","port":N}  {"event":"stream","request":…,"authorization":…}
         {"event":"tags","n":N}      reads streamed so far, every few seconds
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from random import Random
from typing import Final

from device_sim.clock import wall_us
from device_sim.json_reader import REPORT_S, JsonReader
from device_sim.pipe import read_orders, report

HEAD_MAX: Final = 8192
OK: Final = 200


@dataclass(slots=True)
class Streams:
    """Who is listening. status: what a request is answered with. n_serving: requests under way."""

    status: int = OK
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    n_serving: int = 0
    all_gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request; its stream goes on from `send` until the other side is gone."""
        self.n_serving += 1
        self.all_gone.clear()
        try:
            if await self._begin(reader, writer):
                self.writers.add(writer)
                await reader.read()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # no request, or cut off: there is nobody to tell
        finally:
            self.writers.discard(writer)
            writer.close()
            self.n_serving -= 1
            if self.n_serving == 0:
                self.all_gone.set()

    async def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer a request's head; True if a stream follows."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        pairs = (line.partition(":") for line in lines)
        fields = {name.lower(): value.strip() for name, _, value in pairs}
        report("stream", request=first, authorization=fields.get("authorization"))
        if self.status != OK:
            writer.write(b"HTTP/1.1 %d no\r\nContent-Length: 0\r\n\r\n" % self.status)
            return False
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        return True

    def send(self, lines: bytes) -> None:
        """A chunk on every stream."""
        for writer in self.writers:
            writer.write(b"%x\r\n%s\r\n" % (len(lines), lines))

    def cut(self) -> None:
        """End every stream in the middle."""
        for writer in self.writers:
            writer.transport.abort()


async def run_http_reader(host: str, port: int, *, period_s: float, seed: int) -> None:
    """Serve the stream until standard input ends."""
    reader, streams = JsonReader("impinj", Random(f"{seed}/http")), Streams()

    async def take_inventory() -> None:
        reported_s = time.monotonic()
        while True:
            while reader.waiting:
                streams.send(reader.waiting.popleft() + b"\r\n")
            payload = reader.inventory(wall_us()) if streams.writers else None
            streams.send(b"\r\n" if payload is None else payload + b"\r\n")
            if time.monotonic() - reported_s > REPORT_S:
                reported_s = time.monotonic()
                report("tags", n=reader.n_reads)
            await asyncio.sleep(period_s)

    server = await asyncio.start_server(streams.serve, host, port, limit=HEAD_MAX)
    report("ready", port=server.sockets[0].getsockname()[1])
    try:
        async with asyncio.TaskGroup() as group:
            taking = group.create_task(take_inventory(), name="inventory")
            async for order in read_orders():
                if order["do"] == "reboot":
                    streams.cut()
                elif order["do"] == "answer":
                    streams.status = int(str(order.get("status", OK)))
                else:
                    reader.obey(order)
            taking.cancel()
    finally:
        server.close()
        streams.cut()
        if streams.n_serving:
            await streams.all_gone.wait()
