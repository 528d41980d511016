"""The five event types of EPCIS 2.0 and what each must hold, and events of somebody's own type.

Source: GS1 EPCIS 2.0, section 7.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from cloud_sync.epcis import parts, rules, times, vocabulary
from cloud_sync.epcis.rules import Check, Fault, Together, each, record
from cloud_sync.epcis.uris import is_uri


def _offset(value: object, path: str) -> Iterator[Fault]:
    if not times.is_offset(value):
        yield Fault(path, f"an offset such as +08:00 is expected, got {rules.shown(value)}")


_COMMON: Final[dict[str, Check]] = {
    "@context": parts.context,
    "type": rules.text,
    "eventID": rules.uri,
    "eventTime": rules.time,
    "recordTime": rules.time,
    "eventTimeZoneOffset": _offset,
    "certificationInfo": parts.certification,
    "errorDeclaration": parts.ERROR_DECLARATION,
}
_ALWAYS: Final = ("type", "eventTime", "eventTimeZoneOffset")
_WHERE_AND_WHY: Final[dict[str, Check]] = {
    "bizStep": rules.word(vocabulary.BIZ_STEP),
    "disposition": rules.word(vocabulary.DISPOSITION),
    "persistentDisposition": parts.PERSISTENT_DISPOSITION,
    "readPoint": parts.PLACE,
    "bizLocation": parts.PLACE,
    "bizTransactionList": each(parts.TRANSACTION),
    "sourceList": each(parts.SOURCE),
    "destinationList": each(parts.DESTINATION),
    "sensorElementList": each(parts.SENSOR_ELEMENT),
}
_ACTION: Final[dict[str, Check]] = {"action": rules.one_of(*vocabulary.ACTIONS)}
_EPCS: Final = each(rules.instance, unique=True)
_SEEN_EPCS: Final = each(rules.instance)
"""Where the schema lets one thing be listed twice: children, and what a transaction is about."""
_QUANTITIES: Final = each(parts.QUANTITY)


def _has(value: Mapping[str, object], name: str) -> bool:
    """True where a field is there and not empty; what is of a wrong type is told elsewhere."""
    return value.get(name) not in (None, [], "")


def _object_is_about_something(value: Mapping[str, object], path: str) -> Iterator[Fault]:
    if _has(value, "epcList") or _has(value, "quantityList"):
        return
    if _has(value, "sensorElementList") and _has(value, "readPoint"):
        return
    yield Fault(
        path, "epcList, quantityList, or sensorElementList with readPoint must not be empty"
    )


def _ilmd_begins(value: Mapping[str, object], path: str) -> Iterator[Fault]:
    if "ilmd" in value and value.get("action") != "ADD":
        yield Fault(f"{path}.ilmd", "goes with action ADD only")


def _children_unless_all_leave(value: Mapping[str, object], path: str) -> Iterator[Fault]:
    if _has(value, "childEPCs") or _has(value, "childQuantityList"):
        return
    if value.get("action") != "DELETE":
        yield Fault(path, "childEPCs or childQuantityList is needed, but for action DELETE")


def _parent_unless_observed(value: Mapping[str, object], path: str) -> Iterator[Fault]:
    if value.get("action") in ("ADD", "DELETE") and not _has(value, "parentID"):
        yield Fault(f"{path}.parentID", "may be left out with action OBSERVE only")


def _goods_unless_all_leave(value: Mapping[str, object], path: str) -> Iterator[Fault]:
    if _has(value, "epcList") or _has(value, "quantityList"):
        return
    if value.get("action") != "DELETE":
        yield Fault(path, "epcList or quantityList is needed, but for action DELETE")


def _made_of_and_into(value: Mapping[str, object], path: str) -> Iterator[Fault]:
    has_input = _has(value, "inputEPCList") or _has(value, "inputQuantityList")
    has_output = _has(value, "outputEPCList") or _has(value, "outputQuantityList")
    if has_input and has_output:
        return
    if not _has(value, "transformationID"):
        yield Fault(path, "inputs and outputs are needed, or a transformationID and one of them")
    elif not (has_input or has_output):
        yield Fault(path, "inputs or outputs are needed beside the transformationID")


def _event(
    fields: dict[str, Check], required: tuple[str, ...], *together: Together, acts: bool = True
) -> Check:
    action, needed = (_ACTION, ("action",)) if acts else ({}, ())
    return record(
        {**_COMMON, **_WHERE_AND_WHY, **action, **fields},
        required=(*_ALWAYS, *needed, *required),
        together=together,
    )


_CHILDREN: Final[dict[str, Check]] = {
    "parentID": rules.instance,
    "childEPCs": _SEEN_EPCS,
    "childQuantityList": _QUANTITIES,
}
_RULES: Final[dict[str, Check]] = {
    "ObjectEvent": _event(
        {"epcList": _EPCS, "quantityList": _QUANTITIES, "ilmd": rules.own_fields},
        (),
        _object_is_about_something,
        _ilmd_begins,
    ),
    "AggregationEvent": _event(_CHILDREN, (), _children_unless_all_leave, _parent_unless_observed),
    "AssociationEvent": _event(_CHILDREN, ("parentID",), _children_unless_all_leave),
    "TransactionEvent": _event(
        {
            "parentID": rules.instance,
            "epcList": _SEEN_EPCS,
            "quantityList": _QUANTITIES,
            "bizTransactionList": each(parts.TRANSACTION, at_least=1),
        },
        ("bizTransactionList",),
        _goods_unless_all_leave,
    ),
    "TransformationEvent": _event(
        {
            "inputEPCList": _EPCS,
            "inputQuantityList": _QUANTITIES,
            "outputEPCList": _EPCS,
            "outputQuantityList": _QUANTITIES,
            "transformationID": rules.uri,
            "ilmd": rules.own_fields,
        },
        (),
        _made_of_and_into,
        acts=False,
    ),
}
_OWN_TYPE: Final = record(
    {
        **_COMMON,
        **_WHERE_AND_WHY,
        **_ACTION,
        **_CHILDREN,
        "epcList": _EPCS,
        "quantityList": _QUANTITIES,
        "inputEPCList": _EPCS,
        "inputQuantityList": _QUANTITIES,
        "outputEPCList": _EPCS,
        "outputQuantityList": _QUANTITIES,
        "transformationID": rules.uri,
        "ilmd": rules.own_fields,
    },
    required=_ALWAYS,
)


def check_event(value: object, path: str) -> Iterator[Fault]:
    """Every fault of one event."""
    kind = value.get("type") if isinstance(value, dict) else None
    rule = _RULES.get(kind) if isinstance(kind, str) else None
    if rule is None:
        if isinstance(value, dict) and isinstance(kind, str) and not is_uri(kind):
            yield Fault(f"{path}.type", f"no event type {rules.shown(kind)}; your own are URIs")
        rule = _OWN_TYPE
    yield from rule(value, path)
