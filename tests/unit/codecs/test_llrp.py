"""Pins LLRP to messages recorded from readers, to another implementation, and to its bounds."""

from __future__ import annotations

import re

import pytest

from gateway.codecs.llrp import (
    DEPTH_MAX,
    Bits,
    LlrpRefused,
    Message,
    Parameter,
    decode_message,
    encode_message,
    find,
)
from gateway.codecs.llrp_layout import CUSTOM
from gateway.codecs.llrp_reports import (
    AntennaChanged,
    BufferFilling,
    BufferOverflowed,
    ConnectionAttempted,
    ConnectionClosing,
    ReaderFailed,
    RoSpecChanged,
    TagReport,
    capabilities_of,
    events_of,
    lost_antennas,
    reader_time,
    status_of,
    tag_reports,
)
from tests.golden import Case, cases

EDGEX = cases("llrp/edgex_reader_responses")
LTK_JAVA = cases("llrp/ltk_java_messages")
CAPTURES = {name: cases(f"llrp/{name}") for name in ("dx101_a", "dx101_b", "dx301_a")}
ALL = [*EDGEX, *LTK_JAVA, *(case for captured in CAPTURES.values() for case in captured)]
RAWS = [bytes.fromhex(str(case["message_hex"])) for case in ALL]


def raw_of(case: Case) -> bytes:
    return bytes.fromhex(str(case["message_hex"]))


def upper_snake(name: str) -> str:
    """The standard's name of a message, of a test suite's own: no number behind it, no camels."""
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=RO)(?=A)", "_", re.sub(r"\d$", "", name)).upper()
    return snake.replace("ACCESS_SPECS", "ACCESSSPECS")


# ---------------------------------------------------------------- recorded messages


def test_every_recorded_message_is_read_and_written_back_as_it_was() -> None:
    assert len(RAWS) == 370
    for raw in RAWS:
        assert encode_message(decode_message(raw)) == raw


def test_every_recorded_message_is_known_by_its_name() -> None:
    named = [case for case in ALL if "message" in case]
    assert len(named) == 292, "dx301_a names none: it holds nothing but ERROR_MESSAGE"
    for case in named:
        assert decode_message(raw_of(case)).name == upper_snake(str(case["message"])), case
    assert {decode_message(raw_of(case)).name for case in CAPTURES["dx301_a"]} == {"ERROR_MESSAGE"}


def test_every_epc_of_the_captures_is_found() -> None:
    # The captures hold EPCs of one bit in a byte; the suite they come from shows the whole byte.
    n_epcs = 0
    for case in (*CAPTURES["dx101_a"], *CAPTURES["dx101_b"]):
        epcs = [report.epc for report in tag_reports(decode_message(raw_of(case)))]
        assert epcs == [str(epc).upper() for epc in case["epcs"]]  # type: ignore[attr-defined]
        n_epcs += len(epcs)
    assert n_epcs > 100


def expected_tags(case: Case) -> list[TagReport]:
    tags = case["expected"]["TagReportData"]  # type: ignore[index]
    return [
        TagReport(
            epc=tag["EPC_hex"].upper(),
            antenna=tag.get("AntennaID"),
            rssi_centi_dbm=100 * tag["PeakRSSI"] if "PeakRSSI" in tag else None,
            count=tag.get("TagSeenCount"),
            first_us=tag.get("FirstSeenUTC"),
            last_us=tag.get("LastSeenUTC"),
            first_uptime_us=None,
            last_uptime_us=None,
        )
        for tag in tags or ()
    ]


@pytest.mark.parametrize(
    "case", [case for case in EDGEX if case["type"] == 61], ids=lambda case: str(case["src"])[-12:]
)
def test_a_recorded_report_says_what_the_other_implementation_reads(case: Case) -> None:
    assert tag_reports(decode_message(raw_of(case))) == expected_tags(case)


def edgex(name: str) -> tuple[Message, dict[str, object]]:
    (case,) = (case for case in EDGEX if case["message"] == name)
    expected = case["expected"]
    assert isinstance(expected, dict)
    return decode_message(raw_of(case)), expected


