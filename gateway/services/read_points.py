"""What the configuration says of the places where devices stand; it may be told anew."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from gateway.core.smoothing import SmoothingRule
from gateway.settings import DeviceSettings, SmoothingSettings

RULES_REMEMBERED = 4096


class ReadPoints:
    """The zones and smoothing rules of all devices and of their antennas.

    zones: of every device and read point (`DEVICE.ANTENNA`) that has one; always the same
    mapping, which `tell` fills anew.
    """

    def __init__(self, devices: Sequence[DeviceSettings], smoothing: SmoothingSettings) -> None:
        self.zones: dict[str, str] = {}
        self._rules: dict[str, SmoothingRule] = {}
        self.tell(devices, smoothing)

    def tell(self, devices: Sequence[DeviceSettings], smoothing: SmoothingSettings) -> None:
        """This is how it is from now on."""
        self._devices, self._smoothing = devices, smoothing
        self._rules.clear()
        self.zones.clear()
        self.zones.update({device.name: device.zone for device in devices if device.zone})
        for device in devices:
            for point in device.read_points:
                if point.zone is not None:
                    self.zones[f"{device.name}.{point.antenna}"] = point.zone

    def rule_of(self, read_point: str) -> SmoothingRule:
        """The smoothing rule of a read point, `DEVICE.ANTENNA`."""
        rule = self._rules.get(read_point)
        if rule is None:
            if len(self._rules) >= RULES_REMEMBERED:
                self._rules.clear()
            rule = self._rules[read_point] = self._make_rule(read_point)
        return rule

    def _make_rule(self, read_point: str) -> SmoothingRule:
        device, _, antenna = read_point.rpartition(".")
        own = [
            point.model_dump(exclude_none=True, exclude={"antenna", "zone"})
            for configured in self._devices
            if fnmatchcase(device, configured.name)
            for point in configured.read_points
            if str(point.antenna) == antenna
        ]
        chosen = self._smoothing.model_copy(update=own[0]) if own else self._smoothing
        return SmoothingRule(
            window_s=chosen.window_s,
            min_reads=chosen.min_reads,
            gone_after_s=chosen.gone_after_s,
            rssi_floor_centi_dbm=round(chosen.rssi_floor_dbm * 100),
            stray_margin_centi_db=round(chosen.stray_margin_db * 100),
        )
