"""The configuration file: TOML in, typed and frozen values out, or one ConfigError with a path.

Unknown keys are refused with their path, so that a typing mistake never becomes a default.
Secrets are not in the file: `*_file` keys name files that hold them (systemd credentials).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import time
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from gateway.errors import ConfigError

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
NameOrPattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9._*-]{1,64}$")]
LabelPattern = Annotated[str, Field(min_length=1, max_length=64)]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]

_CLOSED = ConfigDict(extra="forbid", frozen=True)


class GatewaySettings(BaseModel):
    """Who this gateway is."""

    model_config = _CLOSED

    id: Id
    warehouse: Id
    state_dir: Path
    """Where the journal lives; owned by the service user, mode 0700."""
    language: Literal["en", "zh"] = "en"
    """The language of messages to workers."""
    timezone: str = "UTC"
    """The warehouse's time zone (IANA name): an expiry day ends at its midnight."""

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("not a time zone of the IANA database") from error
        return name

    @property
    def canary_topic(self) -> str:
        """Where the gateway says something to itself."""
        return f"forepost/v1/{self.warehouse}/{self.id}/canary"


class JournalSettings(BaseModel):
    """How events are kept."""

    model_config = _CLOSED

    group_max: Annotated[int, Field(ge=1, le=10_000)] = 500
    """Entries in one commit at most."""
    group_wait_ms: Annotated[float, Field(ge=0, le=1000)] = 5.0
    """How long a commit waits for company; more saves flash wear, less saves latency."""
    max_bytes: Annotated[int, Field(ge=2**20)] = 4 * 2**30
    """Above this size devices are pushed back on; nothing acknowledged is dropped."""
    retention_days: Annotated[float, Field(ge=0, le=3650)] = 7.0
    """How long rows stay after the cloud has them, so that an older cloud can be refilled."""


class IntakeSettings(BaseModel):
    """The queue between devices and journal."""

    model_config = _CLOSED

    queue_max: Annotated[int, Field(ge=1, le=1_000_000)] = 2000
    group_max: Annotated[int, Field(ge=1, le=10_000)] = 500


class MqttSettings(BaseModel):
    """The broker of this warehouse."""

    model_config = _CLOSED

    host: str
    port: Port = 1883
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    keep_alive_s: Annotated[int, Field(ge=5, le=3600)] = 30
    receive_maximum: Annotated[int, Field(ge=1, le=65535)] = 500
    """Unacknowledged messages the broker may have out, as far as it honours that."""
    self_test_s: Annotated[float, Field(ge=0, le=86_400 * 7)] = 3600.0
    """How often it is tried out whether the broker keeps and delivers; 0: never."""


class CloudSettings(BaseModel):
    """The way up."""

    model_config = _CLOSED

    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")]
    token_file: Path
    key_file: Path | None = None
    """The box's own key, as `enrol` makes it: with it the token is renewed, in its file."""
    cloud_key_file: Path | None = None
    """The cloud's public key, as `enrol` was told it: what comes down must be signed by it."""
    require_signed: bool = True
    """False: believe what TLS says although there is a key; for the day the cloud has lost its."""
    ca_file: Path | None = None
    batch_events: Annotated[int, Field(ge=1, le=5000)] = 2000
    batch_bytes: Annotated[int, Field(ge=65_536, le=8 * 2**20)] = 2**20
    batch_wait_ms: Annotated[float, Field(ge=0, le=60_000)] = 200.0
    """How old the oldest unsent event may get before a batch goes out half full."""
    deadline_s: Annotated[float, Field(gt=0, le=45)] = 20.0
    """For one whole exchange, first byte to last."""
    poll_s: Seconds = 5.0
    """How often the cloud is asked for changes."""
    bytes_per_hour: Annotated[int, Field(ge=10_000)] | None = None
    """For a line that is paid by the byte: what may go over it; events wait for their turn."""


