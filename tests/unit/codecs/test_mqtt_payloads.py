"""Pins what a handheld may send as the symbols of one pull of its trigger, and what is refused."""

import json

import pytest

from gateway.codecs.mqtt_payloads import MAX_SYMBOLS, Parsed, parse_payload
from gateway.core.readings import Malformed, Scan

GTIN = "09506000134352"
SSCC = "106141412345678908"
HEAD = {"v": 1, "boot": "b", "seq": 7}
LONG = "com.symbol.datawedge."


def parse(fields: dict[str, object]) -> Parsed:
    raw = json.dumps({**HEAD, **fields}).encode()
    return parse_payload("scan", raw, device="pda-01", received_at_us=1)


@pytest.mark.parametrize(
    "fields",
    [
        {"data": GTIN, "symbology": "EAN13"},
        {"data": [GTIN], "symbology": "EAN13"},
        {"data_string": GTIN, "label_type": "LABEL-TYPE-EAN13"},
        {"data_string": [GTIN], "label_type": "LABEL-TYPE-EAN13", "source": "scanner"},
        {f"{LONG}data_string": [GTIN, GTIN], f"{LONG}label_type": "LABEL-TYPE-EAN13"},
        {"barcodes": [{"data_string": GTIN, "label_type": "LABEL-TYPE-EAN13"}]},
        {
            f"{LONG}barcodes": [
                {f"{LONG}data_string": GTIN, f"{LONG}label_type": "LABEL-TYPE-EAN13"}
            ]
        },
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_one_symbol_is_a_scan_however_it_is_packed(fields: dict[str, object]) -> None:
    parsed = parse(fields)
    reading = parsed.reading
    assert isinstance(reading, Scan)
    assert (reading.data, reading.symbology) == (GTIN, "EAN13")
    assert (reading.stamp.boot, reading.stamp.seq) == ("b", 7)
    assert parsed.unknown_keys == ()


def test_the_symbols_of_one_label_are_one_message() -> None:
    symbols = [f"]C100{SSCC}", f"]C102{GTIN}37481020"]
    reading = parse({"data": symbols, "task": {"type": "receive"}}).reading
    assert isinstance(reading, Scan)
    assert reading.symbol is not None
    assert (reading.symbol.sscc, reading.symbol.gtin) == (SSCC, GTIN)
    assert reading.task is not None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"data": ["4006381333931", "R-03-02"]}, "2 symbols that are not one label"),
        ({"data": [f"01{GTIN}", "0104006381333931"]}, "2 symbols that are not one label"),
        ({"data": []}, "a list of 1 to"),
        ({"data": [GTIN] * (MAX_SYMBOLS + 1)}, "a list of 1 to"),
        ({"data": [1]}, "data.0: expected text"),
        ({"data_string": [""]}, "data_string.0: expected text"),
        ({"barcodes": {"data": GTIN}}, "barcodes: expected a list"),
        ({"barcodes": [GTIN]}, "barcodes.0: expected an object"),
        ({"barcodes": [{"label_type": "X"}]}, "barcodes.0.data: missing"),
        ({}, "data: missing"),
    ],
)
def test_what_is_no_single_scan_is_refused_for_its_reason(
    fields: dict[str, object], reason: str
) -> None:
    reading = parse(fields).reading
    assert isinstance(reading, Malformed)
    assert reason in reading.reason
    assert (reading.stamp.boot, reading.stamp.seq) == ("b", 7), "so that its sender can be told"


@pytest.mark.parametrize("given", ["1.5", '"1,5"', "9506000134352"])
def test_a_slip_in_the_quantity_is_named_as_one(given: str) -> None:
    raw = (
        '{"v":1,"boot":"b","seq":3,"data":"x","task":{"type":"pick","worker":"w7",'
        f'"quantity":{given}}}}}'
    )
    reading = parse_payload("scan", raw.encode(), device="pda-1", received_at_us=1).reading
    assert isinstance(reading, Malformed)
    assert (reading.given, reading.worker) == (given.strip('"'), "w7")
    assert (reading.stamp.boot, reading.stamp.seq) == ("b", 3)
