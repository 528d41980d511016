"""Pins the JSON of Impinj's and Zebra's readers and of DataWedge: makers' samples and limits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.codecs.datawedge import parse_datawedge, symbology_of
from gateway.codecs.gs1 import SymbolRefused, parse_symbol
from gateway.codecs.mqtt_payloads import parse_payload
from gateway.codecs.reader_json import Barcode, ReaderPayload
from gateway.codecs.reader_json_impinj import parse_impinj
from gateway.codecs.reader_json_zebra import WITHOUT_EPC, parse_zebra_fx, parse_zebra_rfd
from gateway.core.readings import Scan, Tag
from tests.golden import Case, cases

Parse = Callable[[bytes], ReaderPayload]
PARSERS: dict[str, Parse] = {
    "impinj_r700": parse_impinj,
    "zebra_fx_iotc": parse_zebra_fx,
    "zebra_rfd": parse_zebra_rfd,
    "datawedge": parse_datawedge,
}
SAMPLES = cases("reader_json/payloads")
EPC = "E2801170200014CD9B5A08EC"
WORDS = re.compile("([0-9A-F]{4})+")


def dump(value: object) -> bytes:
    return json.dumps(value).encode()


def tags_of(payload: ReaderPayload) -> list[Tag]:
    assert payload.refusals == ()
    return [tag for event in payload.events for tag in event.tags]


@pytest.mark.parametrize("case", SAMPLES, ids=lambda case: f"{case['device']}: {case['src']:.30}")
def test_samples_of_others_are_read(case: Case) -> None:
    parsed = PARSERS[str(case["device"])](dump(case["payload"]))
    assert parsed.refusals == ()
    (event,) = parsed.events
    expected = case.get("expected")
    if case["device"] == "zebra_rfd":  # this sample comes without expected values
        assert [(tag.epc, tag.rssi_centi_dbm) for tag in event.tags] == [(EPC, -5400)]
        assert event.barcodes == (Barcode("2112345678900", "EAN13"),)
    elif isinstance(expected, dict):
        assert event.barcodes == (Barcode(expected["data"], expected["symbology"]),)
    else:
        (tag,) = event.tags
        assert isinstance(tag.rssi_centi_dbm, int)
        found = {
            "epc": tag.epc.lower(),
            "antenna": tag.antenna,
            "rssi_dbm": tag.rssi_centi_dbm / 100,
            "time": event.time,
        }
        assert [found] == expected


def impinj(**read: object) -> dict[str, object]:
    return {
        "timestamp": "2026-11-21T08:00:00Z",
        "eventType": "tagInventory",
        "tagInventoryEvent": read,
    }


ONE = impinj(epcHex=EPC, antennaPort=1)


@pytest.mark.parametrize(
    "raw",
    [
        dump([ONE, ONE]),
        dump(ONE) + b"\n" + dump(ONE),
        dump(ONE) + b"\r\n\r\n" + dump(ONE) + b"\r\n",
        dump([ONE]) + b"\n" + dump([ONE]) + b"\n",
    ],
    ids=["array", "lines", "crlf-and-keep-alive", "arrays-in-lines"],
)
def test_several_events_come_as_an_array_or_one_a_line(raw: bytes) -> None:
    assert [tag.epc for tag in tags_of(parse_impinj(raw))] == [EPC, EPC]


def test_an_event_over_several_lines_is_one_event() -> None:
    assert len(tags_of(parse_impinj(json.dumps(ONE, indent=2).encode()))) == 1


@pytest.mark.parametrize(
    "read",
    [
        {"epc": "4oARcCAAFM2bWgjs"},
        {"epc": "4oARcCAAFM2bWgjs", "epcHex": EPC.lower()},
        {"epc": EPC},
        {"tidHex": EPC},
        {"tid": "4oARcCAAFM2bWgjs", "epc": "", "epcHex": None},
    ],
    ids=["base64", "both", "hex-where-base64-belongs", "only-tid", "only-tid-in-base64"],
)
def test_an_epc_is_found_wherever_a_reader_puts_it(read: dict[str, object]) -> None:
    assert [tag.epc for tag in tags_of(parse_impinj(dump(impinj(**read))))] == [EPC]


def test_zeros_in_base64_are_not_taken_for_hex() -> None:
    # 12 bytes of an unprogrammed tag: its base64 is made of A's only.
    (tag,) = tags_of(parse_impinj(dump(impinj(epc="A" * 15 + "B"))))
    assert tag.epc == "0" * 23 + "1"


def test_the_url_safe_alphabet_and_padding_are_understood() -> None:
    (tag,) = tags_of(parse_impinj(dump(impinj(epc="4oARkaUDAGXybMv_"))))
    assert tag.epc == "E2801191A5030065F26CCBFF"
    (padded,) = tags_of(parse_impinj(dump(impinj(epc="-_8AAQ=="))))
    assert padded.epc == "FBFF0001"


def test_a_reader_says_what_is_wrong_with_it() -> None:
    lines = [
        {"eventType": "inventoryStatus", "inventoryStatusEvent": {"status": "running"}},
        {"eventType": "antennaDisconnected", "antennaDisconnectedEvent": {"antennaPort": 2}},
        {"eventType": "overflow", "overflowEvent": {}},
        {"eventType": "somethingNew", "somethingNewEvent": {}},
    ]
    parsed = parse_impinj(dump(lines))
    assert parsed.refusals == ()
    assert [event.troubles for event in parsed.events] == [
        (),
        ("antenna 2 disconnected",),
        ("overflow, reads were lost",),
        (),
    ]


FX = {"idHex": "e2003411b802011383257c3d", "antenna": 2, "peakRssi": -47, "reads": 3}


@pytest.mark.parametrize(
    "payload",
    [
        {"data": FX, "type": "CUSTOM", "timestamp": "2026-08-13T09:14:28.651+0000"},
        [{"data": FX, "type": "INVENTORY"}],
        {"data": [FX], "type": "PORTAL"},
        {"data": FX},
    ],
    ids=["custom", "array", "list-of-reads", "without-type"],
)
def test_a_fixed_zebra_reads_tags_in_all_its_modes(payload: object) -> None:
    (tag,) = tags_of(parse_zebra_fx(dump(payload)))
    assert (tag.epc, tag.antenna, tag.rssi_centi_dbm, tag.count) == (
        "E2003411B802011383257C3D",
        2,
        -4700,
        3,
    )


def test_a_fixed_zebras_heartbeat_names_lost_antennas() -> None:
    health = {"radio_control": {"antennas": {"1": "connected", "2": "disconnected"}}}
    beat = {"component": "RC", "type": "heartbeat", "eventNum": 7, "data": health}
    (event,) = parse_zebra_fx(dump(beat)).events
    assert (event.tags, event.troubles) == ((), ("antenna 2 disconnected",))
    (bare,) = parse_zebra_fx(dump(health | {"system": {}})).events
    assert bare.troubles == event.troubles


def test_a_sled_may_report_a_read_without_its_epc() -> None:
    tags = [{"eventNum": 4}, {"eventNum": 5, "EPCid": EPC, "peakRssi": -39, "seenCount": 2}]
    (event,) = parse_zebra_rfd(dump({"type": "FAST_READ", "data": {"tagData": tags}})).events
    assert [(tag.epc, tag.rssi_centi_dbm, tag.count) for tag in event.tags] == [(EPC, -3900, 2)]
    assert (event.troubles, event.numbers) == ((WITHOUT_EPC,), (4, 5))


def test_a_sled_without_its_clock_set_is_read_all_the_same() -> None:
    payload = {"type": "X", "timestamp": "08:15:30", "data": {"tagData": [{"EPC": EPC}]}}
    (event,) = parse_zebra_rfd(dump(payload)).events
    assert (event.time, event.tags[0].last_us) == ("08:15:30", None)


def test_a_sleds_heartbeat_tells_of_its_battery() -> None:
    # Zebra's RFD40/RFD90 MQTT reference, heartbeatEVT; wrapped as some firmware sends it.
    beat = {
        "eventName": "heartbeat",
        "eventNumber": 120,
        "timestamp": "2019-08-24T14:15:22Z",
        "data": {
            "inventoryStatus": {"rfidStatus": "INPROGRESS", "tagCount": 45, "scanCount": 128},
            "batteryAlert": {"status": "LOW", "stateOfHealth": "FULL", "chargePercentage": 8},
        },
    }
    for payload in (beat, {"heartBeatEVT": beat}):
        (event,) = parse_zebra_rfd(dump(payload)).events
        assert (event.battery_pct, event.troubles) == (8, ("battery low",))


@pytest.mark.parametrize(
    ("parse", "payload", "reason"),
    [
        (parse_impinj, impinj(), "epc: missing"),
        (parse_impinj, impinj(epc="4oAR", epcHex=EPC), "tagInventoryEvent.epc: "),
        (parse_impinj, impinj(epcHex="E280117"), "whole 16-bit words"),
        (parse_impinj, impinj(epc="not base64!"), "base64url"),
        (parse_impinj, impinj(epc="4oARc"), "tagInventoryEvent.epc: "),
        (parse_impinj, impinj(epcHex=EPC, peakRssiCdbm="-70"), "peakRssiCdbm: expected a number"),
        (parse_impinj, impinj(epcHex=EPC, peakRssiCdbm=-70.5), "a whole number"),
        (parse_impinj, impinj(epcHex=EPC, antennaPort=True), "antennaPort"),
        (parse_impinj, {"eventType": "tagInventory"}, "tagInventoryEvent"),
        (parse_impinj, {"hostname": "x"}, "eventType: missing"),
        (parse_impinj, 17, "expected an object"),
        (parse_zebra_fx, {"type": "SIMPLE", "data": {"antenna": 1}}, "idHex: missing"),
        (parse_zebra_fx, {"data": {"idHex": 12}}, "idHex"),
        (parse_zebra_fx, {"data": {"idHex": "xyz!"}}, "hex digits"),
        (parse_zebra_fx, {"data": FX | {"peakRssi": 400}}, "peakRssi"),
        (parse_zebra_fx, {"data": [FX, {}]}, "without idHex"),
        (parse_zebra_fx, {"type": "SIMPLE", "data": "x"}, "data: expected an object"),
        (parse_zebra_rfd, {"data": {"tagData": {"EPC": EPC}}}, "tagData: expected a list"),
        (parse_zebra_rfd, {"data": {"tagData": [{"EPC": "zz"}]}}, "tagData[0].EPC"),
        (parse_zebra_rfd, {"data": {"barcodeData": [{"symbology": "QR"}]}}, "decodedBarcode"),
        (parse_zebra_rfd, {}, "data: missing"),
        (parse_datawedge, {"label_type": "LABEL-TYPE-EAN13"}, "data_string"),
        (parse_datawedge, {"data_string": 5}, "data_string: expected text"),
        (parse_datawedge, {"data_string": "x" * 5000}, "4096 characters"),
        (parse_datawedge, "scan", "expected an object"),
    ],
)
def test_what_is_not_of_the_makers_format_is_refused_by_key(
    parse: Parse, payload: object, reason: str
) -> None:
    parsed = parse(dump(payload))
    assert parsed.events == ()
    assert reason in parsed.refusals[0]


@pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS)
@pytest.mark.parametrize(
    "raw",
    [b"", b"\xff", b"{", b'{"data":NaN}', b'{"data":{},"data":{}}', b"[" * 70_000],
    ids=["empty", "bytes", "cut", "nan", "twice", "deep"],
)
def test_what_is_no_strict_json_is_refused(parse: Parse, raw: bytes) -> None:
    parsed = parse(raw)
    assert parsed.events == ()
    assert len(parsed.refusals) == 1


def test_one_bad_event_costs_no_other() -> None:
    parsed = parse_impinj(dump([ONE, impinj(epcHex="zz"), ONE]))
    assert len(parsed.events) == 2
    assert parsed.refusals[0].startswith("[1].tagInventoryEvent.epcHex")


@pytest.mark.parametrize(
    "payload",
    [
        [{"data_string": "1"}, {"com.symbol.datawedge.data_string": "2"}],
        {"barcodes": [{"data_string": "1"}, {"data_string": "2"}]},
        {"com.symbol.datawedge.barcodes": [{"data_string": "1"}, {"data_string": "2"}]},
    ],
    ids=["array", "list", "long-list"],
)
def test_several_symbols_of_one_trigger_pull_are_several_scans(payload: object) -> None:
    parsed = parse_datawedge(dump(payload))
    assert parsed.refusals == ()
    found = [barcode.data for event in parsed.events for barcode in event.barcodes]
    assert found == ["1", "2"]


@pytest.mark.parametrize(
    ("label_type", "name", "is_gs1"),
    [
        ("LABEL-TYPE-EAN128", "GS1_128", True),
        ("LABEL-TYPE-GS1-DATAMATRIX", "GS1_DATAMATRIX", True),
        ("LABEL-TYPE-GS1-QRCODE", "GS1_QRCODE", True),
        ("LABEL-TYPE-GS1-DATABAR-EXP", "GS1_DATABAR_EXP", True),
        ("LABEL-TYPE-DATAMATRIX", "DATAMATRIX", False),
        ("LABEL-TYPE-CODE128", "CODE128", False),
        ("EAN13", "EAN13", False),
    ],
)
def test_label_types_have_the_contracts_names(label_type: str, name: str, is_gs1: bool) -> None:
    assert symbology_of(label_type) == name
    # A label of ours is no GS1 symbol, unless its symbology says that it must be one.
    if is_gs1:
        with pytest.raises(SymbolRefused):
            parse_symbol("R-01-02", name)
    else:
        assert parse_symbol("R-01-02", name) is None


@pytest.mark.parametrize("prefix", ["", "com.symbol.datawedge."])
def test_a_pdas_scan_may_use_datawedges_keys(prefix: str) -> None:
    scan = {
        "v": 1,
        "boot": "b",
        "seq": 1,
        f"{prefix}data_string": "0109506000134352\x1d10L1",
        f"{prefix}label_type": "LABEL-TYPE-EAN128",
        f"{prefix}source": "scanner",
    }
    parsed = parse_payload("scan", dump(scan), device="pda-1", received_at_us=1)
    assert isinstance(parsed.reading, Scan)
    assert parsed.reading.symbology == "GS1_128"
    assert parsed.unknown_keys == ()


KEYS = [
    "eventType", "tagInventoryEvent", "epc", "epcHex", "tid", "antennaPort", "peakRssiCdbm",
    "timestamp", "data", "idHex", "peakRssi", "type", "radio_control", "antennas", "tagData",
    "barcodeData", "EPC", "eventNum", "batteryAlert", "chargePercentage", "dataEVT",
    "data_string", "label_type", "barcodes", "com.symbol.datawedge.data_string",
]  # fmt: skip
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from([EPC, "4oARcCAAFM2bWgjs", "tagInventory", "2026-11-21T08:00:00Z", "A==="]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=20,
)


@pytest.mark.slow
@settings(max_examples=100)
@given(value=VALUES)
@example(value={"tagInventoryEvent": {"epc": "=" * 500}})
@example(value={"tagInventoryEvent": {"epc": "a" * 4000 + "0"}})
@example(value={"dataEVT": {"dataEVT": {"dataEVT": {"dataEVT": {}}}}})
@example(value={"radio_control": {"antennas": {"x": ["disconnected"]}}})
def test_no_json_breaks_a_codec(value: object) -> None:
    for parse in PARSERS.values():
        parsed = parse(dump(value))
        assert all(0 < len(reason) < 400 for reason in parsed.refusals)
        for event in parsed.events:
            assert all(WORDS.fullmatch(tag.epc) for tag in event.tags)


@settings(max_examples=200)
@given(raw=st.binary(max_size=100))
def test_no_bytes_break_a_codec(raw: bytes) -> None:
    for parse in PARSERS.values():
        assert isinstance(parse(raw), ReaderPayload)
