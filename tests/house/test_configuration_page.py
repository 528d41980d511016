# Pins that docs/configuration.md says of every key what the settings say: that it exists, whether
# it is needed, and its default.

import re
import tomllib

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gateway import settings
from gateway.drivers.impinj import ImpinjStreamOptions
from gateway.drivers.json_readers import JsonReaderOptions
from gateway.drivers.llrp import LlrpOptions
from gateway.drivers.m100 import M100Options
from gateway.drivers.mqtt_devices import MqttOptions
from gateway.drivers.serial_scanner import SerialScannerOptions
from gateway.drivers.uhfreader18 import UhfReader18Options
from gateway.drivers.xy_md02 import XyMd02Options
from tests.house.tracked import read_tracked

PAGE = read_tracked("docs/configuration.md")

SECTIONS: list[tuple[str, type[BaseModel]]] = [
    ("[gateway]", settings.GatewaySettings),
    ("[journal]", settings.JournalSettings),
    ("[intake]", settings.IntakeSettings),
    ("[mqtt]", settings.MqttSettings),
    ("[cloud]", settings.CloudSettings),
    ("[planner]", settings.PlannerSettings),
    ("[smoothing]", settings.SmoothingSettings),
    ("[sensors]", settings.SensorSettings),
    ("[labels]", settings.LabelSettings),
    ("[status]", settings.StatusSettings),
    ("[pages]", settings.PagesSettings),
    ("[[devices]]", settings.DeviceSettings),
    ("[[devices.read_points]]", settings.ReadPointSettings),
]

OPTIONS: list[tuple[str, type[BaseModel]]] = [
    ("`pda`, `mqtt-climate`", MqttOptions),
    ("`m100`", M100Options),
    ("`uhfreader18`", UhfReader18Options),
    ("`llrp`", LlrpOptions),
    ("`impinj`, `zebra-fx`, `zebra-rfd`, `datawedge`", JsonReaderOptions),
    ("`impinj` over HTTP", ImpinjStreamOptions),
    ("`serial-scanner`", SerialScannerOptions),
    ("`xy-md02`", XyMd02Options),
]


def says(field: FieldInfo, text: str) -> bool:
    """True if the page's column "default" is right about a field."""
    if field.is_required():
        return text == "needed"
    default = field.get_default(call_default_factory=True)
    if default in (None, {}):
        return text == "none"
    if isinstance(default, tuple):
        default = list(default)
    return tomllib.loads(f"x = {text.strip('`')}")["x"] == default


def rows(text: str) -> dict[str, str]:
    """Key to default, of a table's rows."""
    return dict(re.findall(r"^\| `(\w+)` \| (`[^`]*`|\w+) \| \S.* \|$", text, re.MULTILINE))


@pytest.mark.parametrize(("title", "model"), SECTIONS, ids=str)
def test_a_section_of_the_page_is_true(title: str, model: type[BaseModel]) -> None:
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0].split("\nOptions by")[0]
    found = rows(section)
    assert list(found) == list(model.model_fields)
    for key, default in found.items():
        assert says(model.model_fields[key], default), f"{title} {key}: {default}"


@pytest.mark.parametrize(("driver", "model"), OPTIONS, ids=str)
def test_the_options_of_a_driver_are_true(driver: str, model: type[BaseModel]) -> None:
    lines = [line for line in PAGE.splitlines() if line.startswith(f"| {driver} |")]
    found = rows("\n".join(line.replace(f"| {driver} |", "|", 1) for line in lines))
    assert list(found) == list(model.model_fields)
    for key, default in found.items():
        assert says(model.model_fields[key], default), f"{driver} {key}: {default}"


def test_every_section_of_the_file_is_on_the_page() -> None:
    assert [title.strip("[]") for title, _ in SECTIONS if "." not in title] == list(
        settings.Settings.model_fields
    )
