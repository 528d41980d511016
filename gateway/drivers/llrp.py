"""RFID readers that speak LLRP: Impinj, Zebra FX and most other fixed readers.

We connect to the reader, or it calls us (a link `tcp-listen://…`); from its first word on there
is no difference. The reader gets one operation that reads tags for ever. It goes on reading while
nobody is connected, and holds its reports where it can; after a reconnect the same operation is
found running, what was held is asked for, and nothing is set up anew.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from gateway.codecs import llrp_reports
from gateway.codecs import llrp_requests as requests
from gateway.codecs.llrp import LlrpRefused, Message, Parameter, encode_message
from gateway.codecs.llrp_reports import (
    IMPINJ,
    AntennaChanged,
    BufferFilling,
    BufferOverflowed,
    Capabilities,
    ConnectionAttempted,
    ConnectionClosing,
    Event,
    ReaderFailed,
    RoSpecChanged,
    TagReport,
    capabilities_of,
    events_of,
    lost_antennas,
    reader_time,
    rospecs_of,
    status_of,
    tag_reports,
)
from gateway.core.readings import Malformed, Stamp, Tag, TagRead
from gateway.drivers.llrp_talk import RequestRefused, Talk
from gateway.drivers.options import Options, parse_options
from gateway.drivers.serial_session import SerialSession
from gateway.errors import ConfigError, LinkLost
from gateway.ports import Arrival, ByteLink, Driver, Intake
from gateway.registry import DriverContext
from gateway.settings import DeviceSettings

logger = logging.getLogger(__name__)

SILENT_PERIODS: Final = 3
"""So many keep-alives may be missing before the reader is given up."""
LLRP_1_1: Final = 2

Antenna = Annotated[int, Field(ge=1, le=255)]


class LlrpOptions(Options):
    """What a reader is to do.

    antennas: none is all. power_dbm: the nearest that the reader has, not above; None leaves the
    reader's own. mode: its RF mode, by number. report_n_tags: a report is sent after so many
    tags; report_period_s: or after so long, with what was seen in it. rospec_id: the number of
    our operation; every other on the reader is removed. hold: let the reader keep its reports
    while nobody is connected, if it can.
    """

    antennas: Annotated[tuple[Antenna, ...], Field(max_length=64)] = ()
    power_dbm: Annotated[float, Field(ge=-10, le=40)] | None = None
    session: Annotated[int, Field(ge=0, le=3)] = 1
    tag_population: Annotated[int, Field(ge=1, le=65535)] = 32
    mode: Annotated[int, Field(ge=0, le=65535)] | None = None
    report_n_tags: Annotated[int, Field(ge=0, le=65535)] = 1
    report_period_s: Annotated[float, Field(ge=0.01, le=3600)] | None = None
    keepalive_s: Annotated[float, Field(ge=0.01, le=600)] = 10.0
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    hold: bool = True
    rospec_id: Annotated[int, Field(ge=1, le=2**32 - 1)] = 1
    version: Literal["1.0.1", "1.1"] = "1.0.1"

    @model_validator(mode="after")
    def _reports_come(self) -> Self:
        if self.report_n_tags == 0 and self.report_period_s is None:
            raise ValueError("report_n_tags = 0 reports nothing without a report_period_s")
        return self


class LlrpReader(SerialSession):
    """One reader."""

    is_up_when_open = False

    def __init__(self, device: DeviceSettings, context: DriverContext) -> None:
        super().__init__(device, context)
        if not device.link.startswith(("tcp://", "tcp-listen://")):
            raise ConfigError(f"devices.{device.name}.link: LLRP is spoken over TCP")
        self._options = parse_options(LlrpOptions, device)
        self._uptime_origin_us = 0
        self._lost_antennas: set[int] = set()
        self._is_greeted = False
        self._is_running = False
        self._had_operation = False

    async def serve(self, link: ByteLink, intake: Intake) -> None:
        """Greet, set up, and take what the reader sends."""

        async def take(message: Message) -> None:
            await self._take(message, talk, intake)

        async def refuse(raw: bytes, reason: str) -> None:
            self.own_health.count_error("malformed")
            await intake.put(Arrival(Malformed(self._stamp(), raw, "llrp", reason), raw=raw))

        options = self._options
        talk = Talk(
            self.device.link,
            link,
            self.context.clock,
            timeout_s=options.timeout_s,
            take=take,
            refuse=refuse,
        )
        self._is_greeted = self._is_running = False
        self._lost_antennas.clear()
        try:
            await self._greet(talk, take)
            await self._set_up(talk)
            self.link_is_up()
            self._is_running = True
            self._show_antennas()
            await talk.listen(SILENT_PERIODS * options.keepalive_s)
        except LinkLost as error:
            if isinstance(error, RequestRefused):
                self.own_health.count_error(f"{error.request.name} refused")
            await talk.drain()
            raise

    async def _greet(self, talk: Talk, take: Callable[[Message], Awaitable[None]]) -> None:
        """Wait for the reader's first word: that it takes the connection."""
        deadline = self.context.clock.monotonic() + self._options.timeout_s
        while not self._is_greeted:
            left_s = deadline - self.context.clock.monotonic()
            message = await talk.next(left_s, "no word of greeting")
            if message is not None:
                await take(message)

    # ------------------------------------------------------------ setting up

    async def _set_up(self, talk: Talk) -> None:
        """Have our operation run, and reports come."""
        options = self._options
        if options.version == "1.1":
            await self._agree_on_version(talk)
        answer = await talk.demand(requests.get_capabilities())
        try:
            capabilities = capabilities_of(answer)
        except LlrpRefused as refusal:
            raise LinkLost(self.device.link, str(refusal)) from refusal
        self.own_health.firmware = capabilities.firmware or None
        power = self._check(capabilities)
        has_impinj_rssi = capabilities.manufacturer == IMPINJ and (
            status_of(await talk.ask(requests.enable_impinj_extensions())).code == 0
        )
        holds = options.hold if capabilities.can_hold else None
        await talk.demand(
            requests.set_reader_config(
                keepalive_ms=round(options.keepalive_s * 1000),
                holds=holds,
                warns_of_buffer=capabilities.can_warn_of_buffer,
            )
        )
        period_s = options.report_period_s
        inventory = requests.Inventory(
            rospec_id=options.rospec_id,
            antennas=options.antennas,
            session=options.session,
            tag_population=options.tag_population,
            mode=options.mode,
            power=power,
            n_tags=options.report_n_tags,
            period_ms=None if period_s is None else round(period_s * 1000),
            has_impinj_rssi=has_impinj_rssi,
        )
        found = rospecs_of(await talk.demand(requests.get_rospecs()))
        if holds is not None:
            # Before anything is removed: what the reader holds may go with its operation.
            await talk.send(requests.enable_events_and_reports())
        await self._operate(talk, inventory, found)
        if options.antennas:
            config = await talk.demand(requests.get_antenna_properties())
            self._lost_antennas |= lost_antennas(config) & set(options.antennas)

    async def _agree_on_version(self, talk: Talk) -> None:
        """Speak LLRP 1.1 with a reader that does; with another, go on in 1.0.1."""
        answer = await talk.ask(requests.get_supported_version())
        if status_of(answer).code == 0 and answer.values and answer.number(1) >= LLRP_1_1:
            await talk.demand(requests.set_protocol_version(LLRP_1_1))
            talk.version = LLRP_1_1

    def _check(self, capabilities: Capabilities) -> tuple[int, int] | None:
        """The power as the reader's table has it. Raises LinkLost if it cannot do as told."""
        options = self._options
        missing = [n for n in options.antennas if n > capabilities.n_antennas]
        if missing:
            raise self._impossible(
                f"antenna {missing[0]}, and the reader has {capabilities.n_antennas}"
            )
        if options.mode is not None and options.mode not in capabilities.modes:
            known = ", ".join(map(str, sorted(capabilities.modes)))
            raise self._impossible(f"mode {options.mode}, and the reader has {known}")
        if options.power_dbm is None:
            return None
        limit = round(options.power_dbm * 100)
        table = {power: i for i, power in capabilities.powers_centi_dbm.items() if power <= limit}
        if not table:
            raise self._impossible(f"power_dbm {options.power_dbm:g}, less than the reader has")
        return table[max(table)], capabilities.hop_table

    def _impossible(self, what: str) -> LinkLost:
        self.own_health.count_error("options impossible")
        return LinkLost(self.device.link, f"the options ask for {what}")

    async def _operate(
        self, talk: Talk, inventory: requests.Inventory, found: list[Parameter]
    ) -> None:
        """Leave the operation that is already running, or make it the only one."""
        wanted = requests.make_rospec(inventory)
        ours = [rospec for rospec in found if rospec.number(0) == inventory.rospec_id]
        if self._had_operation and not ours:
            self.own_health.count_error("operation forgotten")
            logger.warning(
                "the reader was restarted or reset",
                extra={"action": "reader_restarted", "device": self.device.name},
            )
        is_running = (
            len(found) == 1
            and requests.is_same_rospec(wanted, found[0])
            and found[0].number(2) == requests.ACTIVE
        )
        if not is_running:
            for rospec in found:
                await talk.demand(requests.delete_rospec(rospec.number(0)))
            await talk.demand(requests.add_rospec(inventory))
            await talk.demand(requests.enable_rospec(inventory.rospec_id))
            await talk.demand(requests.start_rospec(inventory.rospec_id))
        self._had_operation = True

    # ------------------------------------------------------------ what the reader says

    async def _take(self, message: Message, talk: Talk, intake: Intake) -> None:
        self.own_health.last_seen_us = self.context.clock.wall_us()
        match message.type:
            case llrp_reports.KEEPALIVE:
                await talk.send(requests.keepalive_ack(message))
            case llrp_reports.RO_ACCESS_REPORT:
                await self._report(message, intake)
            case llrp_reports.READER_EVENT_NOTIFICATION:
                for event in events_of(message):
                    self._notice(event)
                    if event == ConnectionAttempted(0):
                        self._compare_clocks(message)
            case _:
                self.own_health.count_error(f"unexpected {message.name}")

    async def _report(self, message: Message, intake: Intake) -> None:
        health = self.own_health
        try:
            reports = tag_reports(message)
        except LlrpRefused as refusal:
            health.count_error("malformed")
            raw = encode_message(message)
            await intake.put(Arrival(Malformed(self._stamp(), raw, "llrp", str(refusal)), raw=raw))
            return
        tags = tuple(self._tag(report) for report in reports if report.epc)
        if len(tags) < len(reports):
            health.count_error("tag without EPC")
        if tags:
            health.n_reads += len(tags)
            health.last_reading = f"{len(tags)} tags"
            await intake.put(Arrival(TagRead(self._stamp(), tags)))

    def _tag(self, report: TagReport) -> Tag:
        """A clockless reader's times are counted from the moment of its greeting."""
        first_us, last_us = report.first_us, report.last_us
        if first_us is None and report.first_uptime_us is not None:
            first_us = self._uptime_origin_us + report.first_uptime_us
        if last_us is None and report.last_uptime_us is not None:
            last_us = self._uptime_origin_us + report.last_uptime_us
        return Tag(
            epc=report.epc,
            antenna=report.antenna or 0,
            rssi_centi_dbm=report.rssi_centi_dbm,
            count=report.count or 1,
            first_us=first_us,
            last_us=last_us,
        )

    def _compare_clocks(self, message: Message) -> None:
        """By the greeting, which alone is never held."""
        utc_us, uptime_us = reader_time(message)
        now_us = self.context.clock.wall_us()
        if utc_us is not None:
            self.own_health.clock_offset_us = now_us - utc_us
        if uptime_us is not None:
            self._uptime_origin_us = now_us - uptime_us

    def _notice(self, event: Event) -> None:
        """Put an event into health. Raises LinkLost if there is no going on after it."""
        health = self.own_health
        match event:
            case ConnectionAttempted(status=0):
                self._is_greeted = True
            case ConnectionAttempted(text=text):
                health.count_error(text)
                if not self._is_greeted:
                    raise LinkLost(self.device.link, f"connection refused: {text}")
            case ConnectionClosing():
                raise LinkLost(self.device.link, "the reader closes the connection")
            case AntennaChanged():
                self._notice_antenna(event)
            case RoSpecChanged(kind=kind, rospec_id=rospec_id):
                is_over = kind != 0 and rospec_id == self._options.rospec_id
                if is_over and self._is_running:
                    health.count_error("operation ended")
                    raise LinkLost(self.device.link, "the reader ended its operation")
            case BufferFilling():
                health.count_error("report buffer filling")
            case BufferOverflowed():
                health.count_error("report buffer overflow")
                self._log_trouble(logging.ERROR, "the reader lost reports")
            case ReaderFailed(text=text):
                health.count_error("reader exception")
                self._log_trouble(logging.WARNING, text[:200])

    def _notice_antenna(self, event: AntennaChanged) -> None:
        """An antenna that the options leave out may come and go."""
        wanted = self._options.antennas
        if event.is_connected:
            self._lost_antennas.discard(event.antenna)
        elif not wanted or event.antenna in wanted:
            self._lost_antennas.add(event.antenna)
            self.own_health.count_error(f"antenna {event.antenna} lost")
        self._show_antennas()

    def _log_trouble(self, level: int, reason: str) -> None:
        logger.log(
            level,
            "reader in trouble",
            extra={"action": "reader_trouble", "device": self.device.name, "reason": reason},
        )

    def _show_antennas(self) -> None:
        if self._is_running:
            self.own_health.state = "faulty" if self._lost_antennas else "online"

    def _stamp(self) -> Stamp:
        return Stamp(self.device.name, None, None, None, self.context.clock.wall_us())


def make_driver(device: DeviceSettings, context: DriverContext) -> Driver:
    """A driver for one reader."""
    return LlrpReader(device, context)
