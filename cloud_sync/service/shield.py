"""Around every request: a deadline, and headers that tell browsers to trust nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud_sync.contract.batches import Problem
from cloud_sync.service.problems import render
from cloud_sync.store.wall import around_request

logger = logging.getLogger(__name__)

Headers = tuple[tuple[bytes, bytes], ...]

HEADERS: Final[Headers] = (
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)

_LAST: Final = {"Connection": "close"}


Tell = Callable[[Scope, Problem, Mapping[str, str]], Response]


def _tell_programs(scope: Scope, problem: Problem, headers: Mapping[str, str]) -> Response:
    return render(problem, headers)


class Shield:
    """The outermost layer of the application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        deadline_s: float | None,
        headers: Headers = HEADERS,
        tell: Tell = _tell_programs,
    ) -> None:
        """deadline_s: None for what is meant to stay open. headers: of every answer. tell: makes
        the answer where the application has none."""
        self._app = app
        self._deadline_s = deadline_s
        self._headers = headers
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or end it: no request, however slow its sender, stays for ever."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_started = False

        async def send_guarded(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                message = {**message, "headers": [*message.get("headers", []), *self._headers]}
            await send(message)

        try:
            with around_request():
                async with asyncio.timeout(self._deadline_s):
                    await self._app(scope, receive, send_guarded)
        except TimeoutError:
            if has_started:
                raise
            problem = Problem(code="timeout", message=f"not done within {self._deadline_s} s")
            await self._tell(scope, problem, _LAST)(scope, receive, send_guarded)
        except asyncio.CancelledError:
            if has_started:
                raise
            # Nobody but the server is above this, which cancels what is still inside when it
            # stops: the request ends here, with an answer.
            problem = Problem(code="unavailable", message="the service is stopping")
            await self._tell(scope, problem, _LAST)(scope, receive, send_guarded)
        except Exception as error:
            if has_started:
                raise
            logger.exception(
                "request failed", extra={"action": "request_failed", "path": scope["path"]}
            )
            problem = Problem(code="internal", message=f"a fault of ours: {type(error).__name__}")
            await self._tell(scope, problem, {})(scope, receive, send_guarded)
