"""What events are made of: quantities, places, parties, sensor readings, declarations of error.

Source: GS1 EPCIS 2.0, section 7.3; where the standard says more than its JSON schema (counts are
positive integers, no unit without an amount, a percentile needs its rank …) the standard counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from cloud_sync.epcis import rules, times, vocabulary
from cloud_sync.epcis.rules import Check, Fault, each, record

_UNIT: Final = re.compile(r"[A-Z0-9]{2,3}", re.ASCII)
_HEX: Final = re.compile(r"(?:[A-Fa-f0-9]{2})+", re.ASCII)


def unit(value: object, path: str) -> Iterator[Fault]:
    """A unit of measure by its code of UN/CEFACT recommendation 20: two or three characters."""
    if not isinstance(value, str) or _UNIT.fullmatch(value) is None:
        yield Fault(path, f"a code of UN/CEFACT Rec. 20 is expected, got {rules.shown(value)}")


def hex_text(value: object, path: str) -> Iterator[Fault]:
    """Octets in hexadecimal digits, two each (xsd:hexBinary)."""
    if not isinstance(value, str) or _HEX.fullmatch(value) is None:
        yield Fault(path, f"pairs of hexadecimal digits are expected, got {rules.shown(value)}")


def _amount_fits(value: Mapping[str, object], path: str) -> Iterator[Fault]:
    amount = value.get("quantity")
    if "uom" in value and "quantity" not in value:
        yield Fault(f"{path}.uom", "a unit without a quantity")
    if not isinstance(amount, int | float) or isinstance(amount, bool):
        return
    if amount <= 0:
        yield Fault(f"{path}.quantity", f"a quantity is positive, got {amount}")
    elif "uom" not in value and amount != int(amount):
        yield Fault(f"{path}.quantity", f"without a unit it counts pieces, got {amount}")


QUANTITY: Final = record(
    {"epcClass": rules.goods_class, "quantity": rules.number, "uom": unit},
    required=("epcClass",),
    is_open=False,
    together=(_amount_fits,),
)
PLACE: Final = record({"id": rules.uri}, required=("id",))
TRANSACTION: Final = record(
    {"type": rules.word(vocabulary.TRANSACTION_TYPE), "bizTransaction": rules.uri},
    required=("bizTransaction",),
    is_open=False,
)
SOURCE: Final = record(
    {"type": rules.word(vocabulary.PARTY_TYPE), "source": rules.uri},
    required=("type", "source"),
    is_open=False,
)
DESTINATION: Final = record(
    {"type": rules.word(vocabulary.PARTY_TYPE), "destination": rules.uri},
    required=("type", "destination"),
    is_open=False,
)


def _sets_something(value: Mapping[str, object], path: str) -> Iterator[Fault]:
    if "set" not in value and "unset" not in value:
        yield Fault(path, "set or unset is needed")


_DISPOSITIONS: Final = each(rules.word(vocabulary.DISPOSITION), at_least=1, unique=True)
PERSISTENT_DISPOSITION: Final = record(
    {"set": _DISPOSITIONS, "unset": _DISPOSITIONS}, is_open=False, together=(_sets_something,)
)
ERROR_DECLARATION: Final = record(
    {
        "declarationTime": rules.time,
        "reason": rules.word(vocabulary.ERROR_REASON),
        "correctiveEventIDs": each(rules.uri),
    },
    required=("declarationTime",),
)


def certification(value: object, path: str) -> Iterator[Fault]:
    """One URI, or a list of them."""
    yield from (each(rules.uri) if isinstance(value, list) else rules.uri)(value, path)


_PROVENANCE: Final[dict[str, Check]] = {
    "time": rules.time,
    "deviceID": rules.uri,
    "deviceMetadata": rules.uri,
    "rawData": rules.uri,
    "dataProcessingMethod": rules.uri,
    "bizRules": rules.uri,
}


def _starts_before_end(value: Mapping[str, object], path: str) -> Iterator[Fault]:
    try:
        start_us = times.parse_time(value["startTime"])
        end_us = times.parse_time(value["endTime"])
    except (KeyError, ValueError):
        return
    if start_us > end_us:
        yield Fault(f"{path}.endTime", "is before startTime")


def _statistics_agree(value: Mapping[str, object], path: str) -> Iterator[Fault]:
    rank = value.get("percRank")
    if ("percRank" in value) != ("percValue" in value):
        yield Fault(path, "percRank and percValue come together")
    if isinstance(rank, int | float) and not 0 <= rank <= 100:
        yield Fault(f"{path}.percRank", f"a percentile is between 0 and 100, got {rank}")
    spread = value.get("sDev")
    if isinstance(spread, int | float) and spread < 0:
        yield Fault(f"{path}.sDev", f"a standard deviation is not negative, got {spread}")
    low, high = value.get("minValue"), value.get("maxValue")
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        yield Fault(f"{path}.maxValue", f"is below minValue: {high} < {low}")


_VALUES: Final = dict.fromkeys(
    ("value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue"), rules.number
)
SENSOR_REPORT: Final = record(
    {
        **_PROVENANCE,
        **_VALUES,
        "type": rules.word(vocabulary.MEASUREMENT),
        "exception": rules.word(vocabulary.ALERT),
        "component": rules.word(vocabulary.COMPONENT),
        "microorganism": rules.uri,
        "chemicalSubstance": rules.uri,
        "coordinateReferenceSystem": rules.uri,
        "stringValue": rules.text,
        "booleanValue": rules.boolean,
        "hexBinaryValue": hex_text,
        "uriValue": rules.uri,
        "uom": unit,
    },
    required=("type",),
    together=(_statistics_agree,),
)
SENSOR_ELEMENT: Final = record(
    {
        "sensorMetadata": record(
            {**_PROVENANCE, "startTime": rules.time, "endTime": rules.time},
            together=(_starts_before_end,),
        ),
        "sensorReport": each(SENSOR_REPORT, at_least=1),
    },
    required=("sensorReport",),
)


def context(value: object, path: str) -> Iterator[Fault]:
    """A JSON-LD context: a URI, an object of terms, or a list of these without repeats."""
    entries = value if isinstance(value, list) else [value]
    for i, entry in enumerate(entries):
        at = f"{path}[{i}]" if isinstance(value, list) else path
        if isinstance(entry, str):
            yield from rules.uri(entry, at)
        elif not isinstance(entry, dict):
            yield Fault(at, f"a URI or an object of terms is expected, got {rules.shown(entry)}")
        if entry in entries[:i]:
            yield Fault(at, "is there twice")
