"""The inside of a gateway, put together from whatever outside it is given.

The program gives it the machine's clock, disk, broker and network (app.py); the deterministic
simulation gives it seeded ones (tests/simulation). Both run this wiring.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from cloud_sync.inventory.lots import local_day
from gateway.clock import trust_in
from gateway.core.decode import Decoder
from gateway.core.facts import Facts
from gateway.core.smoothing import TagPresence
from gateway.journal.read_model import load_heard
from gateway.journal.store import JournalStore
from gateway.ports import Clock
from gateway.report import Parts, device_rows, make_box
from gateway.services.alarm_keeper import AlarmKeeper
from gateway.services.alarms import Alarms
from gateway.services.box_watch import BoxWatch
from gateway.services.broker_watch import BrokerWatch, TryBroker, WatchedSession
from gateway.services.clock_watch import ClockWatch
from gateway.services.demand_keeper import DemandKeeper
from gateway.services.device_memory import SAVE_S, DeviceMemory
from gateway.services.exception_keeper import ExceptionKeeper
from gateway.services.fleet import Device, Fleet
from gateway.services.health_watch import HealthWatch
from gateway.services.housekeeping import Housekeeping
from gateway.services.intake import IntakeService
from gateway.services.intake_queue import IntakeQueue
from gateway.services.local_forecast import LocalForecast
from gateway.services.lookups import Lookups
from gateway.services.plan_desk import PlanDesk
from gateway.services.planner import Planner, RunJob
from gateway.services.projector import Projector
from gateway.services.read_points import ReadPoints
from gateway.services.reinjection import Reinjection
from gateway.services.resolving import Resolving
from gateway.services.sensor_watch import SensorWatch, sensor_rule
from gateway.services.supervisor import Heartbeats, supervise
from gateway.services.task_board import publish_tasks
from gateway.services.trigger_watch import TriggerWatch
from gateway.services.uplink import SHUT_OUT, CloudPort, Uplink
from gateway.settings import Settings

logger = logging.getLogger(__name__)

STOP_S: Final = 10.0
"""How long the intake may take to settle what is queued; the rest is left to the journal."""

Loop = tuple[str, Callable[[], Awaitable[None]]]
"""Something endless, by the name it is supervised under."""


class BrokerSession(WatchedSession, Protocol):
    """The session at the broker, with the loop that keeps it."""

    async def run(self) -> None:
        """Serve until cancelled."""
        ...


@dataclass(frozen=True, slots=True)
class Outside:
    """What a gateway stands on.

    random: uniform in [0, 1). new_id: makes event ids. session: None without a broker; devices:
    the configured ones, in order. run_job: solves a planning job. cloud: None without one.
    instance: what tells this machine from another with a copy of its disk. certificates: where
    is told when those end that this box gave out. save_broker: has the broker write its store.
    """

    clock: Clock
    random: Callable[[], float]
    new_id: Callable[[], str]
    session: BrokerSession | None
    devices: Sequence[Device]
    run_job: RunJob
    cloud: CloudPort | None
    instance: str
    try_broker: TryBroker | None = None
    save_broker: Callable[[], None] = lambda: None
    certificates: Path | None = None


@contextlib.asynccontextmanager
async def run_inside(
    settings: Settings, outside: Outside, journal: JournalStore
) -> AsyncIterator[Parts]:
    """The gateway's parts on an open journal, running while the context is open."""
    parts = _make_parts(settings, outside, journal)
    await parts.projector.load()
    await parts.projector.open_floor()
    memory = DeviceMemory(
        journal=journal,
        offsets=parts.intake.offsets,
        sequences=parts.intake.sequences,
        presence=parts.intake.presence,
        clock=outside.clock,
        heartbeats=parts.heartbeats,
        save_s=SAVE_S,
    )
    async with (
        memory.kept(),
        _running_uplink(parts, outside),
        _running(*_consumers(parts, outside), ("device-memory", memory.run), outside=outside),
        _running_intake(parts.intake),
        _running_devices(parts, outside),
    ):
        yield parts


