"""Temperature and humidity sensors that publish our own JSON over MQTT."""

from __future__ import annotations

from gateway.drivers.mqtt_devices import MqttDevices
from gateway.ports import Driver
from gateway.registry import DriverContext
from gateway.settings import DeviceSettings


def make_driver(device: DeviceSettings, context: DriverContext) -> Driver:
    """A driver for one sensor or a family of them."""
    return MqttDevices(device, context, channels=("climate",))