def test_the_capabilities_of_a_recorded_reader() -> None:
    message, expected = edgex("GetReaderCapabilitiesResponse")
    device = expected["GeneralDeviceCapabilities"]
    band = expected["RegulatoryCapabilities"]["UHFBandCapabilities"]  # type: ignore[index]
    capabilities = capabilities_of(message)
    assert isinstance(device, dict)
    assert capabilities.n_antennas == device["MaxSupportedAntennas"] == 4
    assert capabilities.has_utc_clock is device["HasUTCClock"]
    assert capabilities.manufacturer == device["DeviceManufacturer"] == 25882
    assert capabilities.firmware == device["FirmwareVersion"]
    assert capabilities.powers_centi_dbm == {
        level["Index"]: level["TransmitPowerValue"] for level in band["TransmitPowerLevels"]
    }
    assert capabilities.can_hold
    assert capabilities.hop_table == 1
    assert status_of(message).code == 0


def test_the_antennas_of_a_recorded_reader() -> None:
    message, expected = edgex("GetReaderConfigResponse")
    properties = expected["AntennaProperties"]
    assert isinstance(properties, list)
    assert lost_antennas(message) == {2, 3, 4} == {
        antenna["AntennaID"] for antenna in properties if not antenna["AntennaConnected"]
    }  # fmt: skip


def test_the_events_of_recorded_readers() -> None:
    message, _ = edgex("ReaderEventNotification")
    assert events_of(message) == [ConnectionClosing()]
    assert reader_time(message) == (1596721689842138, None)
    (first, *_) = CAPTURES["dx101_a"]
    assert events_of(decode_message(raw_of(first))) == [ConnectionAttempted(0)]


def test_the_error_messages_of_a_capture_carry_a_status() -> None:
    for case in CAPTURES["dx301_a"]:
        message = decode_message(raw_of(case))
        status = find(message, 287)
        assert status is not None
        assert status_of(message).code == status.number(0)


def event(*parameters: Parameter) -> Message:
    """A notification that was encoded and read again."""
    told = Parameter(246, (), (Parameter(128, (5,)), *parameters))
    return decode_message(encode_message(Message(63, 0, (), (told,))))


def test_every_event_that_health_is_made_of() -> None:
    told = event(
        Parameter(249, (1, 7, 0)),
        Parameter(250, (80,)),
        Parameter(251),
        Parameter(252, ("fan stopped",)),
        Parameter(255, (0, 2)),
        Parameter(255, (1, 3)),
        Parameter(247, (1, 2)),
    )
    assert events_of(told) == [
        RoSpecChanged(1, 7),
        BufferFilling(80),
        BufferOverflowed(),
        ReaderFailed("fan stopped"),
        AntennaChanged(2, is_connected=False),
        AntennaChanged(3, is_connected=True),
    ]


# ---------------------------------------------------------------- tags


def report_of(*children: Parameter) -> Message:
    """A report of one tag, encoded and read again."""
    message = Message(61, 1, (), (Parameter(240, (), children),))
    return decode_message(encode_message(message))


EPC = Parameter(13, (bytes.fromhex("3074257BF7194E4000001A85"),))


def test_impinjs_finer_rssi_stands_for_the_standards() -> None:
    # The bytes are the vendor's layout: type 1023, length 14, vendor 25882, subtype 57, s16.
    custom = Parameter(CUSTOM, (25882, 57, bytes.fromhex("ea84")))
    for children in ((Parameter(6, (-55,)), custom), (custom, Parameter(6, (-55,))), (custom,)):
        (tag,) = tag_reports(report_of(EPC, *children))
        assert tag.rssi_centi_dbm == -5500
    (tag,) = tag_reports(report_of(EPC, Parameter(CUSTOM, (25882, 57, bytes.fromhex("eafb")))))
    assert tag.rssi_centi_dbm == -5381


def test_other_vendors_parameters_are_passed_over() -> None:
    custom = Parameter(CUSTOM, (161, 57, bytes.fromhex("eafb")))
    unknown = Parameter(900, (b"\x01\x02\x03",))
    (tag,) = tag_reports(report_of(EPC, custom, Parameter(6, (-60,)), unknown))
    assert tag.rssi_centi_dbm == -6000


