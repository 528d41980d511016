"""Pins the Modbus transmitters' codec to the makers' frames, and its register map to others."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from gateway.codecs.xy_md02 import (
    READ_HOLDING_REGISTERS,
    Climate,
    ModbusRefused,
    RegisterMap,
    climate_of,
    parse_response,
    request,
    span,
)
from gateway.drivers.xy_md02 import XyMd02Options
from tests.golden import Case, cases

ANSWERED = [case for case in cases("modbus/xy_md02") if "response_hex" in case]
UNITS = [{"address": 1, "zone": "C"}]


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: str(case["response_hex"]))
def test_frames_of_the_makers_are_asked_and_read(case: Case) -> None:
    asked = bytes.fromhex(str(case["request_hex"]))
    first, count = int.from_bytes(asked[2:4]), int.from_bytes(asked[4:6])
    assert request(asked[0], first, count) == asked
    frame = bytes.fromhex(str(case["response_hex"]))
    if "error" in case:
        with pytest.raises(ModbusRefused, match="illegal data address"):
            parse_response(asked[0], count, frame)
        return
    covered = range(first, first + count)
    registers = RegisterMap(1 if 1 in covered else None, 2 if 2 in covered else None)
    climate = climate_of(registers, first, parse_response(asked[0], count, frame))
    expected = case["expected"]
    assert isinstance(expected, dict)
    found = {
        "temperature_c": climate.temperature_centi_c,
        "humidity_rh": climate.humidity_centi_pct,
    }
    assert {key: value / 100 for key, value in found.items() if value is not None} == expected


def test_a_transmitter_may_hold_its_values_in_holding_registers() -> None:
    # 11 03 006B 0003 is the reading of holding registers in the Modbus specification's example.
    asked = request(0x11, 0x6B, 3, function=READ_HOLDING_REGISTERS)
    assert asked.hex() == "1103006b00037687"
    frame = bytes.fromhex("110306ae415652434049ad")
    assert parse_response(0x11, 3, frame, function=READ_HOLDING_REGISTERS) == [
        0xAE41, 0x5652, 0x4340,
    ]  # fmt: skip
    with pytest.raises(ModbusRefused, match="function 3"):
        parse_response(0x11, 3, frame)


@pytest.mark.parametrize(
    ("registers", "words", "climate"),
    [
        (RegisterMap(0, 1, scale=0.01, humidity_scale=0.1), [2250, 654], Climate(2250, 6540)),
        (RegisterMap(0, 1, scale=0.01, humidity_scale=0.01), [0xFF38, 6540], Climate(-200, 6540)),
        (
            RegisterMap(0, None, is_signed=False, range_c=(0, 7000)),
            [0xFF38],
            Climate(653_360, None),
        ),
        (RegisterMap(None, 0, humidity_scale=1.0), [65], Climate(None, 6500)),
        (RegisterMap(3, 0), [654, 0, 0, 0xFF9B], Climate(-1010, 6540)),
    ],
)
def test_a_register_map_says_where_and_how(
    registers: RegisterMap, words: list[int], climate: Climate
) -> None:
    first, count = span(registers)
    assert (first, count) == (0, len(words))
    assert climate_of(registers, first, words) == climate


@pytest.mark.parametrize(("word", "is_possible"), [(1250, True), (1251, False), (0xFE70, True)])
def test_a_value_no_sensor_can_say_is_refused(word: int, is_possible: bool) -> None:
    registers = RegisterMap(0, None)
    if is_possible:
        assert climate_of(registers, 0, [word]).temperature_centi_c is not None
    else:
        with pytest.raises(ModbusRefused, match="outside"):
            climate_of(registers, 0, [word])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"temperature_register": None, "humidity_register": None}, "both missing"),
        ({"temperature_register": 1, "humidity_register": 126}, "further apart"),
        ({"units": UNITS * 2}, "an address comes twice"),
        ({"function": 6}, "function"),
    ],
)
def test_a_map_that_cannot_be_asked_for_is_refused(
    options: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        XyMd02Options.model_validate({"units": UNITS} | options)


def test_registers_as_far_apart_as_one_request_reaches_are_taken() -> None:
    options = XyMd02Options.model_validate({"units": UNITS, "humidity_register": 125})
    assert span(options.register_map()) == (1, 125)
