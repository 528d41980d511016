"""What a fault means to the device it happens to: the order that begins it, the one that ends it.

Pure. Faults that happen to no device (a broker, a gateway, the line to the cloud, everybody) and
the clash of two devices are done by scenario/trouble.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from device_sim.scenario.model import (
    Bus,
    ClockSkew,
    Device,
    Fault,
    LineFault,
    LlrpReader,
    MissedReads,
    Pda,
    PdaOffline,
    PlainDeviceFault,
    SensorDrifting,
    SerialReader,
)

Order = dict[str, object]

PLAIN: Final[dict[str, tuple[Order, Order | None]]] = {
    "cable_pulled": ({"do": "unplug"}, {"do": "plug"}),
    "reader_reboot": ({"do": "reboot"}, None),
    "sensor_dead": ({"do": "silence", "on": True}, {"do": "silence", "on": False}),
    "sensor_stuck": ({"do": "stick", "on": True}, {"do": "stick", "on": False}),
}
RSSI_OFFSET_DB: Final = -129
"""What makes an RSSI in dBm of the number that a UHFReader18 says."""
DEAD_UNIT: Final[tuple[Order, Order]] = (
    {"do": "unit", "state": "dead"},
    {"do": "unit", "state": "ok"},
)


def field_order(device: Device, tags: Sequence[tuple[str, int]], do: str = "field") -> Order:
    """Tags before a reader (or passing it once), RSSI in dBm, as its kind counts it."""
    match device:
        case LlrpReader():
            do = "pass" if do == "stray" else do
            return {"do": do, "tags": [[epc, 1, rssi * 100] for epc, rssi in tags]}
        case SerialReader() if device.kind == "uhfreader18":
            return {"do": do, "tags": [[epc, rssi - RSSI_OFFSET_DB] for epc, rssi in tags]}
        case _:
            return {"do": do, "tags": [[epc, rssi] for epc, rssi in tags]}


def orders_of(fault: Fault, device: Device) -> tuple[Order, Order | None] | None:
    """The two orders; None for a fault that is not done by orders."""
    begin: Order
    end: Order | None
    match fault:
        case LineFault():
            usual = getattr(device, "line", {})
            begin = {"do": "line", "rates": usual | fault.rates}
            end = {"do": "line", "rates": usual}
        case SensorDrifting():
            begin = {"do": "drift", "celsius_per_s": fault.celsius_per_s}
            end = {"do": "drift", "celsius_per_s": 0.0}
        case MissedReads() if isinstance(device, LlrpReader):
            begin, end = {"do": "air", "missed": fault.share}, {"do": "air"}
        case MissedReads():
            begin, end = {"do": "miss", "share": fault.share}, {"do": "miss", "share": 0.0}
        case ClockSkew():
            usual_s = device.clock_skew_s if isinstance(device, Pda) else 0.0
            begin, end = (
                {"do": "clock", "skew_s": fault.skew_s},
                {"do": "clock", "skew_s": usual_s},
            )
        case PdaOffline():
            begin = {"do": "away", "for_s": fault.for_s, "stands_for_s": fault.stands_for_s}
            end = {"do": "back"}
        case PlainDeviceFault() if fault.kind == "sensor_dead" and isinstance(device, Bus):
            begin, end = DEAD_UNIT
        case PlainDeviceFault() if fault.kind in PLAIN:
            begin, end = PLAIN[fault.kind]
        case _:
            return None
    unit = getattr(fault, "unit", None)
    address: Order = {} if unit is None else {"address": unit}
    return begin | address, None if end is None else end | address
