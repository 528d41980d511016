"""One connection to an LLRP reader: requests and their answers, and all that comes in between.

A reader talks whenever it likes, so an answer is waited for among its reports and events, which
are handed on as they come. Nothing is awaited without a limit but room in the intake.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from gateway.codecs.llrp import (
    FrameDecoder,
    LlrpRefused,
    Message,
    decode_message,
    encode_message,
)
from gateway.codecs.llrp_layout import CUSTOM
from gateway.codecs.llrp_reports import ERROR_MESSAGE, RO_ACCESS_REPORT, Status, status_of
from gateway.errors import LinkLost
from gateway.ports import ByteLink, Clock

REFUSED_BYTES_MAX: Final = 1024
"""What is kept of a stream that is not LLRP: enough to see what it is instead."""


class RequestRefused(LinkLost):
    """The reader's answer to a request was no, and nothing works without it."""

    def __init__(self, name: str, request: Message, status: Status) -> None:
        super().__init__(name, f"{request.name} was refused: {status}")
        self.request, self.status = request, status


class Talk:
    """A connection that is open.

    take: is given every message that is no answer. refuse: bytes that are no message, and why.
    """

    def __init__(
        self,
        name: str,
        link: ByteLink,
        clock: Clock,
        *,
        timeout_s: float,
        take: Callable[[Message], Awaitable[None]],
        refuse: Callable[[bytes, str], Awaitable[None]],
    ) -> None:
        self._name, self._link, self._clock = name, link, clock
        self._timeout_s = timeout_s
        self._take, self._refuse = take, refuse
        self._decoder = FrameDecoder()
        self._frames: deque[bytes] = deque()
        self._last_id = 0
        self.version = 1

    async def ask(self, request: Message) -> Message:
        """The answer to a request, whatever its status. Raises LinkLost if none comes."""
        self._last_id += 1
        identity = self._last_id
        await self.send(replace(request, id=identity))
        answers = {request.type + 10, ERROR_MESSAGE}
        if request.type == CUSTOM:
            answers = {CUSTOM, ERROR_MESSAGE}
        # Only waiting counts: a full intake may take long over what comes before the answer.
        left_s = self._timeout_s
        while True:
            began = self._clock.monotonic()
            message = await self.next(left_s, f"no answer to {request.name}")
            left_s -= self._clock.monotonic() - began
            if message is None:
                continue
            if message.id == identity and message.type in answers:
                return message
            await self._take(message)

    async def demand(self, request: Message) -> Message:
        """The answer to a request that must succeed. Raises RequestRefused."""
        answer = await self.ask(request)
        status = status_of(answer)
        if status.code != 0 or answer.type == ERROR_MESSAGE:
            raise RequestRefused(self._name, request, status)
        return answer

    async def listen(self, silent_s: float) -> None:
        """Hand on what comes, until nothing has for so long. Raises LinkLost then."""
        while True:
            message = await self.next(silent_s, f"silent for {silent_s:g} s")
            if message is not None:
                await self._take(message)

    async def drain(self) -> None:
        """Hand on the reports that have come already, when nothing else matters any more."""
        while self._frames:
            message = await self.next(0.0, "")
            if message is not None and message.type == RO_ACCESS_REPORT:
                await self._take(message)

    async def send(self, message: Message) -> None:
        """Send a message that wants no answer, in the version agreed on."""
        version = max(message.version, self.version)
        await self._link.write(encode_message(replace(message, version=version)))

    async def next(self, limit_s: float, why: str) -> Message | None:
        """The next message, None for one that was refused. Raises LinkLost(why) in time.

        The limit is for all of a message: bytes of one that never ends are no sign of life.
        """
        deadline = self._clock.monotonic() + limit_s
        while not self._frames:
            try:
                async with asyncio.timeout(max(0.0, deadline - self._clock.monotonic())):
                    data = await self._link.read()
            except TimeoutError:
                raise LinkLost(self._name, why) from None
            # A link that always has bytes never waits: let the other devices have their turn.
            await asyncio.sleep(0)
            await self._cut(data)
        frame = self._frames.popleft()
        try:
            return decode_message(frame)
        except LlrpRefused as refusal:
            await self._refuse(frame, str(refusal))
            return None

    async def _cut(self, data: bytes) -> None:
        try:
            self._frames.extend(self._decoder.feed(data))
        except LlrpRefused as refusal:
            await self._refuse(self._decoder.rest[:REFUSED_BYTES_MAX], str(refusal))
            raise LinkLost(self._name, f"not LLRP: {refusal}") from refusal
