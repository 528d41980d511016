"""Scans as Zebra's DataWedge hands them to programs, passed on as JSON by whatever relays them.

    {"com.symbol.datawedge.data_string":TEXT,"com.symbol.datawedge.label_type":"LABEL-TYPE-EAN13",
     "com.symbol.datawedge.source":"scanner"}
    the same with short keys (data_string, label_type, source)
    several symbols of one trigger pull: an array of these, or one object with a list `barcodes`

The label types are DataWedge's own names; those of GS1 symbols are given by the names that the
contract uses, so that LABEL-TYPE-EAN128 is GS1_128.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.codecs.reader_json import (
    Barcode,
    Fields,
    ReaderEvent,
    ReaderPayload,
    fields_of,
    parse_payload,
)

LONG: Final = "com.symbol.datawedge."
_LABEL_TYPE: Final = re.compile(r"^LABEL-TYPE-")
_NAMES: Final = {"EAN128": "GS1_128", "UCC_EAN128": "GS1_128", "GS1128": "GS1_128"}


def parse_datawedge(raw: bytes) -> ReaderPayload:
    """The scans in a payload."""
    return parse_payload(raw, _event)


def symbology_of(label_type: str) -> str:
    """The contract's name of a label type: `LABEL-TYPE-EAN128` is GS1_128."""
    name = _LABEL_TYPE.sub("", label_type).replace("-", "_")
    return _NAMES.get(name, name)


def short_keys(values: dict[str, object]) -> dict[str, object]:
    """The same with DataWedge's long keys cut short; a short one that is there stands."""
    return {key.removeprefix(LONG): value for key, value in values.items()} | {
        key: value for key, value in values.items() if not key.startswith(LONG)
    }


def _event(fields: Fields) -> ReaderEvent:
    return ReaderEvent(barcodes=tuple(_barcodes(_short(fields))))


def _barcodes(fields: Fields) -> Iterator[Barcode]:
    if "barcodes" in fields and "data_string" not in fields:
        for inner in fields.inners("barcodes"):
            yield _barcode(_short(inner))
    else:
        yield _barcode(fields)


def _barcode(fields: Fields) -> Barcode:
    data = fields.text("data_string") or fields.text("data")
    if data is None:
        raise fields.refusal("data_string", "the symbol's text")
    label_type = fields.text("label_type")
    return Barcode(data, None if label_type is None else symbology_of(label_type))


def _short(fields: Fields) -> Fields:
    return fields_of(short_keys(dict(fields.values)), fields.path)
