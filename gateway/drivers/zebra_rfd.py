"""Zebra's RFID sleds RFD40 and RFD90, publishing over MQTT."""

from __future__ import annotations

from gateway.codecs.reader_json_zebra import parse_zebra_rfd
from gateway.drivers.json_readers import JsonReaders
from gateway.ports import Driver
from gateway.registry import DriverContext
from gateway.settings import DeviceSettings


def make_driver(device: DeviceSettings, context: DriverContext) -> Driver:
    """A driver for one device or a family of them."""
    return JsonReaders(device, context, parse=parse_zebra_rfd)
