"""The only wiring: which parts a gateway has, in which order they start and stop.

Start: make the drivers, so that a wrong configuration is told before anything is touched; lock
and open the journal, load the facts, status socket, intake, consumers, broker session, devices;
then READY.
Stop (SIGTERM, SIGINT): devices and broker session first, so that nothing new comes in; intake
settles what is queued; consumers end between two transactions; the journal drains and closes.
What is not finished within STOP_S is left to the journal, which makes leaving it harmless.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from gateway.clock import EventIds, SystemClock
from gateway.core.decode import Decoder
from gateway.core.smoothing import SmoothingRule
from gateway.journal.store import open_journal
from gateway.links.mqtt import PahoSession
from gateway.links.open import open_link
from gateway.ops.notify import Notifier
from gateway.ops.status import serve_status
from gateway.ports import Clock, Driver
from gateway.registry import DriverContext, find_driver
from gateway.report import Parts, status_report
from gateway.services.cloud_gate import open_cloud
from gateway.services.housekeeping import keep_house
from gateway.services.intake import IntakeService
from gateway.services.intake_queue import IntakeQueue
from gateway.services.planner import Planner
from gateway.services.projector import Projector
from gateway.services.solver_process import run_job
from gateway.services.supervisor import Heartbeats, supervise
from gateway.services.task_board import publish_tasks
from gateway.services.uplink import Uplink
from gateway.settings import Settings

logger = logging.getLogger(__name__)

STOP_S: Final = 10.0
STALL_S: Final = 60.0
"""A loop that has not come round for so long keeps the watchdog from being fed."""


async def run_gateway(settings: Settings, notifier: Notifier) -> None:
    """Run until SIGTERM or SIGINT. Raises GatewayError if it cannot start."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    async with run_parts(settings) as parts:
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


async def _watch(parts: Parts, notifier: Notifier, stop: asyncio.Event) -> None:
    """Feed the watchdog while every loop moves, until told to stop."""
    period_s = min(5.0, (notifier.watchdog_s or 10.0) / 2)
    while not stop.is_set():
        stalled = parts.heartbeats.stalled(STALL_S)
        if stalled:
            logger.error("loops stand still", extra={"action": "stalled", "loops": stalled})
        else:
            notifier.alive()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(period_s):
                await stop.wait()


@contextlib.asynccontextmanager
async def run_parts(settings: Settings) -> AsyncIterator[Parts]:
    """The gateway's parts, running while the context is open."""
    clock = SystemClock()
    new_id = EventIds(clock)
    heartbeats = Heartbeats(clock)
    gateway = settings.gateway
    session, drivers = make_drivers(settings, clock)
    async with open_journal(
        gateway.state_dir, gateway=gateway.id, settings=settings.journal, clock=clock
    ) as journal:
        projector = Projector(
            journal=journal,
            warehouse=gateway.warehouse,
            clock=clock,
            new_id=new_id,
            quiet_us=round(settings.planner.quiet_s * 1_000_000),
            heartbeats=heartbeats,
        )
        await projector.load()
        queue = IntakeQueue(settings.intake.queue_max)
        intake = IntakeService(
            queue=queue,
            journal=journal,
            facts=lambda: projector.facts,
            decoder=Decoder(gateway.warehouse, gateway.language, new_id),
            smoothing=SmoothingRule(),
            zones={device.name: device.zone for device in settings.devices if device.zone},
            clock=clock,
            timezone=ZoneInfo(gateway.timezone),
            heartbeats=heartbeats,
            group_max=settings.intake.group_max,
        )
        planner = Planner(
            journal=journal,
            facts=lambda: projector.facts,
            run_job=lambda job: run_job(job, time_limit_s=settings.planner.time_limit_s),
            settings=settings.planner,
            clock=clock,
            new_id=new_id,
            heartbeats=heartbeats,
        )
        parts = Parts(settings, clock, journal, projector, intake, queue, heartbeats, drivers)
        async with (
            serve_status(settings.status_socket, lambda: status_report(parts)),
            _running_uplink(parts, new_id, heartbeats),
            _running(
                ("projector", projector.run),
                ("planner", planner.run),
                ("housekeeping", lambda: keep_house(journal, settings.journal, clock)),
                clock=clock,
            ),
            _running_intake(intake),
            _running_devices(parts, session),
        ):
            yield parts


@contextlib.asynccontextmanager
async def _running(
    *loops: tuple[str, Callable[[], Awaitable[None]]], clock: Clock
) -> AsyncIterator[None]:
    """Supervised loops, cancelled at the end of the context."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(supervise(name, run, clock=clock, random=random.random), name=name)
            for name, run in loops
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


@contextlib.asynccontextmanager
async def _running_intake(intake: IntakeService) -> AsyncIterator[None]:
    """The intake; at the end of the context it settles what is queued, within a bound."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(intake.run(), name="intake")
        try:
            yield
        finally:
            intake.stop()
            _, pending = await asyncio.wait({task}, timeout=STOP_S)
            if pending:
                logger.warning("intake not drained", extra={"action": "intake_not_drained"})
                task.cancel()


@contextlib.asynccontextmanager
async def _running_devices(parts: Parts, session: PahoSession | None) -> AsyncIterator[None]:
    """The broker session and every configured device."""
    loops: list[tuple[str, Callable[[], Awaitable[None]]]] = [
        (f"device-{device.name}", partial(driver.run, parts.queue))
        for device, driver in zip(parts.settings.devices, parts.drivers, strict=True)
    ]
    if session is not None:
        loops.append(("mqtt", session.run))
        loops.append(("task-board", partial(publish_tasks, parts.projector, session)))
    async with _running(*loops, clock=parts.clock):
        yield


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


@contextlib.asynccontextmanager
async def _running_uplink(
    parts: Parts, new_id: Callable[[], str], heartbeats: Heartbeats
) -> AsyncIterator[None]:
    """Both directions of the sync; nothing where no cloud is configured."""
    settings = parts.settings
    if settings.cloud is None:
        yield
        return
    async with open_cloud(settings.cloud) as cloud:
        uplink = Uplink(
            journal=parts.journal,
            cloud=cloud,
            settings=settings.cloud,
            gateway=settings.gateway.id,
            warehouse=settings.gateway.warehouse,
            instance=machine_fingerprint(),
            clock=parts.clock,
            random=random.random,
            new_id=new_id,
            heartbeats=heartbeats,
        )
        parts.uplink = uplink
        async with _running(
            ("uplink", uplink.run_up), ("downlink", uplink.run_down), clock=parts.clock
        ):
            yield


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
