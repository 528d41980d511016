"""The program: the machine's clock, disk, broker and network around the gateway's inside.

Start: make the drivers and the way to the cloud, so that a wrong configuration is told before
anything is touched; lock and open the journal, load the facts, intake, consumers, broker session,
devices, status socket; then READY.
Stop (SIGTERM, SIGINT): devices and broker session first, so that nothing new comes in; intake
settles what is queued; consumers end between two transactions; the journal drains and closes.
What is not finished within STOP_S is left to the journal, which makes leaving it harmless.
Reload (SIGHUP): the configuration is read and checked whole, or refused whole; then devices come,
go and change (services/fleet.py) while everything else goes on.
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
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from gateway.assembly import Outside, run_inside
from gateway.broker.listing import FILE as LISTING
from gateway.clock import EventIds, SystemClock
from gateway.errors import ConfigError
from gateway.journal.store import open_journal
from gateway.links.mqtt import PahoSession
from gateway.links.mqtt_trial import Patience, try_broker
from gateway.links.open import open_link
from gateway.ops.notify import Notifier
from gateway.ops.status import serve_status
from gateway.ports import Clock
from gateway.registry import DriverContext, find_driver
from gateway.report import Parts, status_line, status_report
from gateway.services.broker_watch import TryBroker
from gateway.services.cloud_gate import open_cloud
from gateway.services.fleet import Changes, Device
from gateway.services.session_part import SessionPart
from gateway.services.solver_process import run_job
from gateway.settings import DeviceSettings, Settings, load_settings

logger = logging.getLogger(__name__)

START_ASKED_S: Final = 20.0
START_MAX_S: Final = 7200.0
"""No journal that fits a box takes longer to salvage."""
STALL_S: Final = 60.0
"""A loop that has not come round for so long keeps the watchdog from being fed."""
SWITCH_S: Final = 0.001
"""How long SQLite's thread waits for a busy event loop before it may report a commit."""
GARBAGE_THRESHOLDS: Final = (10_000, 20, 20)
"""A message leaves no cycles behind; these keep the few there are in bounds."""


NEW_SESSION: Final = "broker-session"
"""The file in the state directory that says when the broker made a new session."""
CONFIGURATION: Final = "configuration"
"""The alarm while the configuration's file is not what the gateway works by."""
TAKEN_AT_ONCE: Final = frozenset({"devices", "smoothing"})
"""The sections of which a reload takes what is new; the others wait for the next start."""

MakeDevice = Callable[[DeviceSettings], Device]


async def run_gateway(config: Path, notifier: Notifier) -> None:
    """Run until SIGTERM or SIGINT. Raises GatewayError if it cannot start."""
    settings = load_settings(config)
    stop, reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    sys.setswitchinterval(SWITCH_S)
    async with contextlib.AsyncExitStack() as stack:
        with asking_for_time(notifier):
            running = run_parts(settings, config.parent / LISTING)
            parts, make = await stack.enter_async_context(running)
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
        async with asyncio.TaskGroup() as group:
            task = group.create_task(
                _reload_when_told(parts, config, make, notifier, reload), name="reload"
            )
            await _watch(parts, notifier, stop)
            task.cancel()
        notifier.stopping()
        logger.info("stopping", extra={"action": "stopping"})


@contextlib.contextmanager
def asking_for_time(notifier: Notifier, period_s: float = START_ASKED_S) -> Iterator[None]:
    """While the context is open and the event loop turns, have systemd wait.

    A journal of a million rows that has to be salvaged, or carried over to a new version, takes
    minutes: killed in the middle it would begin anew at every start, and never end.
    """
    loop = asyncio.get_running_loop()
    until_s = loop.time() + START_MAX_S
    handle: asyncio.Handle | None = None

    def ask() -> None:
        nonlocal handle
        notifier.extend(3 * period_s)
        if loop.time() < until_s:
            handle = loop.call_later(period_s, ask)

    ask()
    try:
        yield
    finally:
        if handle is not None:
            handle.cancel()


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


