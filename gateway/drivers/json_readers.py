"""Readers of other makers on the gateway's broker, each publishing its own JSON on its own topics.

They neither number their messages in our way nor wait for a result, so their reads are best
effort: the broker gets its PUBACK after the commit, and gaps in a reader's own numbers are
counted. A retained message is an old one and no read.

One driver serves one configured name, which may be a pattern (`dock-*`); then a level of the
topics, written `{device}`, holds the names.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from cloud_sync.contract.keys import is_id
from gateway.codecs.reader_json import ReaderPayload
from gateway.drivers.options import Options, parse_options
from gateway.drivers.reader_events import ReaderEvents
from gateway.drivers.scan_task import ScanTask
from gateway.errors import ConfigError
from gateway.ports import Arrival, DeviceHealth, Intake, MqttMessage, Receipt
from gateway.registry import DriverContext
from gateway.settings import DeviceSettings

logger = logging.getLogger(__name__)

MAX_DEVICES: Final = 2000
"""Readers one pattern may stand for; the rest is refused, so that names cannot fill memory."""

CHECK_S: Final = 1.0
DEVICE: Final = "{device}"
_LEVEL: Final = re.compile(r"[^+#{}\x00]*")


def _topic(text: str) -> str:
    levels = text.split("/")
    for level in levels[:-1] if levels[-1] == "#" else levels:
        if level not in ("+", DEVICE) and not _LEVEL.fullmatch(level):
            raise ValueError(f"{level!r} is no level of a topic filter")
    if levels.count(DEVICE) > 1:
        raise ValueError(f"more than one {DEVICE}")
    return text


Topic = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_topic)]


class JsonReaderOptions(Options):
    """Where the readers publish. silent_s: after that long without a word one counts as lost."""

    topics: Annotated[tuple[Topic, ...], Field(min_length=1, max_length=16)]
    silent_s: Annotated[float, Field(gt=0, le=86_400)] | None = None
    task: ScanTask | None = None


class JsonReaders:
    """A driver for one reader or a family of them, by one maker's format."""

    def __init__(
        self,
        device: DeviceSettings,
        context: DriverContext,
        *,
        parse: Callable[[bytes], ReaderPayload],
    ) -> None:
        if context.mqtt is None or device.link != "mqtt":
            raise ConfigError(f"devices.{device.name}.link: must be 'mqtt' for {device.driver}")
        self._options = parse_options(JsonReaderOptions, device)
        self._device = device
        self._clock = context.clock
        self._mqtt = context.mqtt
        self._events = ReaderEvents(parse, self._options.task)
        self._readers = _Readers(device)
        self._intake: Intake | None = None
        self._was_full = asyncio.Event()
        self._half_done: tuple[MqttMessage, list[Arrival]] | None = None
        self._levels = {topic: topic.split("/") for topic in self._options.topics}
        if "*" in device.name and not all(DEVICE in levels for levels in self._levels.values()):
            raise ConfigError(
                f"devices.{device.name}.options.topics: needs a level {DEVICE} for a name with '*'"
            )

    def health(self) -> Sequence[DeviceHealth]:
        """Every reader heard of so far, by name; a configured one also before."""
        self._check_silence()
        return self._readers.health()

    def _check_silence(self) -> None:
        self._readers.check_silence(self._clock.monotonic(), self._options.silent_s)

    async def run(self, intake: Intake) -> None:
        """Serve until cancelled."""
        if self._intake is None:
            for levels in self._levels.values():
                name = "+" if "*" in self._device.name else self._device.name
                topic = "/".join(name if level == DEVICE else level for level in levels)
                self._mqtt.subscribe(topic, partial(self._on_message, levels=levels))
        self._intake = intake
        while True:
            try:
                async with asyncio.timeout(CHECK_S):
                    await self._was_full.wait()
            except TimeoutError:
                self._check_silence()
                continue
            self._was_full.clear()
            await intake.room()
            self._mqtt.resume()

    def _on_message(self, message: MqttMessage, levels: Sequence[str]) -> bool | None:
        half_done, self._half_done = self._half_done, None
        if half_done is not None and half_done[0] is message:
            return self._hand_over(message, half_done[1])
        name = self._name_on(message.topic, levels)
        if name is None:
            return None
        health = self._readers.heard(name, self._clock.monotonic())
        if health is None:
            return None
        if message.is_retained:
            health.count_error("retained message left out")
            message.acknowledge()
            return True
        readings = self._events.readings(message.payload, health, self._clock.wall_us())
        if not readings:
            message.acknowledge()
            return True
        n_unsettled = len(readings)

        def settle(_receipt: Receipt) -> None:
            nonlocal n_unsettled
            n_unsettled -= 1
            if n_unsettled == 0:
                message.acknowledge()

        arrivals = [Arrival(reading, settle, message.payload) for reading in readings]
        return self._hand_over(message, arrivals)

    def _hand_over(self, message: MqttMessage, arrivals: list[Arrival]) -> bool:
        """Put all arrivals of a message; False, and the rest kept for its return, if full."""
        while arrivals:
            if self._intake is None or not self._intake.put_nowait(arrivals[0]):
                self._half_done = message, arrivals
                self._was_full.set()
                return False
            del arrivals[0]
        return True

    def _name_on(self, topic: str, levels: Sequence[str]) -> str | None:
        if DEVICE not in levels:
            return self._device.name
        name = topic.split("/")[levels.index(DEVICE)]
        return name if is_id(name) and fnmatchcase(name, self._device.name) else None


class _Readers:
    """The readers of a family: their health, and when they were heard."""

    def __init__(self, device: DeviceSettings) -> None:
        self._device = device
        self._health: dict[str, DeviceHealth] = {}
        self._heard_s: dict[str, float] = {}
        if "*" not in device.name:
            self._health[device.name] = DeviceHealth(device.name, device.driver, "mqtt")

    def health(self) -> list[DeviceHealth]:
        return [self._health[name] for name in sorted(self._health)]

    def heard(self, name: str, now_s: float) -> DeviceHealth | None:
        """The health of a reader that has just spoken; None if there are too many of them."""
        health = self._health.get(name)
        if health is None:
            if len(self._health) >= MAX_DEVICES:
                return None
            health = self._health[name] = DeviceHealth(name, self._device.driver, "mqtt")
        self._heard_s[name] = now_s
        if health.state == "lost":
            health.n_reconnects += 1
            logger.info("device is online", extra={"action": "device_online", "device": name})
        health.state = "online"
        return health

    def check_silence(self, now_s: float, silent_s: float | None) -> None:
        """Call those lost who have said nothing for too long."""
        for name, heard_s in self._heard_s.items() if silent_s is not None else ():
            health = self._health[name]
            if health.state == "online" and now_s - heard_s > (silent_s or 0.0):
                health.state = "lost"
                logger.warning("device is lost", extra={"action": "device_lost", "device": name})
