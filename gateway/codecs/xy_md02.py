"""The XY-MD02/SHT20 family of temperature and humidity transmitters, over Modbus RTU.

    function 04 (read input registers) or 03 (read holding registers); by default 04, register 1:
    temperature, int16 / 10 °C, register 2: relative humidity, uint16 / 10 %. The register map is
    configurable, for the many transmitters that differ in nothing else.

RTU frames are cut by their length, which the request fixes: address, function, byte count,
2 bytes a register, CRC-16 low byte first (Modbus over Serial Line 1.02, 2.5.1). pymodbus checks
the CRC; the few bytes of this one request are ours, so that the driver can stay on the gateway's
own serial link and its timeouts (docs/decisions).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pymodbus.framer.rtu import FramerRTU

READ_HOLDING_REGISTERS: Final = 0x03
READ_INPUT_REGISTERS: Final = 0x04
MAX_REGISTERS: Final = 125
"""In one request (Modbus Application Protocol 1.1b3, 6.3)."""
EXCEPTION_BIT: Final = 0x80
_EXCEPTIONS: Final = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge",
    6: "server device busy",
}


class ModbusRefused(ValueError):
    """An answer that is no reading.

    kind: layout, crc, address, exception N or out_of_range; few enough to be counted by.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """Where a transmitter keeps its values; None for a value it has not. Scales: units per digit.

    function: 4 for input registers, 3 for holding registers. is_signed: of the temperature, in
    two's complement. range_c, range_pct: what the sensor can physically say; anything else is a
    fault.
    """

    temperature: int | None = 1
    humidity: int | None = 2
    scale: float = 0.1
    humidity_scale: float = 0.1
    function: int = READ_INPUT_REGISTERS
    is_signed: bool = True
    range_c: tuple[float, float] = (-40.0, 125.0)
    range_pct: tuple[float, float] = (0.0, 100.0)


@dataclass(frozen=True, slots=True)
class Climate:
    """Hundredths of a degree Celsius and of a percent; None where not asked for."""

    temperature_centi_c: int | None
    humidity_centi_pct: int | None


def request(
    unit: int, register: int, count: int, *, function: int = READ_INPUT_REGISTERS
) -> bytes:
    """Ask a unit for `count` registers."""
    body = bytes((unit, function)) + register.to_bytes(2, "big")
    return _with_crc(body + count.to_bytes(2, "big"))


def response(unit: int, values: list[int]) -> bytes:
    """A unit's answer (for simulated units); values as unsigned 16-bit words."""
    words = b"".join((value & 0xFFFF).to_bytes(2, "big") for value in values)
    return _with_crc(bytes((unit, READ_INPUT_REGISTERS, len(words))) + words)


def exception_response(unit: int, code: int) -> bytes:
    """A unit's refusal (for simulated units)."""
    return _with_crc(bytes((unit, READ_INPUT_REGISTERS | EXCEPTION_BIT, code)))


def response_length(head: bytes) -> int | None:
    """How many bytes the answer that begins with `head` has; None while that is not known."""
    if len(head) < 3:
        return None
    return 5 if head[1] & EXCEPTION_BIT else 5 + head[2]


def parse_response(
    unit: int, count: int, frame: bytes, *, function: int = READ_INPUT_REGISTERS
) -> list[int]:
    """The registers as unsigned words. Raises ModbusRefused."""
    if len(frame) < 5 or response_length(frame) != len(frame):
        raise ModbusRefused("layout", f"{len(frame)} bytes are not a whole answer")
    if _with_crc(frame[:-2]) != frame:
        raise ModbusRefused("crc", "wrong CRC")
    if frame[0] != unit:
        raise ModbusRefused("address", f"unit {frame[0]} answered for unit {unit}")
    if frame[1] == function | EXCEPTION_BIT:
        exception = f"exception {frame[2]}"
        raise ModbusRefused(exception, f"{exception}, {_EXCEPTIONS.get(frame[2], 'unknown')}")
    if frame[1] != function or frame[2] != 2 * count:
        reason = f"function {frame[1]} with {frame[2]} bytes, asked for {2 * count}"
        raise ModbusRefused("layout", reason)
    words = frame[3:-2]
    return [int.from_bytes(words[i : i + 2], "big") for i in range(0, len(words), 2)]


def span(registers: RegisterMap) -> tuple[int, int]:
    """First register and count that one request must cover."""
    wanted = [r for r in (registers.temperature, registers.humidity) if r is not None]
    return min(wanted), max(wanted) - min(wanted) + 1


def climate_of(registers: RegisterMap, first: int, values: list[int]) -> Climate:
    """The reading in the registers from `first` on. Raises ModbusRefused if impossible."""

    def centi(
        register: int | None, scale: float, limits: tuple[float, float], *, signed: bool
    ) -> int | None:
        if register is None:
            return None
        word = values[register - first]
        number = word - 0x10000 if signed and word & 0x8000 else word
        value = number * scale
        if not limits[0] <= value <= limits[1]:
            reason = f"register {register} says {value:g}, outside {limits}"
            raise ModbusRefused("out_of_range", reason)
        return round(value * 100)

    return Climate(
        centi(
            registers.temperature, registers.scale, registers.range_c, signed=registers.is_signed
        ),
        centi(registers.humidity, registers.humidity_scale, registers.range_pct, signed=False),
    )


def _with_crc(body: bytes) -> bytes:
    crc: int = FramerRTU.compute_CRC(body)
    # pymodbus gives the word as it goes over the wire, first byte high.
    return body + crc.to_bytes(2, "big")
