"""The program: the machine's clock, disk, broker and network around the gateway's inside.

Start: make the drivers and the way to the cloud, so that a wrong configuration is told before
anything is touched; lock and open the journal, load the facts, intake, consumers, broker session,
devices, status socket; then READY.
Stop (SIGTERM, SIGINT): devices and broker session first, so that nothing new comes in; intake
settles what is queued; consumers end between two transactions; the journal drains and closes.
What is not finished within STOP_S is left to the journal, which makes leaving it harmless.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import logging
import os
import random
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from gateway.assembly import Outside, run_inside
from gateway.clock import EventIds, SystemClock
from gateway.journal.store import open_journal
from gateway.links.mqtt import PahoSession
from gateway.links.mqtt_trial import Patience, try_broker
from gateway.links.open import open_link
from gateway.ops.notify import Notifier
from gateway.ops.status import serve_status
from gateway.ports import Clock, Driver
from gateway.registry import DriverContext, find_driver
from gateway.report import Parts, status_line, status_report
from gateway.services.broker_watch import TryBroker
from gateway.services.cloud_gate import open_cloud
from gateway.services.solver_process import run_job
from gateway.settings import Settings

logger = logging.getLogger(__name__)

STALL_S: Final = 60.0
"""A loop that has not come round for so long keeps the watchdog from being fed."""
SWITCH_S: Final = 0.001
"""How long SQLite's thread waits for a busy event loop before it may report a commit."""
GARBAGE_THRESHOLDS: Final = (10_000, 20, 20)
"""A message leaves no cycles behind; these keep the few there are in bounds."""


async def run_gateway(settings: Settings, notifier: Notifier) -> None:
    """Run until SIGTERM or SIGINT. Raises GatewayError if it cannot start."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    sys.setswitchinterval(SWITCH_S)
    async with run_parts(settings) as parts:
        _settle_memory()
        notifier.ready()
        logger.info(
            "gateway ready",
            extra={
                "action": "ready",
                "gateway": settings.gateway.id,
                "epoch": parts.journal.epoch,
                "last_seq": parts.journal.last_seq,
            },
        )
        await _watch(parts, notifier, stop)
        notifier.stopping()
        logger.info("stopping", extra={"action": "stopping"})


def _settle_memory() -> None:
    """What is loaded stays; looking through it again and again for garbage finds none."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


async def _watch(parts: Parts, notifier: Notifier, stop: asyncio.Event) -> None:
    """Feed the watchdog while every loop moves, and say how it goes, until told to stop."""
    period_s = min(5.0, (notifier.watchdog_s or 10.0) / 2)
    while not stop.is_set():
        stalled = parts.heartbeats.stalled(STALL_S)
        if stalled:
            logger.error("loops stand still", extra={"action": "stalled", "loops": stalled})
        else:
            notifier.alive()
        notifier.status(status_line(parts))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(period_s):
                await stop.wait()


@contextlib.asynccontextmanager
async def run_parts(settings: Settings) -> AsyncIterator[Parts]:
    """The gateway's parts, running on this machine while the context is open."""
    clock = SystemClock()
    gateway = settings.gateway
    session, drivers = make_drivers(settings, clock)
    async with contextlib.AsyncExitStack() as stack:
        cloud = None
        if settings.cloud is not None:
            cloud = await stack.enter_async_context(
                open_cloud(settings.cloud, gateway=gateway.id, clock=clock)
            )
        journal = await stack.enter_async_context(
            open_journal(
                gateway.state_dir,
                gateway=gateway.id,
                settings=settings.journal,
                clock=clock,
                has_cloud=settings.cloud is not None,
            )
        )
        outside = Outside(
            clock=clock,
            random=random.random,
            new_id=EventIds(clock),
            session=session,
            drivers=drivers,
            run_job=lambda job: run_job(
                job,
                time_limit_s=settings.planner.time_limit_s,
                memory_mb=settings.planner.memory_mb,
            ),
            cloud=cloud,
            instance=machine_fingerprint(),
            try_broker=make_trial(settings, clock, new_id=EventIds(clock)),
        )
        parts = await stack.enter_async_context(run_inside(settings, outside, journal))
        await stack.enter_async_context(
            serve_status(settings.status_socket, lambda: status_report(parts))
        )
        yield parts


def make_drivers(settings: Settings, clock: Clock) -> tuple[PahoSession | None, list[Driver]]:
    """The broker session, if one is configured, and a driver per device; nothing runs yet.

    Raises ConfigError for a driver, link or option that is not there.
    """
    session = None
    if settings.mqtt is not None:
        session = PahoSession(
            settings.mqtt, client_id=settings.gateway.id, clock=clock, random=random.random
        )
    context = DriverContext(
        warehouse=settings.gateway.warehouse,
        clock=clock,
        mqtt=session,
        open_link=open_link,
        random=random.random,
    )
    return session, [find_driver(device.driver)(device, context) for device in settings.devices]


def make_trial(settings: Settings, clock: Clock, *, new_id: Callable[[], str]) -> TryBroker | None:
    """What tries the broker out, from a thread that ends when nobody waits for it any more.

    Not where certificates say who is who: the broker of `forepost-gateway broker-config` would
    take the client for the gateway.
    """
    mqtt, gateway = settings.mqtt, settings.gateway
    if mqtt is None or mqtt.cert_file is not None:
        return None

    async def trial() -> str | None:
        is_over = threading.Event()
        try:
            return await asyncio.to_thread(
                try_broker,
                mqtt,
                name=f"{gateway.id}-canary-{new_id()}",
                topic=gateway.canary_topic,
                patience=Patience(clock.monotonic, is_over.is_set),
            )
        finally:
            is_over.set()

    return trial


def machine_fingerprint() -> str:
    """A hash that names this machine, so that a copied disk is told from a restarted gateway.

    systemd's machine id is not to be shown as it is (machine-id(5)), hence the hash.
    """
    try:
        raw = Path("/etc/machine-id").read_bytes().strip()
    except OSError:
        raw = b""
    name = raw or os.uname().nodename.encode()
    return hashlib.sha256(b"forepost-instance\0" + name).hexdigest()[:32]
