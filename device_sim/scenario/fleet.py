"""The devices of a scenario: how the gateway is told of each, how each is started, its book."""

from __future__ import annotations

from collections.abc import Iterable

from device_sim.scenario.books import BusBook, ReaderBook, ScannerBook, SensorBook
from device_sim.scenario.model import (
    Bus,
    Device,
    LlrpReader,
    MqttReader,
    Pda,
    Reader,
    Scanner,
    Sensor,
    SerialReader,
)
from device_sim.scenario.orders import RSSI_OFFSET_DB
from device_sim.stage.configuration import Site

READ_POINT = "DOCK"
BELT = "BELT"
BAUD = {"m100": 115_200, "uhfreader18": 57_600, "xy-md02": 9600, "serial-scanner": 9600}

Book = SensorBook | BusBook | ReaderBook | ScannerBook


SENSORS = """
[sensors]
silent_s = 12.0
missed_max = 6
stuck_s = 15.0
drift_c = 3.0
drift_s = 6.0
"""
"""A gateway of ours looks on for seconds where one in a warehouse looks on for hours."""


def gateway_toml(devices: Iterable[Device], site: Site) -> str:
    """What a gateway of ours is configured with beside what every one is."""
    return SENSORS + gateway_devices(devices, site)


def gateway_devices(devices: Iterable[Device], site: Site) -> str:
    """The `[[devices]]` of a site's gateway, as TOML."""
    return "".join(_gateway_device(d, site) for d in devices if d.warehouse == site.warehouse)


def _gateway_device(device: Device, site: Site) -> str:
    driver: str = device.kind
    link, more = "mqtt", ""
    if device.kind in BAUD:
        link = f"serial://{site.pty(device.name)}?baud={BAUD[device.kind]}"
    match device:
        case Sensor():
            driver = "mqtt-climate"
        case Bus():
            units = ", ".join(
                f'{{ address = {address}, zone = "{zone}" }}'
                for address, zone in device.units.items()
            )
            more = f"options = {{ period_s = {device.period_s}, units = [{units}] }}\n"
        case SerialReader() if device.kind == "uhfreader18":
            more = f"options = {{ timeout_s = 0.3, rssi_offset_db = {RSSI_OFFSET_DB} }}\n"
        case MqttReader():
            more = f'options = {{ topics = ["{reader_topic(device)}"] }}\n'
        case LlrpReader():
            link = f"tcp://127.0.0.1:{device.port}"
        case Scanner():
            task = f'{{ type = "inspect", location = "{BELT}" }}'
            more = f"options = {{ task = {task} }}\n"
    if isinstance(device, Reader):
        more += f'zone = "{READ_POINT}"\n'
    head = f'\n[[devices]]\nname = "{device.name}"\ndriver = "{driver}"\nlink = "{link}"\n'
    return head + more


def reader_topic(reader: MqttReader) -> str:
    """Where a reader publishes that knows nothing of ours."""
    return f"makers/{reader.warehouse}/{reader.name}/events"


def is_on_mqtt(device: Device) -> bool:
    """Whether it needs the broker's address."""
    return isinstance(device, Pda | Sensor | MqttReader)


def program_kind(device: Device) -> str:
    """What `forepost-sim device` calls it."""
    return "json-reader" if isinstance(device, MqttReader) else device.kind


def device_options(device: Device, site: Site) -> tuple[str, ...]:
    """What `forepost-sim device KIND` is given for it, but for broker and seed."""
    mqtt = ("--warehouse", device.warehouse, "--name", device.name)
    port = ("--link", str(site.pty(device.name)))
    match device:
        case Pda():
            return (*mqtt, *_faults(device.line), f"--clock-skew={device.clock_skew_s}")
        case Sensor():
            return (*mqtt, "--zone", device.zone, "--period", str(device.period_s))
        case Bus():
            units = [f"--unit={address}={zone}" for address, zone in device.units.items()]
            return (*port, *units, *_faults(device.line))
        case MqttReader():
            return (*mqtt, "--make", device.kind, "--topic", reader_topic(device))
        case LlrpReader():
            return ("--at", f"127.0.0.1:{device.port}", "--antennas", "1")
        case SerialReader() | Scanner():
            return (*port, *_faults(device.line))


def make_book(device: Device) -> Book:
    """The book of a device that is no PDA; a PDA's is its worker's ledger."""
    match device:
        case Sensor():
            return SensorBook(device.name, device.warehouse, device.zone)
        case Bus():
            return BusBook(device.name, device.warehouse, dict(device.units))
        case Scanner():
            return ScannerBook(device.name, device.warehouse)
        case Pda():
            raise AssertionError("a PDA's book is its worker's ledger")
        case _:
            book = ReaderBook(device.name, device.warehouse)
            book.is_on_mqtt = isinstance(device, MqttReader)
            return book


def health_names(devices: Iterable[Device]) -> dict[str, list[str]]:
    """Under which names the gateways' status shows the devices, by warehouse."""
    names: dict[str, list[str]] = {}
    for device in devices:
        units = device.units if isinstance(device, Bus) else None
        own = [device.name] if units is None else [f"{device.name}.{unit}" for unit in units]
        names.setdefault(device.warehouse, []).extend(own)
    return names


def _faults(rates: dict[str, float]) -> tuple[str, ...]:
    listed = ",".join(f"{name}={rate:g}" for name, rate in rates.items())
    return (f"--faults={listed}",) if rates else ()
