"""EPCIS documents as a partner would send them, to be spoilt one field at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
EPC = "https://id.gs1.org/01/09521141012345/21/2017"
OTHER_EPC = "urn:epc:id:sgtin:4012345.011122.25"
LOT = "https://id.gs1.org/01/09521141012345/10/L1"
SSCC = "https://id.gs1.org/00/040123450000003338"
PLACE = "https://id.gs1.org/414/4012345000054"

Json = dict[str, object]

_TIMES: Json = {
    "eventTime": "2026-07-22T06:45:00.000+02:00",
    "eventTimeZoneOffset": "+02:00",
}
EVENTS: dict[str, Json] = {
    "ObjectEvent": {
        "type": "ObjectEvent",
        **_TIMES,
        "eventID": "urn:uuid:404d95fc-9457-4a51-bd6a-0bba133845a8",
        "action": "ADD",
        "bizStep": "commissioning",
        "disposition": "active",
        "epcList": [EPC, OTHER_EPC],
        "quantityList": [{"epcClass": LOT, "quantity": 1.5, "uom": "KGM"}],
        "persistentDisposition": {"set": ["completeness_verified"]},
        "readPoint": {"id": PLACE},
        "bizLocation": {"id": PLACE},
        "bizTransactionList": [{"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:1:2"}],
        "sourceList": [{"type": "location", "source": PLACE}],
        "destinationList": [{"type": "owning_party", "destination": PLACE}],
        "ilmd": {"example:grade": "A"},
        "sensorElementList": [
            {
                "sensorMetadata": {
                    "startTime": "2026-07-22T06:00:00Z",
                    "endTime": "2026-07-22T06:30:00Z",
                    "deviceID": "urn:epc:id:giai:4000001.111",
                },
                "sensorReport": [
                    {
                        "type": "Temperature",
                        "minValue": 2.1,
                        "maxValue": 4,
                        "meanValue": 3,
                        "sDev": 0.1,
                        "percRank": 50,
                        "percValue": 3,
                        "uom": "CEL",
                        "exception": "ALARM_CONDITION",
                        "component": "x",
                        "hexBinaryValue": "F0",
                        "booleanValue": True,
                    }
                ],
            }
        ],
        "errorDeclaration": {
            "declarationTime": "2026-07-23T06:00:00Z",
            "reason": "incorrect_data",
            "correctiveEventIDs": ["urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8"],
        },
        "certificationInfo": ["https://accreditation.example.com/1"],
        "example:own": {"any": ["thing", None]},
    },
    "AggregationEvent": {
        "type": "AggregationEvent",
        **_TIMES,
        "action": "ADD",
        "parentID": SSCC,
        "childEPCs": [EPC],
        "childQuantityList": [{"epcClass": LOT, "quantity": 3}],
    },
    "AssociationEvent": {
        "type": "AssociationEvent",
        **_TIMES,
        "action": "ADD",
        "parentID": "urn:epc:id:grai:4012345.55555.987",
        "childEPCs": ["urn:epc:id:giai:4000001.12345"],
    },
    "TransactionEvent": {
        "type": "TransactionEvent",
        **_TIMES,
        "action": "OBSERVE",
        "bizTransactionList": [{"bizTransaction": "http://transaction.acme.com/po/1"}],
        "epcList": [EPC],
    },
    "TransformationEvent": {
        "type": "TransformationEvent",
        **_TIMES,
        "inputQuantityList": [{"epcClass": LOT}],
        "outputEPCList": [EPC],
        "transformationID": "urn:epc:id:gdti:0614141.12345.400",
        "ilmd": {"example:grade": "B"},
    },
}


def event(kind: str = "ObjectEvent", **changes: object) -> Json:
    """A good event with some of its fields changed; None takes a field away."""
    found = copy.deepcopy(EVENTS[kind]) | changes
    return {name: value for name, value in found.items() if value is not None}


def document(*events: object, **changes: object) -> Json:
    """A capture document around events."""
    found: Json = {
        "@context": [CONTEXT, {"example": "https://ns.example.com/epcis/"}],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-07-22T10:30:00Z",
        "epcisBody": {"eventList": list(events)},
    } | changes
    return {name: value for name, value in found.items() if value is not None}


def at(*path: str | int) -> Callable[[Json, object], Json]:
    """A change deep inside an event: `at("readPoint", "id")(event, value)`."""

    def change(of: Json, value: object) -> Json:
        changed = copy.deepcopy(of)
        inner: object = changed
        for name in path[:-1]:
            inner = inner[name]  # type: ignore[index]
        if value is None:
            del inner[path[-1]]  # type: ignore[attr-defined]
        else:
            inner[path[-1]] = value  # type: ignore[index]
        return changed

    return change
