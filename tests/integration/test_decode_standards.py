"""Pins `forepost-gateway decode` on cases that the standards and manuals describe, kind by kind:
what is right is shown exactly, what is wrong is refused with its reason, line after line.

Sources: GS1 General Specifications (3.2 to 3.9, 7.9), ISO/IEC 15434, GS1 Digital Link URI Syntax,
TDS 1.13 and 2.0 (14, annex E), LLRP 1.1 (17), the makers' manuals. Frames and checksums of this
table are worked out by hand or quoted, not made by our encoders."""

import json
import subprocess
import sys

import pytest

GTIN = "09506000134352"
SGTIN = {"gtin": "80614141123458", "serial": "6789"}
TAG = "3074257bf7194e4000001a85"
M100_TAG = "bb02220011c93000" + TAG + "1234f57e"
UHF_TAG = "13000101010c" + TAG + "9382"
KEEPALIVE = "043e0000000a00000007"


def elements(*pairs: tuple[str, str], gtin: str | None = GTIN) -> dict[str, object]:
    return {"elements": [list(pair) for pair in pairs]} | ({"gtin": gtin} if gtin else {})


ITEM = ("01", GTIN)
CASES: dict[str, list[tuple[str, dict[str, object] | str]]] = {
    "gs1": [
        # Measures and amounts: the last digit of the identifier counts the decimals.
        (f"01{GTIN}3103001250", elements(ITEM, ("3103", "001250"))),
        (f"01{GTIN}3105001250", elements(ITEM, ("3105", "001250"))),
        (f"01{GTIN}3106001250", "'3106' is no application identifier"),
        (f"01{GTIN}3922599", elements(ITEM, ("3922", "599"))),
        (f"01{GTIN}3932978599", elements(ITEM, ("3932", "978599"))),
        (f"01{GTIN}3932123599", "123 is not a currency code"),
        # Dates: day 00 is the last of the month, except where a day is needed.
        (f"01{GTIN}17260200", elements(ITEM, ("17", "260200"))),
        (f"01{GTIN}17280229", elements(ITEM, ("17", "280229"))),
        (f"01{GTIN}17260229", "(17)"),
        (f"01{GTIN}17261301", "month 13"),
        (f"01{GTIN}7003261121083", "(7003) is too short"),
        (f"01{GTIN}70032611210830", elements(ITEM, ("7003", "2611210830"))),
        (f"01{GTIN}70032611212500", "(7003)"),
        # FNC1 in its three spellings, in front, in between, at the end, and missing.
        (f"]C1\\x1d01{GTIN}10L1\\x1d17261130", elements(ITEM, ("10", "L1"), ("17", "261130"))),
        (f"]d201{GTIN}10L1<GS>17261130<GS>", elements(ITEM, ("10", "L1"), ("17", "261130"))),
        (f"]Q301{GTIN}<GS>10L1", elements(ITEM, ("10", "L1"))),
        (f"01{GTIN}10ABCDEFGHIJ0123456789X", "(10) is too long, or a separator is missing"),
        (f"01{GTIN}10L1<GS><GS>17261130", "is no application identifier"),
        (f"]C101{GTIN[:-1]}3", "wrong check digit"),
        # The envelope of ISO/IEC 15434: 05 is GS1, 06 is not.
        (
            f"]d2[)><RS>05<GS>01{GTIN}<GS>10L1<RS><EOT>",
            elements(ITEM, ("10", "L1")),
        ),
        ("[)><RS>06<GS>1JUN123456789<RS><EOT>", "is no application identifier"),
        # Rules between identifiers.
        (f"02{GTIN}37120", elements(("02", GTIN), ("37", "120"))),
        (f"02{GTIN}", "need (37)"),
        (f"01{GTIN}02{GTIN}3712", "exclude each other"),
        ("00106141412345678908", elements(("00", "106141412345678908"), gtin=None)),
        ("00106141412345678900", "wrong check digit"),
        # Plain numbers, by AIM identifier and bare.
        ("96385074", elements(("01", "00000096385074"), gtin="00000096385074")),
        ("96385075", "wrong check digit"),
        ("]E496385074", elements(("01", "00000096385074"), gtin="00000096385074")),
        ("]E4963850740", "8 digits"),
        ("036000291452", elements(("01", "00036000291452"), gtin="00036000291452")),
        ("]E00036000291452", elements(("01", "00036000291452"), gtin="00036000291452")),
        ("]E3400638133393112", elements(("01", "04006381333931"), gtin="04006381333931")),
        ("]", "cut short"),
        # Digital Link: path, query, percent escapes, lost zeros; what is no identifier is passed.
        (
            f"https://example.com/a/01/{GTIN}/22/2A/10/AB%2FC/21/1?17=261130&utm=x#top",
            elements(ITEM, ("22", "2A"), ("10", "AB/C"), ("21", "1"), ("17", "261130")),
        ),
        ("https://id.gs1.org/01/9506000134352?3103=001250", elements(ITEM, ("3103", "001250"))),
        (f"https://id.gs1.org/01/{GTIN}/21/1/10/L1", "in this order"),
        (f"https://id.gs1.org/01/{GTIN}?10=L1", "belongs into the path"),
        (f"https://id.gs1.org/01/{GTIN[:-1]}3", "wrong check digit"),
        (f"https://id.gs1.org/gtin/{GTIN}", "without any GS1 key"),
        # A compressed link says nothing without its own decompression, and is not guessed.
        ("https://id.gs1.org/DBCTtTXZRmRtK5Jc8Q", "without any GS1 key"),
        ("https://example.com/", "without any GS1 key"),
    ],
    "epc": [
        (
            "3034257BF7194E4000001A85",
            {
                "scheme": "sgtin-96",
                "uri": "urn:epc:id:sgtin:0614141.812345.6789",
                "tag_uri": "urn:epc:tag:sgtin-96:1.0614141.812345.6789",
                "digital_link": "https://id.gs1.org/01/80614141123458/21/6789",
                **SGTIN,
            },
        ),
        # The standard's own example: a serial whose slash is escaped in the URI.
        (
            "3674257BF6B7A659B2C2BF100000000000000000000000000000",
            {
                "scheme": "sgtin-198",
                "uri": "urn:epc:id:sgtin:0614141.712345.32a%2Fb",
                "tag_uri": "urn:epc:tag:sgtin-198:3.0614141.712345.32a%2Fb",
                "gtin": "70614141123451",
                "serial": "32a/b",
                "digital_link": "https://id.gs1.org/01/70614141123451/21/32a%2Fb",
            },
        ),
        ("303C257BF7194E4000001A85", "partition 7 does not exist"),
        ("3023FFFFFFFFFE4000001A85", "has more than"),
        ("3674257BF6B7A640000000000000000000000000000000000000", "no text of 1 to 20"),
        ("3674257BF6B7A659B2C2BF100000000000000000000000000001", "left over"),
        ("3034257BF7194E400000", "ends within a field"),
        (
            "e2801170200014cd9b5a08ec",
            {
                "scheme": "opaque",
                "uri": "urn:epc:raw:96.xE2801170200014CD9B5A08EC",
                "tag_uri": "urn:epc:raw:96.xE2801170200014CD9B5A08EC",
            },
        ),
        ("3034257BF7194E4000001A8", "not a whole number of 16-bit words"),
        ("", "is not hexadecimal"),
    ],
    "llrp": [
        (KEEPALIVE, {"message": "KEEPALIVE"}),
        (KEEPALIVE + "00", "says it has 10 bytes, got 11"),
        ("043e0000000900000007", "a message of 9 bytes"),
        ("043effffffff00000007", "a message of 4294967295 bytes"),
        ("043e0000000a000000", "10 bytes at least"),
        ("0c3e0000000a00000007", "no LLRP message begins with 0c3e"),
        ("07e70000000a00000007", "no message of type 999"),
        ("043d0000000e0000000000f00003", "says it has 3 bytes"),
        ("043d0000000e0000000000f000ff", "says it has 255 bytes"),
        ("043d0000000b000000008d", "ends within its fields"),
        ("043d0000000a00000000", {"message": "RO_ACCESS_REPORT", "reads": []}),
        (
            # EPCData of 16 bits (17.2.7.3.1) where most tags have EPC-96; antenna 1, -55 dBm.
            "043d0000001b00000000" + "00f00011" + "00f100080010e200" + "810001" + "86c9",
            {
                "message": "RO_ACCESS_REPORT",
                "reads": [{"epc": "e200", "antenna": 1, "rssi_centi_dbm": -5500, "count": None}],
            },
        ),
    ],
    "m100": [
        (M100_TAG, {"reads": [{"epc": TAG, "rssi_dbm": -55}]}),
        ("7ebbbb0002" + M100_TAG + "bb0222", {"reads": [{"epc": TAG, "rssi_dbm": -55}]}),
        (M100_TAG[:-4] + "f67e", "wrong checksum"),
        (M100_TAG[:-2] + "7f", "wrong checksum or end"),
        ("bb01ff000115167e", {"reads": []}),
        ("", {"reads": []}),
        (M100_TAG[:-1], "not hexadecimal"),
    ],
    "uhfreader18": [
        (UHF_TAG, {"reads": [{"epc": TAG, "rssi_dbm": None}]}),
        ("00ff" + UHF_TAG, {"reads": [{"epc": TAG, "rssi_dbm": None}]}),
        (UHF_TAG[:-2] + "83", "wrong checksum"),
        ("050001fbf23d", {"reads": []}),  # no tag
        ("040001db4b", {"reads": []}),  # a command
        ("zz", "not hexadecimal"),
    ],
    "xy-md02": [
        ("010400010001600a 010402ff33b8d5", {"temperature_c": -20.5}),
        ("010400010002200b 010404013102222ace", {"temperature_c": 30.5, "humidity_pct": 54.6}),
        ("010400630001c1d4 018402c2c1", "illegal data address"),
        ("010400010001600a 018402c2c1", "illegal data address"),
        ("010400010001600a 01040201317975", "wrong CRC"),
        ("010400010001600a 0104020131", "not a whole answer"),
        ("010400010001600b 01040201317974", "right CRC"),
        ("010400010001600a", "two words"),
    ],
    "datawedge": [
        (
            '[{"data_string":"1","label_type":"LABEL-TYPE-UPCE0"},{"data_string":"2"}]',
            {
                "scans": [
                    {"data": "1", "symbology": "UPCE0"},
                    {"data": "2", "symbology": None},
                ]
            },
        ),
        ('{"data_string":""}', "data_string"),
        ('{"data_string":"1","data_string":"2"}', "data_string"),
        ('{"data_string":NaN}', ""),
    ],
}


def decode(kind: str, lines: list[str]) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "decode", kind],
        input="".join(f"{line}\n" for line in lines).encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("kind", CASES)
def test_what_the_standards_say_is_shown_exactly_or_refused_for_its_reason(kind: str) -> None:
    answers = decode(kind, [line for line, _ in CASES[kind]])
    assert len(answers) == len(CASES[kind])
    for (line, expected), answer in zip(CASES[kind], answers, strict=True):
        if isinstance(expected, dict):
            assert answer == {"ok": True, **expected}, line
        else:
            assert answer["ok"] is False, (line, answer)
            error = answer["error"]
            assert isinstance(error, dict)
            assert error["kind"] == kind
            assert expected in error["message"], line
