"""Pins the configuration: typed, closed, and every complaint with the key's path."""

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.settings import load_settings, parse_settings

GOOD = """
[gateway]
id = "gw-J1"
warehouse = "J1"
state_dir = "/var/lib/forepost"

[mqtt]
host = "localhost"

[[devices]]
name = "pda-*"
driver = "pda"
link = "mqtt"

[[devices]]
name = "dock"
driver = "m100"
link = "serial:///dev/ttyUSB0?baud=115200"
options = { power_dbm = 20 }
"""


def test_a_good_file_is_read() -> None:
    settings = parse_settings(GOOD, source="x")
    assert settings.gateway.warehouse == "J1"
    assert [device.driver for device in settings.devices] == ["pda", "m100"]
    assert settings.devices[1].options == {"power_dbm": 20}
    assert settings.status_socket == Path("/var/lib/forepost/status.sock")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('id = "gw-J1"', 'id = "gw J1"', "x: gateway.id: "),
        ('id = "gw-J1"', "", "x: gateway.id: missing"),
        ('warehouse = "J1"', 'warehous = "J1"', "x: gateway."),
        ('id = "gw-J1"', 'id = "g"\ntimezone = "../etc"', "x: gateway.timezone: not a time zone"),
        ('host = "localhost"', 'host = "h"\nport = 70000', "x: mqtt.port: "),
        ('host = "localhost"', 'host = "h"\ntsl = true', "x: mqtt.tsl: unknown key"),
        ('[mqtt]\nhost = "localhost"', "", "x: mqtt: needed"),
        ('name = "dock"', 'name = "pda-*"', "x: devices: the name 'pda-*' is used more than once"),
        ('driver = "m100"', "driver = 5", "x: devices.1.driver: "),
        ("[gateway]", "[gateway", "x: not TOML"),
        ('id = "gw-J1"', "id = 1" + "0" * 5000, "x: not TOML"),
        ('id = "gw-J1"', "id = " + "[" * 3000 + "]" * 3000, "x: not TOML"),
    ],
    ids=range(12),
)
def test_a_wrong_key_is_named_by_its_path(old: str, new: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_settings(GOOD.replace(old, new), source="x")
    assert str(caught.value).startswith(complaint)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "g.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_settings(file)