def _consumers(parts: Parts, outside: Outside) -> list[Loop]:
    """The loops that live on what is in the journal."""
    settings, journal = parts.settings, parts.journal
    housekeeping = Housekeeping(
        journal=journal,
        settings=settings.journal,
        has_cloud=settings.cloud is not None,
        warehouse=settings.gateway.warehouse,
        clock=outside.clock,
        new_id=outside.new_id,
        alarms=parts.alarms,
        heartbeats=parts.heartbeats,
    )
    clock_watch = ClockWatch(
        journal=journal,
        warehouse=settings.gateway.warehouse,
        clock=outside.clock,
        new_id=outside.new_id,
        alarms=parts.alarms,
        heartbeats=parts.heartbeats,
    )
    health_watch = HealthWatch(
        journal=journal,
        devices=lambda: device_rows(parts),
        warehouse=settings.gateway.warehouse,
        clock=outside.clock,
        new_id=outside.new_id,
        heartbeats=parts.heartbeats,
    )
    reinjection = Reinjection(
        journal=journal,
        intake=parts.queue,
        state_dir=settings.gateway.state_dir,
        heartbeats=parts.heartbeats,
    )
    resolving = Resolving(
        journal=journal, warehouse=settings.gateway.warehouse, clock=outside.clock,
        state_dir=settings.gateway.state_dir, heartbeats=parts.heartbeats,
    )  # fmt: skip
    alarm_keeper = AlarmKeeper(
        journal=journal, alarms=parts.alarms, warehouse=settings.gateway.warehouse,
        clock=outside.clock, new_id=outside.new_id, heartbeats=parts.heartbeats,
    )  # fmt: skip
    box_watch = BoxWatch(
        make_box(parts, outside.certificates), clock=outside.clock, alarms=parts.alarms,
        heartbeats=parts.heartbeats,
    )  # fmt: skip
    return [
        ("projector", parts.projector.run),
        *_planning(parts, outside),
        ("alarm-keeper", alarm_keeper.run),
        ("box-watch", box_watch.run),
        ("sensor-watch", parts.sensors.run),
        ("housekeeping", housekeeping.run),
        ("clock-watch", clock_watch.run),
        ("health-watch", health_watch.run),
        ("reinjection", reinjection.run),
        ("resolving", resolving.run),
    ]


def _planning(parts: Parts, outside: Outside) -> list[Loop]:
    """Who answers triggers, asks for plans for people and by the time, and forecasts demand."""
    journal, settings, beats = parts.journal, parts.settings, parts.heartbeats
    clock, new_id, zone = outside.clock, outside.new_id, ZoneInfo(settings.gateway.timezone)

    def facts() -> Facts:
        return parts.projector.facts

    planner = Planner(
        journal=journal, facts=facts, run_job=outside.run_job, settings=settings.planner,
        clock=clock, new_id=new_id, heartbeats=beats, is_trusted=trust_in(clock),
        is_shut_out=lambda: SHUT_OUT in parts.alarms, heard_us=lambda: load_heard(journal),
        today=_today(settings, clock), language=settings.gateway.language,
    )  # fmt: skip
    desk = PlanDesk(
        journal=journal, facts=facts, clock=clock, new_id=new_id, settings=settings,
        is_trusted=trust_in(clock), heartbeats=beats,
    )  # fmt: skip
    keeper = DemandKeeper(journal=journal, facts=facts, zone=zone, heartbeats=beats)
    forecast = LocalForecast(
        journal=journal, facts=facts, run_job=outside.run_job, settings=settings.planner,
        zone=zone, clock=clock, new_id=new_id, is_trusted=trust_in(clock), heartbeats=beats,
        alarms=parts.alarms,
    )  # fmt: skip
    return [("planner", planner.run), ("plan-desk", desk.run), ("demand", keeper.run),
            ("local-forecast", forecast.run)]  # fmt: skip


