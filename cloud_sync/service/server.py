"""The HTTP server around the application: address, TLS, logs, and an end without cut answers."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final, Protocol

import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from cloud_sync.outbound.post import HttpPost
from cloud_sync.service.app import make_app
from cloud_sync.service.clock import wall_us
from cloud_sync.service.counting import look_after_counts
from cloud_sync.service.day_sums import look_after_day_sums
from cloud_sync.service.epcis_delivery import look_after_subscriptions
from cloud_sync.service.fulfilment import look_after_orders
from cloud_sync.service.overdue import look_after_transits
from cloud_sync.service.patience import HeadsInTime
from cloud_sync.service.served import look_after_served
from cloud_sync.service.signing import Signer
from cloud_sync.service.webhook_delivery import Dispatcher
from cloud_sync.store.open import QUESTION_S, open_database
from cloud_sync.store.ports import Database

logger = logging.getLogger(__name__)

DRAIN_S: Final = 15
BACKLOG: Final = 256
CONNECTIONS_MAX: Final = 512
HEADER_BYTES_MAX: Final = 16 * 1024
GC_THRESHOLDS: Final = (50_000, 20, 20)
"""A batch makes thousands of objects and no cycles; to look for them took a tenth of taking it."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Where to serve, and on what."""

    database: str
    host: str
    port: int
    tls_cert: Path | None = None
    tls_key: Path | None = None
    allow_private_webhooks: bool = False
    signer: Signer | None = None


class CannotServe(Exception):
    """The service could not start; the message says why in one line."""


class Served(Protocol):
    """What answers requests: the API with whatever was put in front of it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        ...

    def close(self) -> None:
        """End what would not end by itself: the service is to stop."""
        ...


async def serve(options: ServeOptions, put_in_front: Callable[[FastAPI], Served]) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is inside. Raises CannotServe.

    To stop takes DRAIN_S and the time that the store takes to close, and no longer: requests are
    cancelled then, and what still waits for the database is ended by its closing.
    """
    with listen(options.host, options.port) as listener:
        async with contextlib.AsyncExitStack() as stack:
            database = await stack.enter_async_context(
                open_database(options.database, statement_s=QUESTION_S)
            )
            app = make_app(database, wall_us=wall_us, signer=options.signer)
            front = put_in_front(app)
            config = uvicorn.Config(
                front,
                http=HeadsInTime,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=DRAIN_S,
                limit_concurrency=CONNECTIONS_MAX,
                h11_max_incomplete_event_size=HEADER_BYTES_MAX,
                backlog=BACKLOG,
                lifespan="off",
                ws="none",
                ssl_certfile=options.tls_cert,
                ssl_keyfile=options.tls_key,
            )
            try:
                config.load()
            except OSError as error:
                raise CannotServe(f"TLS: {error}") from error
            server = _Server(config, front)
            for sign in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(sign, server.stop)
            async with asyncio.TaskGroup() as group:
                post = HttpPost(allows_private=options.allow_private_webhooks)
                rounds = [
                    group.create_task(look_after_orders(database, wall_us), name="orders"),
                    group.create_task(look_after_transits(database, wall_us), name="transits"),
                    group.create_task(look_after_served(database, wall_us), name="served"),
                    group.create_task(look_after_counts(database, wall_us), name="counts"),
                    group.create_task(look_after_day_sums(database, wall_us), name="day sums"),
                    group.create_task(
                        look_after_subscriptions(database, post, wall_us), name="subscriptions"
                    ),
                    group.create_task(_webhooks(database, post), name="webhooks"),
                ]
                await server.serve(sockets=[listener])
                for each in rounds:
                    each.cancel()
                # What a round is writing ends before the round does, or is broken off here.
                await stack.aclose()
    logger.info("cloud stopped", extra={"action": "stopped"})


def _webhooks(database: Database, post: HttpPost) -> Coroutine[None, None, None]:
    # When to try again is not a secret: any seed will do that other processes do not share.
    chance = Random(wall_us())  # noqa: S311
    return Dispatcher(database, post, wall_us=wall_us, chance=chance).run()


class _Server(uvicorn.Server):
    """uvicorn's own signal handling dies of the signal, before the database is closed."""

    def __init__(self, config: uvicorn.Config, front: Served) -> None:
        super().__init__(config)
        self._front = front

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals to `serve`."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say so once the signals are handled and the port answers."""
        await super().startup(sockets)
        gc.freeze()  # what is here now stays
        gc.set_threshold(*GC_THRESHOLDS)
        for listener in sockets or ():
            host, port = listener.getsockname()[:2]
            logger.info("cloud ready", extra={"action": "ready", "host": host, "port": port})

    def stop(self) -> None:
        """Take no more, finish what is inside; at the second call leave that, too."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self._front.close()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, whose connections send at once. Raises CannotServe."""
    try:
        listener = socket.create_server(
            (host, port), backlog=BACKLOG, family=_family(host), reuse_port=False
        )
    except OSError as error:
        raise CannotServe(f"{host}:{port}: {error.strerror or error}") from error
    # asyncio does this only for sockets that say they are TCP's, which this one does not; without
    # it a small answer waits 40 ms for the acknowledgement of its own headers.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
