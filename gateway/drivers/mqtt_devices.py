"""What all devices on MQTT have in common: topics, back-pressure, receipts, health.

One driver serves one configured name, which may be a pattern (`pda-*`). A message whose device
does not match is left to other drivers. Results go to `…/{device}/result`, and only then, after
the commit, does the broker get its PUBACK.

A device that floods is held to its pace: what is beyond is acknowledged to the broker, so that it
stands in nobody's way, and gets no receipt, so that a handheld keeps it and sends it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Final

from pydantic import Field

from gateway.codecs.mqtt_payloads import Status, encode_result, parse_payload
from gateway.core.pacing import Pace
from gateway.core.readings import ClimateSample, Malformed, Reading, Scan, TagRead
from gateway.drivers.options import Options, parse_options
from gateway.errors import ConfigError
from gateway.ports import Arrival, DeviceHealth, Intake, MqttMessage, Receipt
from gateway.registry import DriverContext
from gateway.settings import DeviceSettings

logger = logging.getLogger(__name__)

TOPICS_REMEMBERED: Final = 4096
MAX_DEVICES: Final = 2000
"""Devices one pattern may stand for; the rest is refused, so that names cannot fill memory."""
BURST_S: Final = 10
"""What a device may send beyond its pace, as seconds of it: it was without network for a while."""
TOO_FAST: Final = "too fast"


class MqttOptions(Options):
    """`options` of an MQTT device.

    any_warehouse: take the topics of other warehouses too. silent_s: after that long without a
    word a device counts as lost, whatever its last will says. max_per_s: the messages a second
    that one device may send for ever.
    """

    any_warehouse: bool = False
    max_per_s: Annotated[float, Field(ge=1, le=100_000)] = 500.0
    silent_s: Annotated[float, Field(gt=0, le=86_400)] | None = None


@dataclass(slots=True)
class _Sender:
    """Whoever publishes on a topic. is_listed: False for a name beyond MAX_DEVICES."""

    name: str
    channel: str
    result_topic: str
    health: DeviceHealth
    is_listed: bool
    pace: Pace


class MqttDevices:
    """A driver for one channel of one name or family of names."""

    def __init__(
        self, device: DeviceSettings, context: DriverContext, *, channels: Sequence[str]
    ) -> None:
        if context.mqtt is None or device.link != "mqtt":
            raise ConfigError(f"devices.{device.name}.link: must be 'mqtt' for {device.driver}")
        self._options = options = parse_options(MqttOptions, device)
        self._device = device
        self._clock = context.clock
        self._mqtt = context.mqtt
        self._channels = channels
        self._warehouse = "+" if options.any_warehouse else context.warehouse
        self._health: dict[str, DeviceHealth] = {}
        self._heard_s: dict[str, float] = {}
        self._last_readings: dict[str, Reading] = {}
        self._senders: dict[str, _Sender] = {}
        self._paces: dict[str, Pace] = {}
        self._strangers = self._new_pace()
        self._intake: Intake | None = None
        self._was_full = asyncio.Event()
        if "*" not in device.name:
            self._health_of(device.name)

    def health(self) -> Sequence[DeviceHealth]:
        """Every device of the family heard of so far, by name; a configured one also before."""
        self._check_silence()
        for name, reading in self._last_readings.items():
            self._health[name].last_reading = summary(reading)
        self._last_readings.clear()
        return [self._health[name] for name in sorted(self._health)]

    async def run(self, intake: Intake) -> None:
        """Serve until cancelled."""
        if self._intake is None:
            name = "+" if "*" in self._device.name else self._device.name
            for channel in (*self._channels, "status"):
                self._mqtt.subscribe(
                    f"forepost/v1/{self._warehouse}/{name}/{channel}", self._on_message
                )
        self._intake = intake
        while True:
            await self._was_full.wait()
            self._was_full.clear()
            await intake.room()
            self._mqtt.resume()

    def _on_message(self, message: MqttMessage) -> bool | None:
        sender = self._senders.get(message.topic) or self._sender_on(message.topic)
        if sender is None:
            return None
        health, now_s = sender.health, self._clock.monotonic()
        if sender.is_listed:
            self._heard_s[sender.name] = now_s
        if not sender.pace.allows(now_s):
            self._hold_back(health)
            message.acknowledge()
            return True
        received_at_us = self._clock.wall_us()
        parsed = parse_payload(
            sender.channel, message.payload, device=sender.name, received_at_us=received_at_us
        )
        if isinstance(parsed.reading, Status):
            self._take_status(parsed.reading, health)
            message.acknowledge()
            return True
        reading = parsed.reading

        def settle(receipt: Receipt) -> None:
            is_answered = isinstance(reading, Scan) or (
                isinstance(reading, TagRead) and reading.task is not None
            )
            if is_answered or receipt.status == "refused":
                encoded = receipt.encoded or encode_result(receipt.body)
                self._mqtt.publish(sender.result_topic, encoded)
            message.acknowledge()

        if self._intake is None or not self._intake.put_nowait(
            Arrival(reading, settle, message.payload)
        ):
            self._was_full.set()
            return False
        self._note(reading, sender, received_at_us)
        for key in parsed.unknown_keys:
            health.count_error(f"unknown key {key[:40]}")
        return True

    def _sender_on(self, topic: str) -> _Sender | None:
        """Who publishes there; None if the name is not ours."""
        _, _, warehouse, name, channel = topic.split("/")
        if not fnmatchcase(name, self._device.name):
            return None
        if len(self._senders) >= TOPICS_REMEMBERED:
            self._senders.clear()
        result_topic = f"forepost/v1/{warehouse}/{name}/result"
        health = self._health_of(name)
        is_listed = name in self._health
        # One pace for all that are beyond the list: names made up do not get one each.
        pace = self._paces.setdefault(name, self._new_pace()) if is_listed else self._strangers
        sender = _Sender(name, channel, result_topic, health, is_listed, pace)
        self._senders[topic] = sender
        return sender

    def _health_of(self, name: str) -> DeviceHealth:
        health = self._health.get(name)
        if health is None:
            health = DeviceHealth(name, self._device.driver, "mqtt", zone=self._zone_of(name))
            if len(self._health) < MAX_DEVICES:
                self._health[name] = health
        return health

    def _new_pace(self) -> Pace:
        per_s = self._options.max_per_s
        return Pace(per_s, per_s * BURST_S, self._clock.monotonic())

    def _hold_back(self, health: DeviceHealth) -> None:
        """A message beyond its sender's pace; the first of a flood is a line in the log."""
        if health.state != "faulty":
            logger.warning(
                "device sends too fast and is held back",
                extra={"action": "device_throttled", "device": health.name},
            )
        self._set_state(health, "faulty")
        health.count_error(TOO_FAST)

    def _zone_of(self, name: str) -> str | None:
        """The zone of a sensor; None for what is no sensor."""
        return (self._device.zone or name) if "climate" in self._channels else None

    def _check_silence(self) -> None:
        limit_s, now_s = self._options.silent_s, self._clock.monotonic()
        for name, health in self._health.items():
            quiet_s = now_s - self._heard_s.get(name, now_s)
            if health.state == "faulty" and not self._paces[name].is_flooding(now_s):
                self._set_state(health, "online")
            if limit_s is not None and health.state == "online" and quiet_s > limit_s:
                self._set_state(health, "lost")

    def _set_state(self, health: DeviceHealth, state: str) -> None:
        """Change a state; a device's going and its return are a line each."""
        if health.state != state:
            logger.info(
                "device is %s", state, extra={"action": f"device_{state}", "device": health.name}
            )
        health.state = state

    def _take_status(self, status: Status, health: DeviceHealth) -> None:
        self._set_state(health, "online" if status.is_online else "lost")
        if status.battery_pct is not None:
            health.battery_pct = status.battery_pct
        health.firmware = status.firmware or health.firmware

    def _note(self, reading: Reading, sender: _Sender, received_at_us: int) -> None:
        health = sender.health
        if health.state != "online" and not sender.pace.is_flooding(self._clock.monotonic()):
            self._set_state(health, "online")
        health.last_seen_us = received_at_us
        health.n_reads += 1
        if sender.is_listed:
            self._last_readings[health.name] = reading  # put into words when somebody asks
        if isinstance(reading, Malformed):
            health.count_error(reading.kind)
        elif isinstance(reading, ClimateSample) and reading.battery_pct is not None:
            health.battery_pct = reading.battery_pct


def summary(reading: Reading) -> str:
    """A reading in a few words for people."""
    if isinstance(reading, ClimateSample):
        celsius, humidity = reading.temperature_centi_c, reading.humidity_centi_pct
        parts = [
            "" if celsius is None else f"{celsius / 100:.2f} °C",
            "" if humidity is None else f"{humidity / 100:.1f} %",
        ]
        return " ".join(part for part in parts if part)
    if isinstance(reading, Scan):
        task = "scan" if reading.task is None else reading.task.type
        gtin = reading.symbol.gtin if reading.symbol is not None else None
        return f"{task} {gtin or reading.data[:24]!r}"
    if isinstance(reading, TagRead):
        return f"{len(reading.tags)} tags"
    return f"refused: {reading.reason[:60]}"
