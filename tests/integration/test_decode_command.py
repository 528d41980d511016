"""Pins `forepost-gateway decode`: one answer a line, bad lines answered, never a traceback."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

GS1 = b"]C101095060001343521726123110L1"


def decode(kind: str, text: bytes) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "decode", kind],
        input=text,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_label_is_shown_element_by_element() -> None:
    (answer,) = decode("gs1", GS1 + b"\n")
    assert answer == {
        "ok": True,
        "elements": [["01", "09506000134352"], ["17", "261231"], ["10", "L1"]],
        "gtin": "09506000134352",
    }


def test_a_tag_is_shown_as_item_and_serial() -> None:
    (answer,) = decode("epc", b"3034257BF7194E4000001A85\n")
    assert (answer["gtin"], answer["serial"]) == ("80614141123458", "6789")


def test_noise_around_a_frame_is_no_read() -> None:
    # A notification with a right checksum between noise bytes.
    frame = "bb02220011c934003034257bf7194e4000001a853a76"
    checksum = sum(bytes.fromhex(frame[2:])) & 0xFF
    (answer,) = decode("m100", f"00ff{frame}{checksum:02x}7e0102\n".encode())
    assert answer["reads"] == [{"epc": "3034257bf7194e4000001a85", "rssi_dbm": -55}]


def test_a_readers_report_is_shown_tag_by_tag() -> None:
    # Recorded from readers (NOTICE.md); the second line is cut short, the third no report.
    report = "043d000000290000000000f0001f8d3000abcdef0000000000000381000186d0820005a9e4bef862e0"
    told, cut, keepalive = decode(
        "llrp", f"{report}\n{report[:-2]}\n043e0000000a00000007\n".encode()
    )
    assert told == {
        "ok": True,
        "message": "RO_ACCESS_REPORT",
        "reads": [
            {
                "epc": "3000abcdef00000000000003",
                "antenna": 1,
                "rssi_centi_dbm": -4800,
                "count": None,
            }
        ],
    }
    assert cut["ok"] is False
    assert keepalive == {"ok": True, "message": "KEEPALIVE"}


def test_a_bus_with_a_lying_length_is_read_to_its_end() -> None:
    # The frames are another implementation's; the noise in front claims a frame of 240 bytes.
    stream = "ef" + "13000103010c49440000000000000a000334a5fb" + "050001fbf23d"
    (answer,) = decode("uhfreader18", f"{stream}\n".encode())
    assert answer == {
        "ok": True,
        "reads": [{"epc": "49440000000000000a000334", "rssi_dbm": None}],
    }


@pytest.mark.parametrize(
    ("kind", "payload", "answer"),
    [
        (
            "impinj",
            (
                '{"eventType":"tagInventory","tagInventoryEvent":{"epc":"4oARkaUDAGXybMv_",'
                '"antennaPort":3,"peakRssiCdbm":-7300}}'
            ),
            {"reads": [{"epc": "e2801191a5030065f26ccbff", "antenna": 3, "rssi_dbm": -73.0}]},
        ),
        (
            "zebra-fx",
            '[{"data":{"idHex":"e2801191a5030065f26ccbff","antenna":2,"peakRssi":-47,"reads":2}}]',
            {
                "reads": [
                    {
                        "epc": "e2801191a5030065f26ccbff",
                        "antenna": 2,
                        "rssi_dbm": -47.0,
                        "count": 2,
                    }
                ]
            },
        ),
        (
            "zebra-rfd",
            '{"type":"X","data":{"barcodeData":[{"decodedBarcode":"1","symbology":"QR"}]}}',
            {"reads": [], "scans": [{"data": "1", "symbology": "QR"}]},
        ),
        (
            "datawedge",
            '{"com.symbol.datawedge.data_string":"1","label_type":"LABEL-TYPE-EAN128"}',
            {"scans": [{"data": "1", "symbology": "GS1_128"}]},
        ),
    ],
)
def test_a_makers_json_is_shown_as_reads_or_scans(
    kind: str, payload: str, answer: dict[str, object]
) -> None:
    assert decode(kind, f"{payload}\n".encode()) == [{"ok": True, **answer}]


def test_both_registers_of_a_transmitter_are_shown() -> None:
    # Values of the maker's manual.
    (answer,) = decode("xy-md02", b"010400010002200b 010404013102222ace\n")
    assert answer == {"ok": True, "temperature_c": 30.5, "humidity_pct": 54.6}


@pytest.mark.parametrize(
    "kind",
    [
        "gs1",
        "epc",
        "llrp",
        "m100",
        "uhfreader18",
        "xy-md02",
        "impinj",
        "zebra-fx",
        "zebra-rfd",
        "datawedge",
    ],
)
def test_a_bad_line_is_answered_and_the_next_is_read(kind: str) -> None:
    answers = decode(kind, b"zz\n\xff\xfe\n" + b"\n" + b"x" * 10_000 + b"\n")
    assert len(answers) == 4
    assert not answers[0]["ok"]
    assert answers[0]["error"]["kind"] == kind  # type: ignore[index]


def test_an_unknown_kind_is_wrong_usage() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "decode", "morse"], capture_output=True, check=False
    )
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
