"""The demo's two warehouses and what stands at them."""

from __future__ import annotations

from typing import Final

from device_sim.stage.configuration import PDAS, Site

PRE_POSITIONED: Final = "J1"
CENTRAL: Final = "K1"
"""Warehouse ids of the M Company network."""

READ_POINT: Final = "DOCK"
BUS_UNITS: Final = {1: "refrigerated", 2: "frozen"}
"""Modbus address → zone at the pre-positioned warehouse."""


def pages_of(site: Site, *, port: int, websockets: int) -> str:
    """The devices of a site's gateway and, at the pre-positioned one, its pages, as TOML."""
    if site.warehouse != PRE_POSITIONED:
        return devices_of(site)
    pages = f"[pages]\nport = {port}\nwebsocket_port = {websockets}\n"
    return pages + devices_of(site)


def devices_of(site: Site) -> str:
    """The devices of a site's gateway, as TOML."""
    if site.warehouse != PRE_POSITIONED:
        return PDAS
    units = ", ".join(
        f'{{ address = {address}, zone = "{zone}" }}' for address, zone in BUS_UNITS.items()
    )
    return f"""{PDAS}
[[devices]]
name = "climate-*"
driver = "mqtt-climate"
link = "mqtt"

[[devices]]
name = "rfid-dock"
driver = "m100"
link = "serial://{site.pty("m100")}?baud=115200"
zone = "{READ_POINT}"

[[devices]]
name = "cold-bus"
driver = "xy-md02"
link = "serial://{site.pty("xy-md02")}?baud=9600"

[devices.options]
period_s = 2.0
units = [{units}]
"""