class PlannerSettings(BaseModel):
    """When and how replenishment is planned here."""

    model_config = _CLOSED

    solver: Literal["hybrid", "matrix"] = "hybrid"
    seed: Annotated[int, Field(ge=0)] = 1
    time_limit_s: Annotated[float, Field(gt=0, le=45)] = 5.0
    memory_mb: Annotated[int, Field(ge=256, le=2**20)] = 2048
    """What the solver's process may map; a case that needs more is planned by stock levels."""
    gather_s: Annotated[float, Field(ge=0, le=3600)] = 2.0
    """Triggers that come within this window share one plan."""
    quiet_s: Annotated[float, Field(ge=0, le=86_400 * 7)] = 3600.0
    """One cause for one item fires at most once in this window, and not in the next."""
    daily_at: Annotated[tuple[time, ...], Field(max_length=24)] = ()
    """Times of day (the warehouse's own, HH:MM) at which everything is planned."""
    policy_age_max_s: Annotated[float, Field(ge=3600, le=86_400 * 365)] = 259_200.0
    """The cloud's policies are good for so long after it was heard of; then demand is forecast
    here."""
    network_age_max_s: Annotated[float, Field(ge=3600, le=86_400 * 365)] = 1_209_600.0
    """Planned with a network document of which nothing was heard for longer, a plan says so."""
    forecast_at: time = time(3, 0)
    """The time of day (the warehouse's own) at which that is done."""
    dark_after_s: Annotated[float, Field(ge=7200, le=86_400 * 30)] = 14_400.0
    """At a central warehouse: one that was not heard of for longer is planned by estimates."""
    keep_days: Annotated[int, Field(ge=7, le=3650)] = 90
    """Plans that ended so long ago leave the read model."""


class SmoothingSettings(BaseModel):
    """When a tag counts as here and when as gone."""

    model_config = _CLOSED

    window_s: Seconds = 2.0
    """Within this time a tag must be read …"""
    min_reads: Annotated[int, Field(ge=1, le=1000)] = 2
    """… so many times."""
    gone_after_s: Seconds = 10.0
    """Not read for so long, it has left."""
    rssi_floor_dbm: Annotated[float, Field(ge=-150, le=0)] = -80.0
    """Weaker reads are strays."""
    stray_margin_db: Annotated[float, Field(ge=0, le=100)] = 10.0
    """So much weaker than at another antenna where the tag stands just now: a stray too."""


class ReadPointSettings(BaseModel):
    """One antenna of a reader, where it differs from `[smoothing]`."""

    model_config = _CLOSED

    antenna: Annotated[int, Field(ge=0, le=65_535)]
    zone: Id | None = None
    """Where the antenna looks; default: the device's zone."""
    window_s: Seconds | None = None
    min_reads: Annotated[int, Field(ge=1, le=1000)] | None = None
    gone_after_s: Seconds | None = None
    rssi_floor_dbm: Annotated[float, Field(ge=-150, le=0)] | None = None
    stray_margin_db: Annotated[float, Field(ge=0, le=100)] | None = None


class SensorSettings(BaseModel):
    """When a climate sensor is not to be believed any more."""

    model_config = _CLOSED

    silent_s: Seconds = 900.0
    """Without a reading for so long it is silent."""
    missed_max: Annotated[int, Field(ge=1, le=10_000)] = 6
    """So many unanswered questions in a row, and it is silent before that time."""
    min_c: Annotated[float, Field(ge=-273, le=1000)] = -40.0
    max_c: Annotated[float, Field(ge=-273, le=1000)] = 85.0
    """What the sensors can physically measure."""
    stuck_s: Annotated[float, Field(gt=0, le=86_400 * 30)] = 21_600.0
    """Temperature and humidity unchanged for so long."""
    drift_c: Annotated[float, Field(gt=0, le=100)] = 3.0
    """So far from every other sensor of its zone …"""
    drift_s: Annotated[float, Field(gt=0, le=86_400 * 30)] = 1800.0
    """… for so long."""
    recover_readings: Annotated[int, Field(ge=1, le=1000)] = 3
    """Good readings in a row that end a fault."""

    @model_validator(mode="after")
    def _has_a_range(self) -> SensorSettings:
        if self.min_c >= self.max_c:
            raise ValueError("min_c: must be below max_c")
        return self