async def _reload_when_told(
    parts: Parts, config: Path, make: MakeDevice, notifier: Notifier, told: asyncio.Event
) -> None:
    while True:
        await told.wait()
        told.clear()
        notifier.reloading(parts.clock.monotonic())
        await reload_configuration(parts, config, make)
        notifier.ready()


async def reload_configuration(parts: Parts, config: Path, make: MakeDevice) -> Changes | None:
    """Work by what the file says now; None if it is not good, and then nothing has changed."""
    try:
        wanted = await asyncio.to_thread(load_settings, config)
        changes = await parts.fleet.change(wanted.devices, make)
    except ConfigError as error:
        logger.error(
            "configuration refused", extra={"action": "config_refused", "reason": str(error)}
        )
        text = f"the file is not good, what was read before goes on: {error}"
        parts.alarms.set(CONFIGURATION, text)
        return None
    parts.read_points.tell(wanted.devices, wanted.smoothing)
    parts.settings = parts.settings.model_copy(
        update={name: getattr(wanted, name) for name in TAKEN_AT_ONCE}
    )
    later = sorted(
        name
        for name in type(wanted).model_fields
        if getattr(wanted, name) != getattr(parts.settings, name)
    )
    logger.info(
        "configuration read anew",
        extra={
            "action": "config_reloaded",
            "added": list(changes.added),
            "removed": list(changes.removed),
            "changed": list(changes.changed),
            "at_next_start": later,
        },
    )
    text = f"what changed in {', '.join(later)} is taken at the next start of the gateway"
    parts.alarms.set(CONFIGURATION, text if later else None)
    return changes


@contextlib.asynccontextmanager
async def run_parts(
    settings: Settings, certificates: Path
) -> AsyncIterator[tuple[Parts, MakeDevice]]:
    """The gateway's parts, running on this machine while the context is open.

    And what makes a device of its settings, for a configuration that changes.
    """
    clock = SystemClock()
    gateway = settings.gateway
    session, make = make_session(settings, clock)
    devices = [make(device) for device in settings.devices]
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
            devices=devices,
            run_job=lambda job: run_job(
                job,
                time_limit_s=settings.planner.time_limit_s,
                memory_mb=settings.planner.memory_mb,
            ),
            cloud=cloud,
            instance=machine_fingerprint(),
            try_broker=make_trial(settings, clock, new_id=EventIds(clock)),
            save_broker=partial(mark_new_session, gateway.state_dir, clock),
            certificates=certificates,
        )
        parts = await stack.enter_async_context(run_inside(settings, outside, journal))
        await stack.enter_async_context(
            serve_status(settings.status_socket, lambda: status_report(parts))
        )
        yield parts, make


def make_session(settings: Settings, clock: Clock) -> tuple[PahoSession | None, MakeDevice]:
    """The broker session, if one is configured, and what makes devices; nothing runs yet.

    What makes devices raises ConfigError for a driver, link or option that is not there.
    """
    session = None
    if settings.mqtt is not None:
        session = PahoSession(
            settings.mqtt, client_id=settings.gateway.id, clock=clock, random=random.random
        )
    context = DriverContext(
        warehouse=settings.gateway.warehouse,
        clock=clock,
        mqtt=None,
        open_link=open_link,
        random=random.random,
    )
    return session, partial(_make_device, context=context, session=session)


def _make_device(
    device: DeviceSettings, *, context: DriverContext, session: PahoSession | None
) -> Device:
    part = None if session is None else SessionPart(session)
    driver = find_driver(device.driver)(device, replace(context, mqtt=part))
    return Device(device, driver, part)


def check_devices(settings: Settings) -> None:
    """Raises ConfigError for a device that could not be made."""
    _, make = make_session(settings, SystemClock())
    for device in settings.devices:
        make(device)


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


def mark_new_session(state_dir: Path, clock: Clock) -> None:
    """Leave word that the broker made a new session; forepost-broker-save.path waits for it."""
    try:
        (state_dir / NEW_SESSION).write_text(f"{clock.wall_us()}\n", encoding="ascii")
    except OSError as error:
        # On a full disk the broker saves by its own clock, a minute later.
        logger.warning(
            "new session not marked", extra={"action": "unmarked", "reason": str(error)}
        )


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
