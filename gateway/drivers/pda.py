"""Handheld computers: scans and RFID reads over MQTT, answered by results."""

from __future__ import annotations

from gateway.drivers.mqtt_devices import MqttDevices
from gateway.ports import Driver
from gateway.registry import DriverContext
from gateway.settings import DeviceSettings


def make_driver(device: DeviceSettings, context: DriverContext) -> Driver:
    """A driver for one PDA or a family of them."""
    return MqttDevices(device, context, channels=("scan", "reads"))
