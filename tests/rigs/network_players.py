"""Simulated readers on a network without their wires, for the shared suite: see players."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from device_sim import llrp_wire
from device_sim.json_reader import RSSI_JITTER_DB, JsonReader
from device_sim.llrp_reader import ROUND_US, Reader, ReaderModel
from tests.rigs.players import EPCS, FLOOD_PIECE, Fact, Plain

START_US = 1_795_000_000_000_000
RO_ACCESS_REPORT = 61
KEEPALIVE = 62
UNANSWERED_MAX = 3
ROUND_S = ROUND_US / 1_000_000
"""A player that is asked to speak this often reads every tag each time."""


def _kind_of(message: bytes) -> int:
    return int.from_bytes(message[:2]) & 0x3FF


class LlrpPlayer(Plain):
    """A reader that reads all its tags whenever it speaks. Its clock is the number of rounds."""

    subjects = frozenset(EPCS)

    def __init__(self) -> None:
        self.reader = Reader(ReaderModel(), Random("reader"), START_US)
        self.reader.tags = {
            antenna: {bytes.fromhex(epc): rssi_dbm * 100 - 7}
            for antenna, (epc, rssi_dbm) in enumerate(EPCS.items(), 1)
        }
        self._now_us = START_US
        self._asked = bytearray()
        self._n_unanswered = 0

    @property
    def n_told(self) -> int:
        return self.reader.n_reads

    def greet(self, now_s: float) -> list[bytes]:
        self.reader.disconnect()
        self._asked.clear()
        self._n_unanswered = 0
        return self.reader.connect(self._now_us)

    def take(self, data: bytes, now_s: float) -> list[bytes]:
        self._asked += data
        n_before = self.reader.n_acks
        requests = list(llrp_wire.cut(self._asked))
        frames = [frame for each in requests for frame in self.reader.take(each, self._now_us)]
        if self.reader.n_acks > n_before:
            self._n_unanswered = 0
        return frames

    def speak(self, now_s: float) -> list[bytes]:
        self._now_us += ROUND_US
        frames = self.reader.tick(self._now_us)
        self._n_unanswered += sum(_kind_of(frame) == KEEPALIVE for frame in frames)
        if self._n_unanswered > UNANSWERED_MAX:
            self.reader.disconnect()  # as real ones do, whose client does not answer
        return frames

    def reboot(self) -> None:
        self.reader.restart(self._now_us)

    def flood(self, n_bytes: int) -> Iterator[bytes]:
        """Messages with a right head, each a report by its type, with anything in it."""
        random = Random("flood")
        for _ in range(0, n_bytes, FLOOD_PIECE):
            yield llrp_wire.message(RO_ACCESS_REPORT, 0, random.randbytes(FLOOD_PIECE))

    def hum(self) -> Iterator[bytes]:
        """A message that never ends."""
        head = llrp_wire.message(RO_ACCESS_REPORT, 0, bytes(llrp_wire.MESSAGE_BYTES_MAX - 10))
        for i in range(len(head) - 1):
            yield head[i : i + 1]

    def is_true(self, fact: Fact) -> bool:
        epc, rssi = fact
        return epc in EPCS and rssi == EPCS[epc] * 100 - 7


class ImpinjStreamPlayer(Plain):
    """A reader whose stream has an event a line."""

    subjects = frozenset(EPCS)

    def __init__(self) -> None:
        self.reader = JsonReader("impinj", Random("reader"), tags=dict(EPCS))

    @property
    def n_told(self) -> int:
        return self.reader.n_reads

    def speak(self, now_s: float) -> list[bytes]:
        payload = self.reader.inventory(START_US + round(now_s * 1_000_000))
        return [line + b"\r\n" for line in (payload or b"").splitlines()]

    def flood(self, n_bytes: int) -> Iterator[bytes]:
        """A line without end, and then, so that there is a way on, its end."""
        for _ in range(0, n_bytes, FLOOD_PIECE):
            yield b"{" * FLOOD_PIECE
        yield b"\r\n"

    def is_true(self, fact: Fact) -> bool:
        epc, rssi = fact
        if epc not in EPCS or not isinstance(rssi, int):
            return False
        return abs(rssi - EPCS[epc] * 100) <= RSSI_JITTER_DB * 100