def _make_parts(settings: Settings, outside: Outside, journal: JournalStore) -> Parts:
    gateway, clock = settings.gateway, outside.clock
    heartbeats = Heartbeats(clock)
    projector = _projector(settings, outside, journal, heartbeats)
    queue = IntakeQueue(settings.intake.queue_max)
    fleet = Fleet(outside.devices, intake=queue, clock=clock, random=outside.random)
    read_points = ReadPoints(settings.devices, settings.smoothing)
    rule, labels = sensor_rule(settings.sensors), settings.labels.patterns()
    sensors = SensorWatch(
        journal=journal,
        rule=rule,
        warehouse=gateway.warehouse,
        clock=clock,
        new_id=outside.new_id,
        sensors=fleet.sensors,
        is_served=fleet.is_served,
        facts=lambda: projector.facts,
        heartbeats=heartbeats,
    )
    intake = IntakeService(
        queue=queue,
        journal=journal,
        floor=projector.floor,
        decoder=Decoder(gateway.warehouse, gateway.language, outside.new_id, rule, labels),
        presence=TagPresence(read_points.rule_of),
        zones=read_points.zones,
        clock=clock,
        timezone=ZoneInfo(gateway.timezone),
        heartbeats=heartbeats,
        group_max=settings.intake.group_max,
        on_no_reading=sensors.note,
        look_up=Lookups(journal, projector.floor).look,
    )
    return Parts(
        settings, clock, journal, projector, intake, queue, sensors, heartbeats,
        Alarms(clock, gateway.language), fleet, read_points, trust_in(clock), clock.wall_us(),
    )  # fmt: skip


def _projector(
    settings: Settings, outside: Outside, journal: JournalStore, heartbeats: Heartbeats
) -> Projector:
    gateway, clock = settings.gateway, outside.clock
    return Projector(
        journal=journal,
        warehouse=gateway.warehouse,
        watch=TriggerWatch(
            settings=settings,
            clock=clock,
            new_id=outside.new_id,
            today=_today(settings, clock),
            is_trusted=trust_in(clock),
        ),
        exceptions=ExceptionKeeper(
            journal=journal, gateway=gateway.id, warehouse=gateway.warehouse, clock=clock,
            new_id=outside.new_id,
        ),
        heartbeats=heartbeats,
    )  # fmt: skip


def _today(settings: Settings, clock: Clock) -> Callable[[], str]:
    """What tells the date on the warehouse's own walls."""
    zone = ZoneInfo(settings.gateway.timezone)
    return lambda: local_day(clock.wall_us(), zone)


@contextlib.asynccontextmanager
async def _running(*loops: Loop, outside: Outside) -> AsyncIterator[None]:
    """Supervised loops, cancelled at the end of the context."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                supervise(name, run, clock=outside.clock, random=outside.random), name=name
            )
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
async def _running_devices(parts: Parts, outside: Outside) -> AsyncIterator[None]:
    """The broker session and every configured device."""
    loops: list[Loop] = []
    if outside.session is not None:
        loops.append(("mqtt", outside.session.run))
        loops.append(("broker-watch", _broker_watch(parts, outside, outside.session).run))
        loops.append(("task-board", partial(publish_tasks, parts.projector, outside.session)))
    # The devices first: when the broker hands over what waited they have said what is theirs.
    async with parts.fleet.running(), _running(*loops, outside=outside):
        yield


def _broker_watch(parts: Parts, outside: Outside, session: BrokerSession) -> BrokerWatch:
    gateway, mqtt = parts.settings.gateway, parts.settings.mqtt
    return BrokerWatch(
        session=session, try_broker=outside.try_broker, every_s=mqtt.self_test_s if mqtt else 0,
        topic=gateway.canary_topic, has_heard=lambda: bool(parts.intake.sequences.boots()),
        journal=parts.journal, warehouse=gateway.warehouse, clock=outside.clock,
        new_id=outside.new_id, alarms=parts.alarms, heartbeats=parts.heartbeats,
        save_broker=outside.save_broker,
    )  # fmt: skip


@contextlib.asynccontextmanager
async def _running_uplink(parts: Parts, outside: Outside) -> AsyncIterator[None]:
    """Both directions of the sync; nothing where no cloud is configured."""
    settings = parts.settings
    if settings.cloud is None or outside.cloud is None:
        yield
        return
    uplink = Uplink(
        journal=parts.journal,
        cloud=outside.cloud,
        settings=settings.cloud,
        gateway=settings.gateway.id,
        warehouse=settings.gateway.warehouse,
        instance=outside.instance,
        clock=outside.clock,
        random=outside.random,
        new_id=outside.new_id,
        heartbeats=parts.heartbeats,
        alarms=parts.alarms,
    )
    parts.uplink = uplink
    async with _running(("uplink", uplink.run_up), ("downlink", uplink.run_down), outside=outside):
        yield