def test_what_a_tag_does_not_say_is_none() -> None:
    (tag,) = tag_reports(report_of(EPC))
    assert tag == TagReport("3074257BF7194E4000001A85", None, None, None, None, None, None, None)


@pytest.mark.parametrize(
    ("n_bits", "raw", "epc"),
    [(0, "", ""), (1, "80", "80"), (12, "abc0", "ABC0"), (240, "36" * 30, "36" * 30)],
)
def test_an_epc_of_any_length_is_its_bytes(n_bits: int, raw: str, epc: str) -> None:
    (tag,) = tag_reports(report_of(Parameter(241, (Bits(n_bits, bytes.fromhex(raw)),))))
    assert tag.epc == epc


def test_a_clockless_readers_times_are_told_apart() -> None:
    (tag,) = tag_reports(report_of(EPC, Parameter(3, (10,)), Parameter(5, (20,))))
    assert (tag.first_us, tag.first_uptime_us, tag.last_uptime_us) == (None, 10, 20)


def test_a_tag_with_two_identities_is_refused() -> None:
    with pytest.raises(LlrpRefused, match="2 EPCs"):
        tag_reports(report_of(EPC, EPC))


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "10 bytes at least"),
        ("043e0000000a000000", "10 bytes at least"),
        ("043e0000000b00000000", "says it has 11"),
        ("043e0000000a0000000000", "says it has 10 bytes, got 11"),
        ("043e0000000900000000", "a message of 9 bytes"),
        ("003e0000000a00000000", "begins with 003e"),
        ("0c3e0000000a00000000", "begins with 0c3e"),
        ("243e0000000a00000000", "begins with 243e"),
        ("04050000000a00000000", "no message of type 5"),
        ("04640000000a00000000", "ERROR_MESSAGE lacks LLRPStatus"),
        ("04640000001200000000011f000700000000", "LLRPStatus ends within"),
        ("04640000001200000000011f000900000000", "LLRPStatus says it has 9 bytes"),
        ("04640000001200000000011f000300000000", "LLRPStatus says it has 3 bytes"),
        ("0464000000130000000001 1f00090000 0001ff", "not UTF-8"),
        ("04640000001500000000011f0008000000000000ff", "3 bytes at byte 18"),
        ("04640000001300000000011f000800000000ff", "no TV parameter of type 127"),
        ("04640000001600000000011f00080000000005 1f0004", "begins with 051f"),
        ("04640000001600000000011f00080000000000 0d0004", "begins with 000d"),
        ("043d0000000e0000000000f00004", "TagReportData lacks EPC-96"),
        ("043d0000001a0000000000f000108d30112233445566778899aa", "EPC-96 ends within"),
        ("04160000000d00000000000001", "START_ROSPEC ends within"),
        ("043d000000160000000000f0000c00f10008004030112233", "says it has 22 bytes, got 24"),
        ("043d000000180000000000f0000e00f1000a004030112233", "EPCData ends within"),
    ],
)
def test_bytes_that_are_no_message_are_refused_with_a_reason(raw: str, reason: str) -> None:
    with pytest.raises(LlrpRefused, match=re.escape(reason)):
        decode_message(bytes.fromhex(raw))


def nested(depth: int) -> bytes:
    """A report whose parameters hold one another, each valid but for what it lacks."""
    inner = b""
    for _ in range(depth):
        inner = b"\x01\x01" + (4 + len(inner)).to_bytes(2) + inner  # ConnectionCloseEvent
    return b"\x04\x3d" + (10 + len(inner)).to_bytes(4) + bytes(4) + inner


def test_depth_is_bounded() -> None:
    assert decode_message(nested(DEPTH_MAX)).children
    for depth in (DEPTH_MAX + 1, 16_000):
        with pytest.raises(LlrpRefused, match="deeper than 16"):
            decode_message(nested(depth))


def test_an_unknown_parameter_is_kept_whole() -> None:
    raw = bytes.fromhex("043d000000120000000003840008deadbeef")
    message = decode_message(raw)
    assert message.children == (Parameter(900, (bytes.fromhex("deadbeef"),)),)
    assert encode_message(message) == raw
