"""`forepost-gateway decode KIND`: one input a line in, one JSON object a line out.

    {"ok":true,…} or {"ok":false,"error":{"kind":KIND,"message":…}}

Text for `gs1`, JSON for readers and `datawedge`, hex for the binary kinds. A bad line is answered
and never ends the run. A codec is loaded only when its kind is the one asked for.

EPCs are shown in lower-case hex, like all bytes that are shown here, whatever the reader's case.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gateway.codecs.reader_json import ReaderPayload
    from gateway.core.readings import Tag

Output = dict[str, object]
Decode = Callable[[str], Output]


class LineRefused(ValueError):
    """An input line that does not decode; the message says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("kind", choices=sorted(_KINDS), metavar="KIND", help=", ".join(_KINDS))


def run(namespace: argparse.Namespace) -> int:
    """Decode standard input to its end."""
    decode = _KINDS[namespace.kind]()
    # Bytes that are not UTF-8 must be answered like any other bad line.
    for raw in sys.stdin.buffer:
        line = raw.decode("utf-8", "surrogateescape").rstrip("\r\n")
        try:
            answer: Output = {"ok": True, **decode(line)}
        except LineRefused as refusal:
            error = {"kind": namespace.kind, "message": str(refusal)}
            answer = {"ok": False, "error": error}
        print(json.dumps(answer))
    return 0


def _gs1() -> Decode:
    from gateway.codecs.gs1 import SymbolRefused, parse_symbol

    def decode(line: str) -> Output:
        try:
            symbol = parse_symbol(line, is_gs1=True)
        except SymbolRefused as refusal:
            raise LineRefused(str(refusal)) from refusal
        if symbol is None:
            raise LineRefused("not a GS1 symbol")
        answer: Output = {"elements": [list(element) for element in symbol.elements]}
        return answer if symbol.gtin is None else {**answer, "gtin": symbol.gtin}

    return decode


def _epc() -> Decode:
    from gateway.codecs.epc import EpcRefused, decode_epc

    def decode(line: str) -> Output:
        try:
            epc = decode_epc(line.strip())
        except EpcRefused as refusal:
            raise LineRefused(str(refusal)) from refusal
        link = {} if epc.digital_link is None else {"digital_link": epc.digital_link}
        return {"scheme": epc.scheme, "uri": epc.uri, "tag_uri": epc.tag_uri, **epc.keys, **link}

    return decode


def _llrp() -> Decode:
    from gateway.codecs.llrp import LlrpRefused, decode_message
    from gateway.codecs.llrp_reports import RO_ACCESS_REPORT, TagReport, tag_reports

    def read(tag: TagReport) -> Output:
        return {
            "epc": _hex(tag.epc),
            "antenna": tag.antenna,
            "rssi_centi_dbm": tag.rssi_centi_dbm,
            "count": tag.count,
        }

    def decode(line: str) -> Output:
        try:
            message = decode_message(_bytes(line))
            reads = [read(tag) for tag in tag_reports(message)]
        except LlrpRefused as refusal:
            raise LineRefused(str(refusal)) from refusal
        has_reads = message.type == RO_ACCESS_REPORT
        return {"message": message.name, **({"reads": reads} if has_reads else {})}

    return decode


def _m100() -> Decode:
    from gateway.codecs.m100 import FrameDecoder, tag_of

    def decode(line: str) -> Output:
        decoder = FrameDecoder()
        frames = list(decoder.feed(_bytes(line)))
        if decoder.n_broken and not frames:
            raise LineRefused("a frame with a wrong checksum or end, and none that is whole")
        reports = [report for frame in frames if (report := tag_of(frame)) is not None]
        return {"reads": [{"epc": _hex(tag.epc), "rssi_dbm": tag.rssi_dbm} for tag in reports]}

    return decode


def _uhfreader18() -> Decode:
    from gateway.codecs.uhfreader18 import (
        SHORTEST,
        FrameDecoder,
        ResponseRefused,
        TagReport,
        tags_of,
    )

    def read(tag: TagReport) -> Output:
        # The unit of the number that some of the family report is in no manual.
        own = {} if tag.rssi is None else {"antenna": tag.antenna, "rssi": tag.rssi}
        return {"epc": _hex(tag.epc), "rssi_dbm": None, **own}

    def decode(line: str) -> Output:
        decoder, stream = FrameDecoder(), _bytes(line)
        frames = [*decoder.feed(stream), *decoder.end()]
        if not frames and len(stream) >= SHORTEST and stream[0] + 1 == len(stream):
            raise LineRefused("a frame with a wrong checksum")
        try:
            return {"reads": [read(tag) for frame in frames for tag in tags_of(frame)]}
        except ResponseRefused as refusal:
            raise LineRefused(str(refusal)) from refusal

    return decode


