# tidy: table
"""Documents written by hand, and what EPCIS 2.0 and CBV 2.0 say of each.

RIGHT       the standard and its JSON schema take it.
WRONG       both refuse it.
BY_TEXT     the schema takes it and the text does not: each with the text's rule.
BY_PRACTICE the text forbids it and the standard's own examples do it, or the parts of the
            standard contradict each other: it is taken.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.fakes.epcis_words import CONTEXT, EPC, LOT, PLACE, SSCC, Json, document

Case = tuple[str, object]

_TIMES: Json = {"eventTime": "2026-03-05T08:15:00.000Z", "eventTimeZoneOffset": "+00:00"}
_SGTIN = "urn:epc:id:sgtin:0614141.107346.2018"
_GRAI = "urn:epc:id:grai:9521321.55555.987"
_HASH = "ni:///sha-256;df7bb3c352fef055578554f09f5e2aa41782150ced7bd0b8af24dd3ccb30ba69?ver=CBV2.0"
_UUID = "urn:uuid:bd6cb3c0-2c0b-4f0f-b0ba-0a6a0c5a2f11"
_ORDER: Json = {"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:0614141073467:1152"}


def made(kind: str = "ObjectEvent", **fields: object) -> Json:
    """The least that an event of a type may hold, with fields over it; None takes one away."""
    least: dict[str, Json] = {
        "ObjectEvent": {"action": "OBSERVE", "epcList": [_SGTIN]},
        "AggregationEvent": {"action": "OBSERVE", "childEPCs": [_SGTIN]},
        "AssociationEvent": {"action": "ADD", "parentID": _GRAI, "childEPCs": [_SGTIN]},
        "TransactionEvent": {
            "action": "ADD", "bizTransactionList": [_ORDER], "epcList": [_SGTIN],
        },
        "TransformationEvent": {"inputEPCList": [_SGTIN], "outputEPCList": [EPC]},
    }  # fmt: skip
    event = {"type": kind, **_TIMES, **least.get(kind, {}), **fields}
    return {name: value for name, value in event.items() if value is not None}


def _amount(**fields: object) -> Json:
    """An observation of a quantity of one class."""
    return made(epcList=None, quantityList=[{"epcClass": LOT, **fields}])


def _class(uri: object) -> Json:
    return made(epcList=None, quantityList=[{"epcClass": uri, "quantity": 4}])


def _sensed(*reports: object, **metadata: object) -> Json:
    element: Json = {"sensorReport": list(reports)}
    if metadata:
        element["sensorMetadata"] = metadata
    return made(sensorElementList=[element])


def _warm(**fields: object) -> Json:
    return _sensed({"type": "Temperature", **fields})


def _erred(**fields: object) -> Json:
    return made(errorDeclaration={"declarationTime": "2026-03-06T08:15:00Z", **fields})


def _header(
    *elements: object, kind: object = "urn:epcglobal:epcis:vtype:BusinessLocation"
) -> Json:
    vocabulary = {"type": kind, "vocabularyElementList": list(elements)}
    return document(made(), epcisHeader={"epcisMasterData": {"vocabularyList": [vocabulary]}})


def _results(*events: object, **fields: object) -> Json:
    results = {"queryName": "SimpleEventQuery", "resultsBody": {"eventList": list(events)}}
    return {
        "@context": CONTEXT,
        "type": "EPCISQueryDocument",
        "epcisBody": {"queryResults": results | fields},
    }


def right() -> Iterator[Case]:
    """What the standard and its schema take."""
    for what, event in right_events():
        yield what, document(event)
    yield "no events", document()
    yield "five events", document(*(made(kind) for kind in KINDS))
    yield "schemaVersion 2.0.0", document(made(), schemaVersion="2.0.0")
    yield "one context that is a text", document(made(), **{"@context": CONTEXT})
    yield (
        "a context that is an object",
        document(made(), **{"@context": {"epcis": "https://ref.gs1.org/epcis/"}}),
    )
    yield (
        "an older place of the context",
        document(made(), **{"@context": "https://gs1.github.io/EPCIS/epcis-context.jsonld"}),
    )
    yield "a document's id and parties", document(
        made(), id=_UUID, sender="urn:epc:id:sgln:4012345.00001.0", receiver="ACME",
        instanceIdentifier="7",
    )  # fmt: skip
    yield "a document's own field", document(made(), **{"example:batch": {"n": 1}})
    yield "an empty header", document(made(), epcisHeader={})
    yield "a header's own field", document(made(), epcisHeader={"example:to": "you"})
    yield "master data of nothing", document(made(), epcisHeader={"epcisMasterData": {}})
    yield (
        "a place with attributes and children",
        _header(
            {
                "id": "urn:epc:id:sgln:0037000.00729.0",
                "attributes": [
                    {"id": "urn:epcglobal:cbv:mda:sst", "attribute": "201"},
                    {"id": "urn:epcglobal:cbv:mda:latitude", "attribute": 18.0},
                    {"id": "example:address", "attribute": {"example:street": "High Street 1"}},
                    {"id": "example:unsaid"},
                ],
                "children": ["urn:epc:id:sgln:0037000.00729.8201"],
            }
        ),
    )
    yield "an element that says nothing", _header({"id": "urn:epc:id:sgln:0037000.00729.0"})
    yield "a vocabulary of one's own", _header({"id": "example:a"}, kind="example:Things")
    bare = made(**{"@context": [CONTEXT, {"example": "https://example.com/"}]})
    yield "a bare event", bare
    yield "a bare event of one's own type", bare | {"type": "example:Weighing"}
    yield "an answer", _results(made())
    yield "an answer of nothing", _results()
    yield "an answer to a subscriber", _results(made(), subscriptionID="s-1")
    yield "an answer with version and date", _results() | {
        "schemaVersion": "2.0", "creationDate": "2026-03-05T08:15:00+08:00", "id": _UUID,
    }  # fmt: skip
    yield (
        "an answer of words",
        _results(resultsBody={"eventList": [], "vocabularyList": [{"type": "example:Things"}]}),
    )


KINDS = (
    "ObjectEvent", "AggregationEvent", "AssociationEvent", "TransactionEvent",
    "TransformationEvent",
)  # fmt: skip


def right_events() -> Iterator[Case]:
    """Events that are right, one particular at a time."""
    for kind in KINDS:
        yield f"the least {kind}", made(kind)
        yield (
            f"{kind} with its own fields",
            made(
                kind,
                **{"example:a": None, "example:b": [1, {"c": "d"}], "https://x.example/y": ""},
            ),
        )
        yield f"{kind} with everything common", made(
            kind, eventID=_UUID, recordTime="2020-01-01T00:00:00Z", bizStep="inspecting",
            disposition="conformant", readPoint={"id": PLACE}, bizLocation={"id": PLACE},
            bizTransactionList=[_ORDER], certificationInfo=["https://certs.example/1"],
            sourceList=[{"type": "possessing_party", "source": "urn:epc:id:pgln:4012345.00225"}],
            destinationList=[{"type": "location", "destination": PLACE}],
            sensorElementList=[{"sensorReport": [{"type": "Speed", "value": 3, "uom": "KMH"}]}],
        )  # fmt: skip
        yield (
            f"{kind} with lists of nothing",
            made(kind, sourceList=[], destinationList=[], sensorElementList=[]),
        )
    yield from _right_times()
    yield from _right_goods()
    yield from _right_shapes()
    yield from _right_words()
    yield from _right_sensors()


def _right_times() -> Iterator[Case]:
    for time in (
        "2026-03-05T08:15:00Z", "2026-03-05T08:15:00.1234567Z", "2026-03-05T08:15:00+14:00",
        "2026-03-05T08:15:00-12:00", "2026-03-05T08:15:00-00:00", "2024-02-29T23:59:59.999+05:45",
        "2026-03-05t08:15:00z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00",
        "2016-12-31T23:59:60Z", "2016-12-31T18:59:60.5-05:00",
    ):  # fmt: skip
        yield f"eventTime {time}", made(eventTime=time)
    for offset in ("+00:00", "-00:00", "+05:45", "-09:30", "+13:59", "+14:00", "-14:00"):
        yield f"eventTimeZoneOffset {offset}", made(eventTimeZoneOffset=offset)
    for name in (
        _HASH,
        "https://example.com/event/7?x=1#y",
        "example:7",
        "tag:example.com,2026:7",
    ):
        yield f"eventID {name[:24]}", made(eventID=name)
    yield "declared wrong", _erred()
    yield (
        "declared wrong with all of it",
        _erred(reason="did_not_occur", correctiveEventIDs=[_UUID, _HASH], **{"example:by": "Ann"}),
    )
    yield "a reason of one's own", _erred(reason="https://example.com/reasons/typo")
    yield "no corrections", _erred(correctiveEventIDs=[])


def _right_goods() -> Iterator[Case]:
    for epc in (
        _SGTIN, "urn:epc:id:sgtin:061414112345.0.A%2FB", "urn:epc:id:sscc:0614141.1234567890",
        "urn:epc:id:grai:0614141.12345.400", "urn:epc:id:giai:0614141.12345400",
        "urn:epc:id:gsrn:0614141.1234567890", "urn:epc:id:gdti:0614141.12345.400",
        "urn:epc:id:sgcn:4012345.67890.04711", "urn:epc:id:cpi:0614141.123ABC.123456789",
        "urn:epc:id:itip:4012345.012345.01.02.987", "urn:epc:id:upui:1234567.089456.51qIgY",
        "urn:epc:id:gid:95100000.12345.400", "urn:epc:id:usdod:CAGEY.5678",
        "urn:epc:id:adi:35962.PQ7VZ4.M37GXB92", "urn:epc:id:bic:CSQU3054383",
        "urn:epc:id:imovn:9176187", "urn:epc:raw:96.x30340242201D8840009EFDF7",
        EPC, SSCC, "https://id.gs1.org/01/09520123456788/10/L1/21/7",
        "https://id.gs1.org/01/09520123456788/21/7?17=261231&3103=000189",
        "https://id.gs1.org/01/09520123456788/22/2A/10/L1/21/7", "https://id.gs1.org/8004/9520654321",
        "https://id.gs1.org/8003/09521321111110987", "https://shop.example/x/01/09520123456788/21/7",
        "https://id.gs1.org/8010/0614141123ABC/8011/123456789",
        "https://id.gs1.org/253/9520123456788ABC", "https://id.gs1.org/00/395212340000000113",
        "https://shop.example/obj/7", "urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8",
        "http://id.example.org/thing;v=1,2", "example:thing-7",
    ):  # fmt: skip
        yield f"one thing {epc}", made(epcList=[epc])
    for uri in (
        LOT, "https://id.gs1.org/01/09520123456788", "https://id.gs1.org/01/09520123456788/22/2A",
        "https://id.gs1.org/01/09520123456788/10/L%2F1",
        "urn:epc:class:lgtin:4012345.012345.998877",
        "urn:epc:idpat:sgtin:4012345.012345.*", "urn:epc:idpat:grai:4012345.12345.*",
        "urn:epc:idpat:itip:4012345.012345.01.02.*", "https://id.gs1.org/8003/09521321111110",
        "https://id.gs1.org/8006/095201234567880102", "https://example.com/classes/sand",
        "https://id.gs1.org/8013/1987654Ad4X4bL5ttr2310c2K",
    ):  # fmt: skip
        yield f"one class {uri}", _class(uri)
    yield "as much as nobody knows", _amount()
    yield "pieces", _amount(quantity=200)
    yield "pieces as 200.0", _amount(quantity=200.0)
    yield "a million millions", _amount(quantity=10**12)
    for unit, amount in (("KGM", 0.001), ("LTR", 12.5), ("MTR", 7), ("P1", 50), ("4L", 3)):
        yield f"{amount} {unit}", _amount(quantity=amount, uom=unit)
    yield (
        "one class twice",
        made(epcList=None, quantityList=[{"epcClass": LOT, "quantity": 1}] * 2),
    )


def _right_shapes() -> Iterator[Case]:
    none: Json = {"epcList": None}
    yield "an ADD with ilmd", made(action="ADD", ilmd={"example:expires": "2026-12-01"})
    yield "an ilmd of nothing", made(action="ADD", ilmd={})
    yield "a DELETE", made(action="DELETE", bizStep="destroying", disposition="destroyed")
    yield (
        "what a sensor says of a place",
        made(
            **none,
            readPoint={"id": PLACE},
            sensorElementList=[{"sensorReport": [{"type": "Count"}]}],
        ),
    )
    yield "a read point with more about it", made(readPoint={"id": PLACE, "example:door": 2})
    yield "a bundle that is seen", made("AggregationEvent", parentID=SSCC)
    for kind in ("AggregationEvent", "AssociationEvent"):
        yield f"all leave, {kind}", made(kind, action="DELETE", parentID=SSCC, childEPCs=None)
        yield (
            f"all leave from empty lists, {kind}",
            made(kind, action="DELETE", parentID=SSCC, childEPCs=[], childQuantityList=[]),
        )
        yield f"children of a class, {kind}", made(
            kind, action="ADD", parentID=SSCC, childEPCs=None,
            childQuantityList=[{"epcClass": LOT, "quantity": 9}],
        )  # fmt: skip
        yield f"a child seen twice, {kind}", made(kind, parentID=SSCC, childEPCs=[EPC, EPC])
    yield "a parent that is a shelf", made("AssociationEvent", parentID=PLACE)
    yield (
        "a transaction about a class",
        made("TransactionEvent", epcList=None, quantityList=[{"epcClass": LOT}]),
    )
    yield "a transaction's parent", made("TransactionEvent", parentID=SSCC)
    yield "a transaction that lets all go", made("TransactionEvent", action="DELETE", epcList=None)
    yield "a transaction's thing twice", made("TransactionEvent", epcList=[EPC, EPC])
    yield (
        "a transaction of an unsaid type",
        made(
            "TransactionEvent",
            bizTransactionList=[{"bizTransaction": "https://acme.example/po/7"}],
        ),
    )
    yield from _right_changes()


def _right_changes() -> Iterator[Case]:
    change = "TransformationEvent"
    number = "urn:epc:id:gdti:0614141.12345.400"
    yield "inputs of a long change", made(change, outputEPCList=None, transformationID=number)
    yield "outputs of a long change", made(change, inputEPCList=None, transformationID=number)
    yield "classes changed", made(
        change, inputEPCList=None, outputEPCList=None, inputQuantityList=[{"epcClass": LOT}],
        outputQuantityList=[{"epcClass": LOT, "quantity": 2, "uom": "KGM"}],
    )  # fmt: skip
    yield "a change with ilmd", made(change, ilmd={"example:grade": "A"})
    yield (
        "a change with a lasting disposition",
        made(change, persistentDisposition={"unset": ["completeness_verified"]}),
    )
    yield (
        "set and unset",
        made(persistentDisposition={"set": ["damaged", "example:odd"], "unset": ["available"]}),
    )
    yield "somebody's own event", made("https://example.com/Weighing", action=None)
    yield "one certificate", made(certificationInfo="https://certs.example/1")
    yield "no certificates", made(certificationInfo=[])
    yield "a context of the event's own", made(**{"@context": {"more": "https://m.example/"}})


def _right_words() -> Iterator[Case]:
    for step in ("sampling", "sensor_reporting", "example:cutting", "https://x.example/steps/cut",
                 "https://ref.gs1.org/cbv/BizStep-packing", "cbv:BizStep-packing"):  # fmt: skip
        yield f"bizStep {step}", made(bizStep=step)
    for word in ("partially_dispensed", "example:wet", "https://ref.gs1.org/cbv/Disp-in_transit"):
        yield f"disposition {word}", made(disposition=word)
    for kind in ("bol", "upevt", "testres", "https://x.example/types/ticket", "cbv:BTT-po"):
        yield f"transaction {kind}", made(bizTransactionList=[_ORDER | {"type": kind}])
    for kind in ("owning_party", "location", "https://x.example/carrier", "cbv:SDT-location"):
        yield f"source {kind}", made(sourceList=[{"type": kind, "source": PLACE}])
        yield f"destination {kind}", made(destinationList=[{"type": kind, "destination": PLACE}])


def _right_sensors() -> Iterator[Case]:
    yield "a type alone", _warm()
    yield "a reading", _warm(value=-18.5, uom="CEL", time="2026-03-05T08:00:00Z")
    yield "a reading as an integer", _warm(value=4, uom="CEL")
    yield "a reading with an exponent", _warm(value=1.5e-7, uom="CEL")
    yield (
        "statistics",
        _warm(minValue=2, maxValue=2, meanValue=2.0, sDev=0, percRank=0, percValue=2, uom="CEL"),
    )
    yield "the highest rank", _warm(percRank=100, percValue=8.1, uom="CEL")
    yield "an alarm", _warm(exception="ALARM_CONDITION")
    yield "an error of one's own", _warm(exception="example:WET")
    yield "a direction", _sensed({"type": "Force", "component": "x", "value": 1, "uom": "NEW"})
    yield (
        "a direction of one's own",
        _sensed({"type": "Force", "component": "example:u", "value": 1, "uom": "NEW"}),
    )
    yield "a place in the world", _sensed(
        {"type": "Angle", "component": "latitude", "value": 48.1, "uom": "DD",
         "coordinateReferenceSystem": "https://epsg.io/4326"}
    )  # fmt: skip
    yield "a germ", _sensed(
        {"type": "Count", "value": 0.05, "uom": "59",
         "microorganism": "https://www.ncbi.nlm.nih.gov/taxonomy/1126011"}
    )  # fmt: skip
    yield "a substance", _sensed(
        {"type": "MassConcentration", "value": 0.18, "uom": "M1",
         "chemicalSubstance": "https://identifiers.org/inchikey:CZMRCDWAGMRECN-UGDNZRGBSA-N"}
    )  # fmt: skip
    yield (
        "all other values",
        _warm(
            stringValue="",
            booleanValue=False,
            hexBinaryValue="f0F0",
            uriValue="https://x.example/1",
        ),
    )
    yield "what one's own sensor measures", _sensed({"type": "example:Smell", "value": 1})
    yield "the web name of a measurement", _sensed({"type": "gs1:Temperature", "value": 1})
    yield "where it comes from", _warm(
        deviceID="urn:epc:id:giai:4000001.111", deviceMetadata="https://x.example/d",
        rawData="https://x.example/r", dataProcessingMethod="https://x.example/p",
        bizRules="https://x.example/b", **{"example:volt": 3},
    )  # fmt: skip
    yield "what all reports share", _sensed(
        {"type": "Temperature", "value": 4, "uom": "CEL"}, {"type": "RelativeHumidity"},
        startTime="2026-03-05T07:00:00Z", endTime="2026-03-05T08:00:00+00:00",
        deviceID="https://id.gs1.org/8004/4000001111", time="2026-03-05T08:00:00Z",
        bizRules="https://x.example/b", **{"example:x": 1},
    )  # fmt: skip
    yield (
        "a moment as a period",
        _sensed(
            {"type": "Count"}, startTime="2026-03-05T07:00:00Z", endTime="2026-03-05T07:00:00Z"
        ),
    )


def wrong() -> Iterator[Case]:
    """What the standard and its schema refuse."""
    for what, event in wrong_events():
        yield what, document(event)
    for name in ("@context", "type", "schemaVersion", "creationDate", "epcisBody"):
        yield f"no {name}", document(made(), **{name: None})
    for bad in ([], "context", 7, [CONTEXT, CONTEXT], [None], [CONTEXT, 1]):
        if bad != []:
            yield f"@context {bad!r}", document(made(), **{"@context": bad})
    yield "schemaVersion as a number", document(made(), schemaVersion=2)
    yield "schemaVersion two", document(made(), schemaVersion="two")
    yield "creationDate without offset", document(made(), creationDate="2026-03-05T08:15:00")
    yield "a bare field", document(made(), owner="me")
    yield "an eventList that is an event", document(epcisBody={"eventList": made()})
    yield "an event that is a text", document("ObjectEvent")
    yield "an event without type", document(made(type=None))
    yield "a header's bare field", document(made(), epcisHeader={"sbdh": {}})
    yield "an element without id", _header({"attributes": []})
    yield "an attribute without id", _header({"id": "example:a", "attributes": [{"attribute": 1}]})
    for bad in (True, None, ["a"]):
        yield (
            f"an attribute that is {bad!r}",
            _header({"id": "example:a", "attributes": [{"id": "example:b", "attribute": bad}]}),
        )
    yield "a child that is no URI", _header({"id": "example:a", "children": ["7"]})
    yield "children that are a text", _header({"id": "example:a", "children": "example:b"})
    yield (
        "a vocabulary without type",
        document(made(), epcisHeader={"epcisMasterData": {"vocabularyList": [{}]}}),
    )
    yield "a bare event without context", made()
    yield "an answer without name", _results(queryName=None)
    yield "an answer without results", _results(resultsBody=None)
    yield "an answer's bare field", _results(more=1)
    yield "an answer of a wrong event", _results(made(action="CREATE"))
    yield "an answer without context", {"type": "EPCISQueryDocument", "epcisBody": {}}


def wrong_events() -> Iterator[Case]:
    """Events that are wrong, one particular at a time."""
    for kind in KINDS:
        for name in ("eventTime", "eventTimeZoneOffset"):
            yield f"{kind} without {name}", made(kind, **{name: None})
        yield f"{kind} with a bare field", made(kind, colour="red")
        if kind != "TransformationEvent":
            yield f"{kind} without action", made(kind, action=None)
            yield f"{kind} that inserts", made(kind, action="INSERT")
            yield f"{kind} with inputs", made(kind, inputEPCList=[EPC])
        if kind not in ("ObjectEvent", "TransformationEvent"):
            yield f"{kind} with ilmd", made(kind, action="ADD", parentID=SSCC, ilmd={"ex:a": 1})
        if kind in ("AggregationEvent", "AssociationEvent"):
            for action in ("ADD", "OBSERVE"):
                childless = made(kind, action=action, parentID=SSCC, childEPCs=None)
                yield f"{kind} {action} of nothing", childless
                yield f"{kind} {action} of empty lists", childless | {"childEPCs": []}
            yield f"{kind} with an epcList", made(kind, epcList=[EPC])
    for time in (
        "2026-03-05", "2026-03-05T08:15:00", "2026-03-05T08:15Z", "2026-03-05 08:15:00Z",
        "2026-3-5T08:15:00Z", "2026-02-29T08:15:00Z", "2026-03-05T24:00:00Z", "05.03.2026",
        1.7e9,
        "2026-03-05T08:61:00Z", "2026-03-05T08:15:00.Z", "2026-03-05T08:15:00+1:00",
        "20260305T081500Z",
        "2017-01-01T00:00:60Z", "2016-12-31T23:58:60Z", "2016-12-31T23:59:60+01:00",
        "2016-12-30T23:59:60Z", "2016-12-31T23:59:61Z", "9999-12-31T23:59:60-23:59",
    ):  # fmt: skip
        yield f"eventTime {time}", made(eventTime=time)
    yield "a declarationTime without offset", _erred(declarationTime="2026-03-06T08:15:00")
    yield "a recordTime without offset", made(recordTime="2026-03-06T08:15:00")
    for offset in (
        "Z",
        "UTC",
        "+1:00",
        "+01",
        "+0100",
        "01:00",
        "+14:01",
        "+15:00",
        "+01:60",
        "",
        0,
    ):
        yield f"eventTimeZoneOffset {offset!r}", made(eventTimeZoneOffset=offset)
    for bad in ("7", "an id", "", 7, None, ["urn:x:1"], "//example.com/7", "urn:x:%zz"):
        if bad is not None:
            yield f"eventID {bad!r}", made(eventID=bad)
            yield f"a corrective {bad!r}", _erred(correctiveEventIDs=[bad])
    yield from _wrong_goods()
    yield from _wrong_parts()
    yield from _wrong_sensors()


def _wrong_goods() -> Iterator[Case]:
    yield "about nothing", made(epcList=None)
    yield "sensors of no place", _warm() | {"epcList": None}
    yield "an epcList that is a text", made(epcList=_SGTIN)
    yield "a thing that is a number", made(epcList=[4012345])
    yield "a thing that is no URI", made(epcList=["4012345.011122.25"])
    yield "a thing twice", made(epcList=[EPC, EPC])
    yield "a quantity without class", made(epcList=None, quantityList=[{"quantity": 1}])
    yield "a class that is no URI", _class("09520123456788")
    yield "a quantity as text", _amount(quantity="4")
    yield "a quantity as a list", _amount(quantity=[4])
    yield "a quantity that is true", _amount(quantity=True)
    for unit in ("kg", "KILO", "K", "kgm", "", 3, None):
        yield (
            f"uom {unit!r}",
            made(epcList=None, quantityList=[{"epcClass": LOT, "quantity": 4, "uom": unit}]),
        )
    yield "more of a quantity", _amount(quantity=4, **{"example:grade": "A"})
    yield "an empty quantityList alone", made(epcList=None, quantityList=[])
    yield "ilmd on what is seen", made(ilmd={"example:a": 1})
    yield "ilmd on what ends", made(action="DELETE", ilmd={"example:a": 1})
    yield "an ilmd with a bare field", made(action="ADD", ilmd={"grade": "A"})
    yield "an ilmd that is a list", made(action="ADD", ilmd=[])
    yield "a transaction of no document", made("TransactionEvent", bizTransactionList=None)
    yield "a transaction of an empty list", made("TransactionEvent", bizTransactionList=[])
    yield "a transaction about nothing", made("TransactionEvent", epcList=None)
    yield (
        "a transaction about its parent only",
        made("TransactionEvent", epcList=None, parentID=SSCC),
    )
    yield "an association without parent", made("AssociationEvent", parentID=None)
    yield "a parent that is no URI", made("AggregationEvent", parentID="box 7")
    change = "TransformationEvent"
    yield "a change with action", made(change, action="OBSERVE") | {"action": 7, "epcList": [EPC]}
    yield "a change of nothing", made(change, inputEPCList=None, outputEPCList=None)
    yield "a change into nothing", made(change, outputEPCList=None)
    yield "a change out of nothing", made(change, inputEPCList=[])
    yield (
        "a numbered change of nothing",
        made(change, inputEPCList=None, outputEPCList=[], transformationID="urn:x:1"),
    )
    yield "a number that is no URI", made(change, transformationID="T-7")
    yield "an input twice", made(change, inputEPCList=[EPC, EPC])


def _wrong_parts() -> Iterator[Case]:
    for bad in ("flying", "PACKING", "urn:epcglobal:cbv:bizstep:packing",
                "http://ns.gs1.org/cbv/BizStep-packing", 7, None, ["packing"]):  # fmt: skip
        if bad is not None:
            yield f"bizStep {bad!r}", made(bizStep=bad)
            yield f"disposition {bad!r}", made(disposition=bad)
            yield f"set {bad!r}", made(persistentDisposition={"set": [bad]})
            yield f"transaction {bad!r}", made(bizTransactionList=[_ORDER | {"type": bad}])
    for lasting in ({}, {"set": []}, {"set": "damaged"}, {"set": ["damaged", "damaged"]}, []):
        yield f"persistentDisposition {lasting}", made(persistentDisposition=lasting)
    yield "more of it", made(persistentDisposition={"set": ["damaged"], "example:a": 1})
    for name in ("readPoint", "bizLocation"):
        for where in ("urn:epc:id:sgln:0614141.12345.0", {}, {"id": "dock 1"}, [], {"id": None}):
            yield f"{name} {where}", made(**{name: where})
    yield "a transaction without document", made(bizTransactionList=[{"type": "po"}])
    yield "a transaction's own field", made(bizTransactionList=[_ORDER | {"example:a": 1}])
    yield "transactions that are one", made(bizTransactionList=_ORDER)
    for party in ("source", "destination"):
        name = f"{party}List"
        yield f"a {party} without type", made(**{name: [{party: PLACE}]})
        yield f"a {party} of nobody", made(**{name: [{"type": "location"}]})
        yield f"a {party} that is no URI", made(**{name: [{"type": "location", party: "me"}]})
        yield (
            f"a {party}'s own field",
            made(**{name: [{"type": "location", party: PLACE, "example:a": 1}]}),
        )
    yield "a certificate as an object", made(certificationInfo={"id": "https://c.example/1"})
    yield "a certificate as a word", made(certificationInfo=["ISO 9001"])
    yield "an error without time", made(errorDeclaration={"reason": "did_not_occur"})
    yield "an error of no reason", _erred(reason="oops")
    yield "an error with a bare field", _erred(by="Ann")
    yield "one correction", _erred(correctiveEventIDs=_UUID)
    yield "a type that is neither", made("QuantityEvent")
    yield "an own event without time", made("example:Weighing", eventTime=None)


def _wrong_sensors() -> Iterator[Case]:
    yield "no report", made(sensorElementList=[{"sensorMetadata": {}}])
    yield "an empty report", made(sensorElementList=[{"sensorReport": []}])
    yield "a report that is no list", made(sensorElementList=[{"sensorReport": {"type": "Count"}}])
    yield "elements that are one", made(sensorElementList={"sensorReport": [{"type": "Count"}]})
    yield (
        "an element's bare field",
        made(sensorElementList=[{"sensorReport": [{"type": "Count"}], "note": "x"}]),
    )
    yield "a report without type", _sensed({"value": 3})
    for bad in ("temperature", "Warmth", "https://gs1.org/voc/Temperature",
                "http://www.gs1.org/voc/Mass", 4):  # fmt: skip
        yield f"type {bad!r}", _sensed({"type": bad})
    for name in ("value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue"):
        yield f"{name} as text", _warm(meanValue=1, percRank=5, percValue=1) | _warm(**{name: "4"})
    for name in ("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules"):
        yield f"{name} that is no URI", _warm(**{name: "D 1"})
        yield f"shared {name} that is no URI", _sensed({"type": "Count"}, **{name: "D 1"})
    for name in ("microorganism", "chemicalSubstance", "coordinateReferenceSystem", "uriValue"):
        yield f"{name} that is no URI", _warm(**{name: "thing"})
    for name in ("time", "startTime", "endTime"):
        yield (
            f"shared {name} without offset",
            _sensed({"type": "Count"}, **{name: "2026-03-05T08:00:00"}),
        )
    yield "a report's time without offset", _warm(time="2026-03-05T08:00:00")
    yield "a report's period", _warm(startTime="2026-03-05T08:00:00Z")
    yield "an alarm of no kind", _warm(exception="ALARM")
    yield "a direction of no kind", _warm(value=1, uom="CEL", component="up")
    yield "a boolean as text", _warm(booleanValue="true")
    yield "hexadecimal with a g", _warm(hexBinaryValue="fg")
    yield "hexadecimal of nothing", _warm(hexBinaryValue="")
    yield "a text that is a number", _warm(stringValue=4)
    yield "a unit that is a number", _warm(value=4, uom=4)
    yield "a report's bare field", _warm(reading=4)
    yield "shared data's bare field", _sensed({"type": "Count"}, owner="me")


def by_text() -> Iterator[tuple[str, str, object]]:
    """What the schema takes and the text refuses: the rule, what, and the document."""
    for rule, what, event in _events_by_text():
        yield rule, what, document(event)
    yield "10: JSON begins with EPCIS 2.0", "version 1.2", document(made(), schemaVersion="1.2")
    yield (
        "fields of one's own are qualified",
        "a body's bare field",
        document(epcisBody={"eventList": [], "note": "x"}),
    )


def _events_by_text() -> Iterator[tuple[str, str, object]]:
    rule = "a quantity is positive; without uom it counts"
    for amount in (0, -1, 0.5):
        yield rule, f"{amount} pieces", _amount(quantity=amount)
    for amount in (0, -0.5):
        yield rule, f"{amount} kg", _amount(quantity=amount, uom="KGM")
    yield rule, "a unit of no quantity", _amount(uom="KGM")
    rule = "an ObjectEvent is about one or more objects"
    yield rule, "an empty epcList", made(epcList=[])
    rule = "a TransactionEvent is about one or more objects"
    yield rule, "a transaction of an empty epcList", made("TransactionEvent", epcList=[])
    rule = "parentID: optional when action is OBSERVE, required otherwise"
    for action in ("ADD", "DELETE"):
        yield rule, f"{action} to nobody", made("AggregationEvent", action=action)
    rule = "a standard word by its web URI is in the vocabulary"
    yield rule, "a step that is none", made(bizStep="https://ref.gs1.org/cbv/BizStep-flying")
    yield rule, "a disposition that is none", made(disposition="cbv:Disp-flying")
    rule = "percRank and percValue SHALL only be used in conjunction"
    yield rule, "a rank of nothing", _warm(percRank=50)
    yield rule, "a percentile of no rank", _warm(percValue=5, uom="CEL")
    yield "a percentage", "rank 101", _warm(percRank=101, percValue=5, uom="CEL")
    rule = "startTime SHALL be less than endTime"
    yield (
        rule,
        "a period backwards",
        _sensed(
            {"type": "Count"}, startTime="2026-03-05T08:00:00Z", endTime="2026-03-05T07:00:00Z"
        ),
    )
    yield "least and most", "least above most", _warm(minValue=5, maxValue=4, uom="CEL")
    yield "a deviation is a root", "below zero", _warm(meanValue=4, sDev=-1, uom="CEL")
    rule = "uom SHALL be a common code of Rec. 20"
    yield rule, "celsius", _warm(value=4, uom="celsius")
    yield "xsd:hexBinary: two digits an octet", "half an octet", _warm(hexBinaryValue="f0f")
    rule = "fields of one's own are qualified"
    yield rule, "a dock's name", made(readPoint={"id": PLACE, "name": "dock"})
    yield from _identifiers_by_text()


def _identifiers_by_text() -> Iterator[tuple[str, str, object]]:
    rule = "TDS 6: the pure identity URI of an instance"
    for epc in (
        LOT, "https://id.gs1.org/01/09520123456788", "urn:epc:class:lgtin:4012345.012345.998877",
        "urn:epc:idpat:sgtin:4012345.012345.*", "urn:epc:tag:sgtin-96:3.0614141.107346.2018",
        "urn:epc:id:sgtin:0614141.10734.2018", "urn:epc:id:sgtin:06141x1.107346.2018",
        "urn:epc:id:sgtin:0614141.107346", "urn:epc:id:sgtin:0614141.107346.",
        "urn:epc:id:sgtin:0614141.107346.ABCDEFGHIJKLMNOPQRSTU",
        "urn:epc:id:sscc:0614141.123456789",
        "urn:epc:id:sgln:0614141.12345", "urn:epc:id:giai:0614141.1234567890123456789012345",
        "urn:epc:id:nothing:1.2.3", "urn:epc:id:gsrn:0614141.12345678901",
        "urn:epc:id:bic:CSQ3054383",
    ):  # fmt: skip
        yield rule, epc, made(epcList=[epc])
    rule = "GS1 Digital Link URI syntax: keys, lengths, order, check digits"
    for link in (
        "https://id.gs1.org/01/09520123456789/21/7", "https://id.gs1.org/00/395212340000000114",
        "https://id.gs1.org/01/09520123456788/21/", "https://id.gs1.org/21/7",
        "https://id.gs1.org/01/09520123456788/21/7/10/L1", "https://id.gs1.org/01/0952012345678/21/7",
        "https://id.gs1.org/01/09520123456788/21/123456789012345678901",
        "https://id.gs1.org/01/09520123456788/99/7/21/7", "https://id.gs1.org/8003/09521321111111987",
    ):  # fmt: skip
        yield rule, link, made(epcList=[link])
    yield (
        rule,
        "a place of a wrong check digit",
        made(readPoint={"id": "https://id.gs1.org/414/4012345000055"}),
    )
    rule = "epcClass is a class-level identifier"
    for uri in (EPC, SSCC, _SGTIN, "urn:epc:id:sscc:0614141.1234567890", PLACE):
        yield rule, uri, _class(uri)


def by_practice() -> Iterator[tuple[str, str, object]]:
    """What some part of the standard forbids and another does: it is taken."""
    rule = "the standard's own full example sets these after eventTime"
    yield rule, "seen after the event", document(_warm(time="2026-03-05T09:00:00Z"))
    rule = "and names both of these"
    yield (
        rule,
        "a germ and a substance",
        document(
            _warm(microorganism="https://x.example/g", chemicalSubstance="https://x.example/s")
        ),
    )
    rule = "and says the same of the element and of its report"
    yield (
        rule,
        "two devices",
        document(_sensed({"type": "Count", "deviceID": "urn:x:1"}, deviceID="urn:x:2")),
    )
    rule = "and measures no value in a unit"
    yield rule, "a unit of no value", document(_warm(uom="CEL", exception="ALARM_CONDITION"))
    rule = "the hash algorithm's example has a deviation without mean"
    yield rule, "a deviation alone", document(_warm(sDev=0.1, uom="CEL"))
