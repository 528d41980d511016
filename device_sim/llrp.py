"""A simulated LLRP reader on TCP: it listens for its client, or calls it.

One client at a time: a second one is told that another is connected, and let go. What the reader
itself does is in llrp_reader, its bytes in llrp_wire.

Orders   {"do":"field","tags":[[EPC, ANTENNA, RSSI],…]}   what stands there, RSSI in 1/100 dBm
         {"do":"pass","tags":[[EPC, ANTENNA, RSSI],…]}    tags that are read once, now
         {"do":"air","missed":…,"repeated":…,"stray":…}   shares of the reads
         {"do":"antenna","antenna":N,"connected":BOOL}    a cable pulled or put back
         {"do":"cut"}                                     the connection breaks
         {"do":"abandon"}                                 the reader forgets its client, which is
                                                          not told: half open
         {"do":"hang"}  {"do":"wake"}                     it says nothing more, until it does
         {"do":"reboot"}                                  power off and on
         {"do":"occupy"}  {"do":"free"}                   somebody else is its client
         {"do":"end"}                                     its operations are stopped
         {"do":"exception","text":…}                      something fails inside
         {"do":"bytes","hex":…}                           bytes out of nowhere
Reports  {"event":"ready","port":N}   port 0 when it calls
         {"event":"client","connected":BOOL}
         {"event":"tags","reads":N,"lost":N,"strays":N,"acks":N}   every few seconds
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Final

from device_sim.broker import Endpoint
from device_sim.clock import wall_us
from device_sim.llrp_reader import Reader, ReaderModel, TagFaults
from device_sim.llrp_wire import StreamWrong, cut
from device_sim.pipe import read_orders, report

STEP_S: Final = 0.01
REPORT_S: Final = 2.0
CALL_AGAIN_S: Final = 0.1
READ_BYTES: Final = 65_536
BACKLOG_BYTES_MAX: Final = 1 << 22
"""A client that does not read so many is let go."""

Tags = list[tuple[bytes, int, int]]


class ReaderPort:
    """A reader's side of its connections. Made by `serving` or `calling`."""

    def __init__(self, reader: Reader, tell: Callable[[bool], None]) -> None:
        self.reader = reader
        self.is_hung = False
        self.is_occupied = False
        self.n_greeted = 0
        self._tell = tell
        self._client: asyncio.StreamWriter | None = None
        self._abandoned: list[asyncio.StreamWriter] = []

    async def attend(self, stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Be the reader of one connection, until either side ends it."""
        try:
            if self._client is not None or self.is_occupied:
                writer.write(self.reader.connection_event(2, wall_us()))
                await writer.drain()
                return
            self._client = writer
            self.n_greeted += 1
            self._send(self.reader.connect(wall_us()))
            self._tell(True)
            await self._converse(stream, writer)
        except (OSError, StreamWrong):
            pass  # gone, or not a client at all: either way the connection is over
        finally:
            if writer not in self._abandoned:
                writer.close()
            self._leave(writer)

    async def _converse(self, stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        buffer = bytearray()
        while data := await stream.read(READ_BYTES):
            if self._client is not writer or self.is_hung:
                continue
            buffer += data
            for request in cut(buffer):
                self._send(self.reader.take(request, wall_us()))
                if request.kind == 14:
                    return

    def _leave(self, writer: asyncio.StreamWriter) -> None:
        if self._client is writer:
            self._client = None
            self.reader.disconnect()
            self._tell(False)

    async def tick(self) -> None:
        """Read tags and say what is due, for ever."""
        while True:
            if not self.is_hung:
                self._send(self.reader.tick(wall_us()))
            await asyncio.sleep(STEP_S)

    def _send(self, frames: list[bytes]) -> None:
        if self._client is None or self.is_hung:
            return
        self._client.write(b"".join(frames))
        if self._client.transport.get_write_buffer_size() > BACKLOG_BYTES_MAX:
            self.cut()

    def send_bytes(self, raw: bytes) -> None:
        """Say something that is no LLRP."""
        self._send([raw])

    def cut(self) -> None:
        """Break the connection, if there is one."""
        if self._client is not None:
            self._client.transport.abort()
            self._leave(self._client)

    def abandon(self) -> None:
        """Forget the client without a word: its side stays open."""
        if self._client is not None:
            self._abandoned.append(self._client)
            self._leave(self._client)

    def reboot(self) -> None:
        """Power off and on."""
        self.cut()
        self.is_hung = False
        self.reader.restart(wall_us())

    def close(self) -> None:
        """End every connection, forgotten ones too."""
        self.cut()
        for writer in self._abandoned:
            writer.transport.abort()


def _nobody(is_connected: bool) -> None:
    """For ports whose client nobody asks about."""


@asynccontextmanager
async def serving(
    reader: Reader, endpoint: Endpoint, tell: Callable[[bool], None] = _nobody
) -> AsyncIterator[tuple[ReaderPort, int]]:
    """The reader, listening; gives its port number. Port 0 takes any."""
    port = ReaderPort(reader, tell)
    async with asyncio.TaskGroup() as group:
        clients: set[asyncio.Task[None]] = set()

        def take(stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            client = group.create_task(port.attend(stream, writer), name="client")
            clients.add(client)
            client.add_done_callback(clients.discard)

        server = await asyncio.start_server(take, endpoint.host, endpoint.port)
        ticking = group.create_task(port.tick(), name="tick")
        try:
            yield port, server.sockets[0].getsockname()[1]
        finally:
            server.close()
            ticking.cancel()
            port.close()
            for client in clients:
                client.cancel()


@asynccontextmanager
async def calling(
    reader: Reader, endpoint: Endpoint, tell: Callable[[bool], None] = _nobody
) -> AsyncIterator[ReaderPort]:
    """The reader, calling its client again and again."""
    port = ReaderPort(reader, tell)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_call(port, endpoint), name="call"),
            group.create_task(port.tick(), name="tick"),
        ]
        try:
            yield port
        finally:
            port.close()
            for task in tasks:
                task.cancel()


async def _call(port: ReaderPort, endpoint: Endpoint) -> None:
    while True:
        try:
            stream, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
        except OSError:
            await asyncio.sleep(CALL_AGAIN_S)
            continue
        await port.attend(stream, writer)
        await asyncio.sleep(CALL_AGAIN_S)


# ---------------------------------------------------------------- as a process


@dataclass(frozen=True, slots=True)
class LlrpOptions:
    """What the command line says. calls: the endpoint is the client's, not the reader's own."""

    endpoint: Endpoint
    calls: bool
    model: ReaderModel
    seed: int


async def run_llrp(options: LlrpOptions) -> None:
    """Be the reader until standard input ends."""
    reader = Reader(options.model, Random(f"{options.seed}/llrp"), wall_us())

    def tell(is_connected: bool) -> None:
        report("client", connected=is_connected)

    if options.calls:
        async with calling(reader, options.endpoint, tell) as port:
            report("ready", port=0)
            await _lead(port)
    else:
        async with serving(reader, options.endpoint, tell) as (port, number):
            report("ready", port=number)
            await _lead(port)


async def _lead(port: ReaderPort) -> None:
    async with asyncio.TaskGroup() as group:
        telling = group.create_task(_tell_counts(port.reader), name="tell counts")
        async for order in read_orders():
            try:
                obey(order, port)
            except (ValueError, TypeError) as error:
                report("bad_order", reason=f"{order!r}: {error}")
        telling.cancel()


async def _tell_counts(reader: Reader) -> None:
    while True:
        await asyncio.sleep(REPORT_S)
        report(
            "tags",
            reads=reader.n_reads,
            lost=reader.n_lost,
            strays=reader.n_strays,
            acks=reader.n_acks,
        )


def obey(order: dict[str, object], port: ReaderPort) -> None:
    """Do what an order says. Raises ValueError for one that is not understood."""
    match order["do"]:
        case "cut":
            port.cut()
        case "abandon":
            port.abandon()
        case "hang" | "wake":
            port.is_hung = order["do"] == "hang"
        case "reboot":
            port.reboot()
        case "occupy" | "free":
            port.is_occupied = order["do"] == "occupy"
        case "bytes":
            port.send_bytes(bytes.fromhex(str(order.get("hex"))))
        case _:
            _obey_within(order, port.reader, wall_us())


def _obey_within(order: dict[str, object], reader: Reader, now_us: int) -> None:
    """The orders that are no matter of the connection."""
    match order["do"]:
        case "field":
            reader.tags = {}
            for epc, antenna, rssi in parse_tags(order):
                reader.tags.setdefault(antenna, {})[epc] = rssi
        case "pass":
            for epc, antenna, rssi in parse_tags(order):
                reader.pass_by(epc, antenna, rssi, now_us)
        case "air":
            shares = {name: float(str(share)) for name, share in order.items() if name != "do"}
            reader.faults = TagFaults(**shares)
        case "antenna":
            is_connected = order.get("connected") is True
            antenna = int(str(order.get("antenna")))
            reader.set_antenna(antenna, is_connected=is_connected, now_us=now_us)
        case "end":
            reader.end_operations(now_us)
        case "exception":
            reader.fail(str(order.get("text", "")), now_us)
        case _:
            raise ValueError("not understood")


def parse_tags(order: dict[str, object]) -> Tags:
    """The tags of an order. Raises ValueError."""
    tags = order.get("tags")
    if not isinstance(tags, list):
        raise ValueError("tags: expected a list of [EPC, ANTENNA, RSSI]")
    return [(bytes.fromhex(epc), int(antenna), int(rssi)) for epc, antenna, rssi in tags]
