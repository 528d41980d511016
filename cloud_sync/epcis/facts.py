"""What an event says, by the names that the query language has for it.

`facts_of` gives for each name all values of it in the event: URIs in their common spelling,
standard words bare, times in µs. Queries look at nothing else, so that what can be asked for is
listed here.

    eventTime recordTime errorDeclarationTime time startTime endTime        times
    quantity quantity_UOM value_UOM minValue_UOM … percRank                 numbers
    epc parentID inputEPC outputEPC epcClass inputEPCClass outputEPCClass   GS1 identifiers
    bizTransaction_TYPE source_TYPE destination_TYPE                        URIs
    prefix:name, and with INNER_ ILMD_ SENSORREPORT_ … before it            fields of one's own

Source: GS1 EPCIS 2.0, section 8.2.7.1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from cloud_sync.epcis import times, vocabulary
from cloud_sync.epcis.identifiers import canonical_id

Scalar = str | int | float | bool
Facts = Mapping[str, list[Scalar]]

TIMES: Final = frozenset(
    {"eventTime", "recordTime", "errorDeclarationTime", "time", "startTime", "endTime"}
)
_GOODS: Final = {
    "epcList": "epc",
    "childEPCs": "epc",
    "inputEPCList": "inputEPC",
    "outputEPCList": "outputEPC",
}
_AMOUNTS: Final = {
    "quantityList": "epcClass",
    "childQuantityList": "epcClass",
    "inputQuantityList": "inputEPCClass",
    "outputQuantityList": "outputEPCClass",
}
_PARTIES: Final = (
    ("bizTransactionList", "bizTransaction", vocabulary.TRANSACTION_TYPE),
    ("sourceList", "source", vocabulary.PARTY_TYPE),
    ("destinationList", "destination", vocabulary.PARTY_TYPE),
)
_MEASURED: Final = ("value", "minValue", "maxValue", "meanValue", "sDev", "percValue")
_SENSOR_URIS: Final = (
    "deviceID",
    "dataProcessingMethod",
    "microorganism",
    "chemicalSubstance",
    "bizRules",
    "deviceMetadata",
    "rawData",
    "uriValue",
)
_SENSOR_PLAIN: Final = ("stringValue", "booleanValue", "hexBinaryValue", "percRank")

CANONICAL: Final[dict[str, Callable[[str], str]]] = {
    "bizStep": vocabulary.BIZ_STEP.plain,
    "disposition": vocabulary.DISPOSITION.plain,
    "persistentDisposition_set": vocabulary.DISPOSITION.plain,
    "persistentDisposition_unset": vocabulary.DISPOSITION.plain,
    "errorReason": vocabulary.ERROR_REASON.plain,
    "type": vocabulary.MEASUREMENT.plain,
    "exception": vocabulary.ALERT.plain,
    "component": vocabulary.COMPONENT.plain,
}
_AS_IT_IS: Final = frozenset({"eventID", "eventType", "action", "stringValue", "hexBinaryValue"})


def canonical(name: str, value: str) -> str:
    """A value in the one spelling in which it is compared."""
    if name in _AS_IT_IS or ":" in name:
        return value
    spell = CANONICAL.get(name)
    return spell(value) if spell is not None else canonical_id(value)


class _Found:
    """The facts as they are being gathered."""

    def __init__(self) -> None:
        self.facts: defaultdict[str, list[Scalar]] = defaultdict(list)

    def add(self, name: str, value: object) -> None:
        """One value; lists, objects and null say nothing by themselves."""
        if name in TIMES:
            try:
                self.facts[name].append(times.parse_time(value))
            except ValueError:
                return
        elif isinstance(value, str):
            self.facts[name].append(canonical(name, value))
        elif isinstance(value, int | float):
            self.facts[name].append(value)


def facts_of(event: Mapping[str, object], *, record_time_us: int) -> Facts:
    """Everything an event says that can be asked for."""
    found = _Found()
    found.facts["recordTime"].append(record_time_us)
    for name in ("eventTime", "eventID", "action", "bizStep", "disposition", "parentID",
                 "transformationID"):  # fmt: skip
        found.add(name, event.get(name))
    found.add("eventType", event.get("type"))
    for field, name in _GOODS.items():
        for value in _list(event.get(field)):
            found.add(name, value)
    for place in ("readPoint", "bizLocation"):
        where = _record(event.get(place))
        found.add(place, where.get("id"))
        _own(found, where, f"{place}_")
    lasting = _record(event.get("persistentDisposition"))
    for name in ("set", "unset"):
        for value in _list(lasting.get(name)):
            found.add(f"persistentDisposition_{name}", value)
    _add_amounts(found, event)
    _add_parties(found, event)
    _add_error(found, event)
    _add_sensors(found, event)
    _own(found, event, "")
    _own(found, _record(event.get("ilmd")), "ILMD_")
    return found.facts


def _add_amounts(found: _Found, event: Mapping[str, object]) -> None:
    for field, name in _AMOUNTS.items():
        for amount in map(_record, _list(event.get(field))):
            found.add(name, amount.get("epcClass"))
            found.add("quantity", amount.get("quantity"))
            if "uom" in amount:
                found.add(f"quantity_{amount['uom']}", amount.get("quantity"))


def _add_parties(found: _Found, event: Mapping[str, object]) -> None:
    for field, name, words in _PARTIES:
        for party in map(_record, _list(event.get(field))):
            kind = party.get("type")
            suffix = words.plain(kind) if isinstance(kind, str) else ""
            found.add(f"{name}_{suffix}", party.get(name))


def _add_error(found: _Found, event: Mapping[str, object]) -> None:
    if "errorDeclaration" not in event:
        return
    error = _record(event["errorDeclaration"])
    found.facts["errorDeclaration"].append(True)
    found.add("errorDeclarationTime", error.get("declarationTime"))
    found.add("errorReason", error.get("reason"))
    for value in _list(error.get("correctiveEventIDs")):
        found.add("correctiveEventID", value)
    _own(found, error, "ERROR_DECLARATION_")


def _add_sensors(found: _Found, event: Mapping[str, object]) -> None:
    for element in map(_record, _list(event.get("sensorElementList"))):
        found.facts["sensorElementList"].append(True)
        metadata = _record(element.get("sensorMetadata"))
        reports = [_record(each) for each in _list(element.get("sensorReport"))]
        for part in (metadata, *reports):
            for name in (*_SENSOR_URIS, *_SENSOR_PLAIN, "time", "startTime", "endTime"):
                found.add(name, part.get(name))
        for report in reports:
            for name in ("type", "exception", "component"):
                found.add(name, report.get(name))
            for name in _MEASURED:
                found.add(f"{name}_{report.get('uom', '')}", report.get(name))
            _own(found, report, "SENSORREPORT_")
        _own(found, metadata, "SENSORMETADATA_")
        _own(found, element, "SENSORELEMENT_")


def _own(found: _Found, record: Mapping[str, object], prefix: str) -> None:
    """Fields of somebody's own, and with INNER_ those inside them."""
    for name, value in record.items():
        if ":" in name and not name.startswith("@"):
            found.facts[f"EXISTS {prefix}{name}"].append(True)
            for scalar in _scalars(value):
                found.add(f"{prefix}{name}", scalar)
            _inner(found, value, f"INNER_{prefix}")


def _inner(found: _Found, value: object, prefix: str) -> None:
    for record in _list(value) if isinstance(value, list) else [value]:
        if not isinstance(record, dict):
            continue
        for name, inner in record.items():
            found.facts[f"EXISTS {prefix}{name}"].append(True)
            for scalar in _scalars(inner):
                found.add(f"{prefix}{name}", scalar)
            _inner(found, inner, prefix)


def _scalars(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else (value,)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _record(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