def _xy_md02() -> Decode:
    from gateway.codecs.xy_md02 import (
        READ_HOLDING_REGISTERS,
        READ_INPUT_REGISTERS,
        ModbusRefused,
        RegisterMap,
        climate_of,
        parse_response,
        request,
    )

    def decode(line: str) -> Output:
        parts = line.split()
        if len(parts) != 2:
            raise LineRefused("expected two words, REQUESTHEX RESPONSEHEX")
        asked, answered = _bytes(parts[0]), _bytes(parts[1])
        if len(asked) != 8:
            raise LineRefused(f"a request has 8 bytes, got {len(asked)}")
        unit, function = asked[:2]
        first, count = int.from_bytes(asked[2:4]), int.from_bytes(asked[4:6])
        is_read = function in (READ_INPUT_REGISTERS, READ_HOLDING_REGISTERS)
        if not is_read or request(unit, first, count, function=function) != asked:
            raise LineRefused("the request is not a read of registers with a right CRC")
        covered = range(first, first + count)
        registers = RegisterMap(
            temperature=1 if 1 in covered else None, humidity=2 if 2 in covered else None
        )
        try:
            words = parse_response(unit, count, answered, function=function)
            climate = climate_of(registers, first, words)
        except ModbusRefused as refusal:
            raise LineRefused(str(refusal)) from refusal
        values = {
            "temperature_c": climate.temperature_centi_c,
            "humidity_pct": climate.humidity_centi_pct,
        }
        return {name: value / 100 for name, value in values.items() if value is not None}

    return decode


def _reads(parse: Callable[[bytes], ReaderPayload]) -> Decode:
    """Tag reads and symbols of a reader's JSON; what it says of itself is no reading."""

    def decode(line: str) -> Output:
        payload = _events(parse, line)
        reads = [_read(tag, event.time) for event in payload.events for tag in event.tags]
        scans = _scans(payload)
        return {"reads": reads, **({"scans": scans} if scans else {})}

    return decode


def _read(tag: Tag, time: str | None) -> Output:
    rssi = tag.rssi_centi_dbm
    return {
        "epc": _hex(tag.epc),
        **({"antenna": tag.antenna} if tag.antenna else {}),
        "rssi_dbm": None if rssi is None else rssi / 100,
        **({"count": tag.count} if tag.count > 1 else {}),
        **({"time": time} if time is not None else {}),
    }


def _events(parse: Callable[[bytes], ReaderPayload], line: str) -> ReaderPayload:
    payload = parse(line.encode("utf-8", "surrogateescape"))
    if payload.refusals:
        raise LineRefused(payload.refusals[0])
    return payload


def _scans(payload: ReaderPayload) -> list[Output]:
    return [
        {"data": barcode.data, "symbology": barcode.symbology}
        for event in payload.events
        for barcode in event.barcodes
    ]


def _impinj() -> Decode:
    from gateway.codecs.reader_json_impinj import parse_impinj

    return _reads(parse_impinj)


def _zebra_fx() -> Decode:
    from gateway.codecs.reader_json_zebra import parse_zebra_fx

    return _reads(parse_zebra_fx)


def _zebra_rfd() -> Decode:
    from gateway.codecs.reader_json_zebra import parse_zebra_rfd

    return _reads(parse_zebra_rfd)


def _datawedge() -> Decode:
    from gateway.codecs.datawedge import parse_datawedge

    return lambda line: {"scans": _scans(_events(parse_datawedge, line))}


def _hex(epc: str) -> str:
    return epc.lower()


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise LineRefused(f"not hexadecimal: {text[:40]!r}") from error


_KINDS: Final[dict[str, Callable[[], Decode]]] = {
    "gs1": _gs1,
    "epc": _epc,
    "llrp": _llrp,
    "m100": _m100,
    "uhfreader18": _uhfreader18,
    "xy-md02": _xy_md02,
    "impinj": _impinj,
    "zebra-fx": _zebra_fx,
    "zebra-rfd": _zebra_rfd,
    "datawedge": _datawedge,
}
