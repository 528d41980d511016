"""Pins what a person reads: the status screen with parts missing, log lines that cannot lie."""

import json
import logging

from gateway.ops.logs import JsonFormatter, PlainFormatter
from gateway.ops.screen import render_status


def record(**fields: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "gateway.x", "levelname": "INFO", "msg": "lost", **fields}
    )


def test_fields_follow_the_message() -> None:
    line = PlainFormatter("%(levelname)s %(message)s").format(record(device="pda-1"))
    assert line == "INFO lost device=pda-1"


def test_a_devices_name_cannot_forge_a_line() -> None:
    line = PlainFormatter("%(message)s").format(record(device="x\nERROR all is lost"))
    assert "\n" not in line


def test_the_json_form_has_the_same_fields() -> None:
    line = json.loads(JsonFormatter().format(record(device="pda-1")))
    assert (line["message"], line["device"], line["level"]) == ("lost", "pda-1", "INFO")


def test_an_empty_report_is_shown_as_unknown_not_as_zero() -> None:
    screen = render_status({})
    assert "unknown size" in screen
    assert "? events behind" in screen
    assert "none" in screen


def test_a_frozen_zone_is_shown_in_degrees() -> None:
    climate = {"zone": "frozen", "device": "t-1", "temperature_centi_c": -1812}
    screen = render_status({"climate": [climate]})
    assert "-18.12 °C" in screen
    assert "no humidity" in screen
