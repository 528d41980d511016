"""Zebra's mobile computers whose DataWedge scans are relayed over MQTT as they are."""

from __future__ import annotations

from gateway.codecs.datawedge import parse_datawedge
from gateway.drivers.json_readers import JsonReaders
from gateway.ports import Driver
from gateway.registry import DriverContext
from gateway.settings import DeviceSettings


def make_driver(device: DeviceSettings, context: DriverContext) -> Driver:
    """A driver for one device or a family of them."""
    return JsonReaders(device, context, parse=parse_datawedge)