class LabelSettings(BaseModel):
    """The house's own labels that are no goods: patterns such as `R-*`, by what they name."""

    model_config = _CLOSED

    location: tuple[LabelPattern, ...] = ()
    container: tuple[LabelPattern, ...] = ()
    worker: tuple[LabelPattern, ...] = ()
    document: tuple[LabelPattern, ...] = ()

    def patterns(self) -> tuple[tuple[str, str], ...]:
        """Kind and pattern of each, in the order in which they are tried."""
        kinds = ("location", "container", "worker", "document")
        return tuple((kind, pattern) for kind in kinds for pattern in getattr(self, kind))


class StatusSettings(BaseModel):
    """Where `forepost-gateway status` asks."""

    model_config = _CLOSED

    socket: Path | None = None
    """UNIX socket; default: `status.sock` in the state directory."""


class PagesSettings(BaseModel):
    """The box's own pages; without this table there are none."""

    model_config = _CLOSED

    address: str = "127.0.0.1"
    """Where they are served: an address of this box, without certificate a loopback one."""
    port: Port = 8080
    hosts: tuple[str, ...] = ()
    """More names by which browsers call this box."""
    cert_file: Path | None = None
    key_file: Path | None = None
    websocket_port: Port | None = None
    """Where PDA pages reach the broker by WebSocket, on this box."""

    @property
    def is_loopback(self) -> bool:
        """Whether only this box itself gets here."""
        return ip_address(self.address).is_loopback

    @model_validator(mode="after")
    def _is_safe(self) -> PagesSettings:
        try:
            is_loopback = self.is_loopback
        except ValueError as error:
            raise ValueError("address: not an IP address") from error
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together")
        if not is_loopback and self.cert_file is None:
            raise ValueError("address: needs cert_file and key_file if it is not a loopback one")
        return self


class DeviceSettings(BaseModel):
    """One device, or with `*` in the name a family of MQTT devices."""

    model_config = _CLOSED

    name: NameOrPattern
    driver: Id
    link: Annotated[str, Field(min_length=1, max_length=500)]
    zone: Id | None = None
    """The temperature zone or read point it stands in, where the device does not say so."""
    options: Mapping[str, object] = Field(default_factory=dict)
    """The driver's own settings; the driver refuses what it does not know."""
    read_points: tuple[ReadPointSettings, ...] = ()
    """A reader's antennas that stand for something of their own."""


class Settings(BaseModel):
    """The whole file."""

    model_config = _CLOSED

    gateway: GatewaySettings
    journal: JournalSettings = JournalSettings()
    intake: IntakeSettings = IntakeSettings()
    mqtt: MqttSettings | None = None
    cloud: CloudSettings | None = None
    planner: PlannerSettings = PlannerSettings()
    smoothing: SmoothingSettings = SmoothingSettings()
    sensors: SensorSettings = SensorSettings()
    labels: LabelSettings = LabelSettings()
    status: StatusSettings = StatusSettings()
    pages: PagesSettings | None = None
    devices: tuple[DeviceSettings, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> Settings:
        names = [device.name for device in self.devices]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"devices: the name {repeated[0]!r} is used more than once")
        if self.mqtt is None and any(device.link == "mqtt" for device in self.devices):
            raise ValueError("mqtt: needed, because a device has link 'mqtt'")
        return self

    @property
    def status_socket(self) -> Path:
        """Where the running gateway answers status requests."""
        return self.status.socket or self.gateway.state_dir / "status.sock"


def parse_settings(text: str, *, source: str) -> Settings:
    """The settings in a TOML text; `source` names it in errors. Raises ConfigError."""
    try:
        told = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits and a list in a thousand lists are no TOMLDecodeError.
        raise ConfigError(f"{source}: not TOML: {error}") from error
    try:
        return Settings.model_validate(told)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        path = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "unknown key"
        elif problem["type"] == "missing":
            message = "missing"
        elif problem["loc"]:
            message = f"{message}, got {problem['input']!r}"
        raise ConfigError(f"{source}: {path + ': ' if path else ''}{message}") from error


def load_settings(path: Path) -> Settings:
    """The settings in a file. Raises ConfigError, also for a file that cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{path}: cannot be read: {reason}") from error
    return parse_settings(text, source=str(path))
