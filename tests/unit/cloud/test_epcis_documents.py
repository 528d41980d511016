"""Pins what an EPCIS document may say: every rule of ours by a document that breaks only it,
people's examples as they are, and that nothing the official schema refuses is ever taken."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cloud_sync.epcis.documents import DocumentRefused, parse_document
from tests.fakes.epcis_words import CONTEXT, EPC, EVENTS, LOT, SSCC, at, document, event
from tests.golden import Case, cases, outside_cases
from tests.rigs.epcis_schema import schema_faults

pytestmark = pytest.mark.slow

NO_STANDARD = "NotAStandard"


def faults(value: object) -> list[str]:
    try:
        return [str(fault) for fault in parse_document(value).faults]
    except DocumentRefused as error:
        return [str(fault) for fault in error.faults]


@pytest.mark.parametrize("kind", EVENTS)
def test_a_full_event_of_each_type_is_taken(kind: str) -> None:
    assert faults(document(event(kind))) == []
    assert schema_faults(document(event(kind, persistentDisposition=None))) == []


def wrong_events() -> Iterator[tuple[str, object]]:
    """What is wrong and an event in which only that is."""
    for name in ("eventTime", "eventTimeZoneOffset", "action", "type"):
        yield f"{name} is missing", event(**{name: None})
    for bad in (
        "22-07-2026",
        "2026-07-22",
        "2026-07-22T06:45:00",
        "2026-07-22 06:45:00Z",
        "2026-02-30T00:00:00Z",
        "2026-07-22T24:00:00Z",
        "2026-07-22T06:45Z",
        "2026-07-22T06:45:00+0200",
        "2026-07-22T06:45:00+25:00",
        "2026-13-01T00:00:00Z",
        1753166700,
        "",
    ):
        yield f"eventTime {bad!r}", event(eventTime=bad)
        yield f"recordTime {bad!r}", event(recordTime=bad)
    for bad in ("Z", "+2:00", "02:00", "+14:30", "+15:00", "+02:60", "+0200", 120):
        yield f"eventTimeZoneOffset {bad!r}", event(eventTimeZoneOffset=bad)
    for bad in ("CREATE", "add", "", 1, ["ADD"]):
        yield f"action {bad!r}", event(action=bad)
    for bad in ("ObjectEvents", "objectEvent", "QuantityEvent", 7, ["ObjectEvent"]):
        yield f"type {bad!r}", event(type=bad)
    for bad in ("42", "not a uri", "urn:uuid:", "http:/x", "urn:uuid:a b", "http://[1", 5, "ä:ö"):
        yield f"eventID {bad!r}", event(eventID=bad)
        yield f"bizLocation {bad!r}", event(bizLocation={"id": bad})
    yield from wrong_words()
    yield from wrong_goods()
    yield from wrong_shapes()
    yield from wrong_sensors()


def wrong_words() -> Iterator[tuple[str, object]]:
    for bad in (
        "transforming",
        "Shipping",
        "urn:epcglobal:cbv:bizstep:shipping",
        "https://ns.gs1.org/cbv/BizStep-shipping",
        "cbv:BizStep-flying",
        "https://ref.gs1.org/cbv/BizStep-flying",
        "",
        3,
    ):
        yield f"bizStep {bad!r}", event(bizStep=bad)
    for bad in ("in_transport", "urn:epcglobal:cbv:disp:active", "cbv:Disp-nowhere", {}):
        yield f"disposition {bad!r}", event(disposition=bad)
        yield f"set {bad!r}", event(persistentDisposition={"set": [bad]})
    yield "persistentDisposition of nothing", event(persistentDisposition={})
    yield "persistentDisposition of an empty list", event(persistentDisposition={"set": []})
    yield "one twice", event(persistentDisposition={"set": ["active", "active"]})
    yield "another field", event(persistentDisposition={"set": ["active"], "example:x": 1})
    for bad in ("invoice", "urn:epcglobal:cbv:btt:po", 1):
        yield (
            f"bizTransaction type {bad!r}",
            at("bizTransactionList", 0, "type")(event(), bad),
        )
    yield "no bizTransaction", at("bizTransactionList", 0, "bizTransaction")(event(), None)
    yield "a bizTransaction's own field", at("bizTransactionList", 0, "ex:a")(event(), 1)
    for bad in ("place", "urn:epcglobal:cbv:sdt:location"):
        yield f"source type {bad!r}", at("sourceList", 0, "type")(event(), bad)
        yield f"destination type {bad!r}", at("destinationList", 0, "type")(event(), bad)
    yield "no source type", at("sourceList", 0, "type")(event(), None)
    yield "no source", at("sourceList", 0, "source")(event(), None)
    yield "no destination", at("destinationList", 0, "destination")(event(), None)
    yield "a source in a destination", event(destinationList=EVENTS["ObjectEvent"]["sourceList"])
    error = at("errorDeclaration", "reason")
    for bad in ("typo", "urn:epcglobal:cbv:er:incorrect_data"):
        yield f"reason {bad!r}", error(event(), bad)
    yield "no declarationTime", at("errorDeclaration", "declarationTime")(event(), None)
    yield "a bad declarationTime", at("errorDeclaration", "declarationTime")(event(), "today")
    yield "a bad correction", at("errorDeclaration", "correctiveEventIDs")(event(), ["no"])
    yield "one correction", at("errorDeclaration", "correctiveEventIDs")(event(), "urn:x:1")
    yield "a bare field in it", at("errorDeclaration", "who")(event(), "me")


def wrong_goods() -> Iterator[tuple[str, object]]:
    for bad in ([7], "urn:epc:id:sgtin:4012345.011122.25", ["4012345"], [EPC, EPC], None, [None]):
        if bad is not None:
            yield f"epcList {bad!r}", event(epcList=bad)
    for bad in (
        "urn:epc:id:sgtin:4012345.0111.25",
        "urn:epc:id:sgtin:4012345.011122",
        "urn:epc:id:sgtin:4012345.011122.",
        "urn:epc:id:sgtin:40123x5.011122.25",
        "urn:epc:id:sgtin:4012345.011122.123456789012345678901",
        "urn:epc:id:sscc:0614141.123456789",
        "urn:epc:id:sgtn:4012345.011122.25",
        "urn:epc:class:lgtin:4012345.011122.L1",
        "urn:epc:idpat:sgtin:4012345.011122.*",
        "https://id.gs1.org/01/09521141012345",
        "https://id.gs1.org/01/09521141012345/10/L1",
        "https://id.gs1.org/01/09521141012346/21/2017",
        "https://id.gs1.org/01/952114101234/21/2017",
        "https://id.gs1.org/01/09521141012345/21/",
        "https://id.gs1.org/01/09521141012345/21/1/10/L",
        "https://id.gs1.org/01/09521141012345/21/123456789012345678901",
        "https://id.gs1.org/00/040123450000003339",
        "https://id.gs1.org/item/1",
    ):
        yield f"EPC {bad}", event(epcList=[bad])
    for bad in (EPC, "urn:epc:id:sgtin:4012345.011122.25", SSCC, "L1", None):
        yield f"epcClass {bad}", at("quantityList", 0, "epcClass")(event(), bad)
    amount = at("quantityList", 0, "quantity")
    for wrong in ("twenty", "1", 0, -1, True, [], {}):
        yield f"quantity {wrong!r}", amount(event(), wrong)
    yield "a unit alone", amount(event(), None)
    yield "half a piece", at("quantityList", 0, "uom")(event(), None)
    for wrong in ("kgm", "K", "KGMS", "", 3, "K G"):
        yield f"uom {wrong!r}", at("quantityList", 0, "uom")(event(), wrong)
    yield "an unknown field", at("quantityList", 0, "weight")(event(), 5)
    yield "a field of one's own", at("quantityList", 0, "example:weight")(event(), 5)
    yield "no list", event(quantityList={"epcClass": LOT})


def wrong_shapes() -> Iterator[tuple[str, object]]:
    bare = event(epcList=None, quantityList=None, sensorElementList=None, ilmd=None)
    yield "about nothing", bare
    yield "about empty lists", bare | {"epcList": [], "quantityList": []}
    sensors = {"sensorElementList": EVENTS["ObjectEvent"]["sensorElementList"]}
    without = {name: value for name, value in bare.items() if name != "readPoint"}
    yield "sensors without a readPoint", without | sensors
    for action in ("OBSERVE", "DELETE"):
        yield f"ilmd with {action}", event(action=action)
    yield "an ilmd field without a namespace", event(ilmd={"materialType": "soil"})
    yield "an ilmd that is a text", event(ilmd="x")
    yield "a bare field", event(batch="x")
    yield "a JSON-LD keyword", event(**{"@id": "urn:x:1"})
    yield "a readPoint that is a text", event(readPoint="urn:x:1")
    yield "a readPoint without id", event(readPoint={"example:x": 1})
    yield "a readPoint's bare field", event(readPoint={"id": "urn:x:1", "name": "dock"})
    yield "certification as objects", event(certificationInfo=[{"ex:a": 1}])
    yield "certification as words", event(certificationInfo="certified")
    yield "no list of transactions", event(bizTransactionList={"bizTransaction": "urn:x:1"})
    for kind in ("AggregationEvent", "AssociationEvent"):
        for action in ("ADD", "OBSERVE"):
            yield (
                f"{kind} {action} without children",
                event(kind, action=action, childEPCs=None, childQuantityList=None),
            )
            yield (
                f"{kind} {action} with no child in its lists",
                event(kind, action=action, childEPCs=[], childQuantityList=[]),
            )
        yield f"{kind} with an epcList", event(kind, epcList=[EPC])
        yield f"{kind} with ilmd", event(kind, ilmd={"ex:a": 1})
        yield f"{kind} with a child class", event(kind, childEPCs=[LOT])
        yield f"{kind} with a bad parent", event(kind, parentID="box 7")
    for action in ("ADD", "DELETE"):
        yield f"{action} to no parent", event("AggregationEvent", action=action, parentID=None)
    yield "an association without parent", event("AssociationEvent", parentID=None)
    yield "no transactions", event("TransactionEvent", bizTransactionList=None)
    yield "no transaction in the list", event("TransactionEvent", bizTransactionList=[])
    yield "a transaction about nothing", event("TransactionEvent", epcList=None)
    yield "a transaction with ilmd", event("TransactionEvent", action="ADD", ilmd={"ex:a": 1})
    change = "TransformationEvent"
    yield "a transformation with action", event(change, action="ADD")
    yield "no output", event(change, outputEPCList=None, transformationID=None)
    yield "no input", event(change, inputQuantityList=None, transformationID=None)
    yield "neither", event(change, inputQuantityList=None, outputEPCList=None)
    yield "an epcList", event(change, epcList=[EPC])
    yield "a bad transformationID", event(change, transformationID="T1")
    yield "one output twice", event(change, outputEPCList=[EPC, EPC])
    yield "an event that is a list", [event()]
    yield "an event that is null", None


def wrong_sensors() -> Iterator[tuple[str, object]]:
    def report(name: str, value: object) -> object:
        return at("sensorElementList", 0, "sensorReport", 0, name)(event(), value)

    def metadata(name: str, value: object) -> object:
        return at("sensorElementList", 0, "sensorMetadata", name)(event(), value)

    yield "no type", report("type", None)
    for bad in ("Warmth", "https://gs1.org/voc/Temperature", "https://www.gs1.org/voc/Mass", 1):
        yield f"type {bad!r}", report("type", bad)
    for name in ("value", "minValue", "maxValue", "meanValue", "sDev", "percValue"):
        yield f"{name} as text", report(name, "3")
        yield f"{name} as bool", report(name, True)
    yield "most below least", report("maxValue", 1)
    yield "a spread below zero", report("sDev", -0.1)
    yield "a rank alone", report("percValue", None)
    yield "a percentile alone", report("percRank", None)
    for wrong in (-1, 100.5, "50"):
        yield f"percRank {wrong!r}", report("percRank", wrong)
    for bad in ("ALARM", "https://gs1.org/voc/ALARM_CONDITION"):
        yield f"exception {bad!r}", report("exception", bad)
    for bad in ("w", "urn:epcglobal:cbv:Comp-x", "cbv:Comp-w"):
        yield f"component {bad!r}", report("component", bad)
    yield "hexadecimal", report("hexBinaryValue", "F0x")
    yield "a yes", report("booleanValue", "true")
    yield "a text", report("stringValue", 1)
    yield "a uriValue", report("uriValue", "here")
    yield "a unit", report("uom", "celsius")
    yield "a bare field", report("reading", 1)
    yield "a time", report("time", "now")
    for name in ("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules"):
        yield f"report {name}", report(name, "D1")
        yield f"metadata {name}", metadata(name, "D1")
    for name in ("microorganism", "chemicalSubstance", "coordinateReferenceSystem"):
        yield name, report(name, "thing")
    yield "a start after the end", metadata("startTime", "2026-07-22T07:00:00Z")
    yield "a bad start", metadata("startTime", "early")
    yield "a bare field of metadata", metadata("owner", "x")
    yield "no report", at("sensorElementList", 0, "sensorReport")(event(), None)
    yield "an empty report", at("sensorElementList", 0, "sensorReport")(event(), [])
    yield "a report that is no list", at("sensorElementList", 0, "sensorReport")(event(), {})
    yield "a bare field of an element", at("sensorElementList", 0, "sensor")(event(), "x")


WRONG = list(wrong_events())


@pytest.mark.parametrize(("what", "wrong"), WRONG, ids=[what for what, _ in WRONG])
def test_a_document_with_one_wrong_event_has_faults(what: str, wrong: object) -> None:
    found = faults(document(event(), wrong))
    assert found
    assert all(fault.startswith("epcisBody.eventList[1]") for fault in found), found


@pytest.mark.parametrize(
    "right",
    [
        event(eventTime="2026-07-22T06:45:00Z"),
        event(eventTime="2026-07-22t06:45:00.123456789-00:00"),
        event(eventTime="2016-12-31T23:59:60Z"),
        event(eventTimeZoneOffset="-14:00"),
        event(bizStep="https://example.com/steps/cutting"),
        event(bizStep="example:cutting"),
        event(bizStep="https://ref.gs1.org/cbv/BizStep-shipping"),
        event(disposition="cbv:Disp-active"),
        event(epcList=["https://shop.example.com/01/09521141012345/21/7"]),
        event(epcList=["https://example.com/widgets/1", "urn:uuid:1", "urn:epc:id:gid:1.2.3"]),
        event(epcList=[]),
        event(epcList=None, quantityList=None, action="OBSERVE", ilmd=None),
        at("quantityList", 0)(event(), {"epcClass": LOT}),
        at("quantityList", 0)(event(), {"epcClass": LOT, "quantity": 3.0}),
        at("quantityList", 0)(event(), {"epcClass": LOT, "quantity": 0.001, "uom": "KGM"}),
        event("AggregationEvent", action="DELETE", childEPCs=None, childQuantityList=None),
        event("AggregationEvent", action="OBSERVE", parentID=None),
        event("TransformationEvent", transformationID=None),
        event("TransformationEvent", outputEPCList=None),
        event("TransactionEvent", action="DELETE", epcList=None),
        event(type="example:OwnEvent"),
        event(certificationInfo="https://accreditation.example.com/1"),
        event(sourceList=[], destinationList=[]),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_unusual_and_right_is_taken(right: object) -> None:
    assert faults(document(right)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        document(event(), **{"@context": None}),
        document(event(), **{"@context": "epcis"}),
        document(event(), **{"@context": [CONTEXT, CONTEXT]}),
        document(event(), **{"@context": [CONTEXT, 7]}),
        document(event(), schemaVersion=None),
        document(event(), schemaVersion="1.2"),
        document(event(), schemaVersion=2.0),
        document(event(), creationDate=None),
        document(event(), creationDate="2026-07-22"),
        document(event(), epcisBody=None),
        document(event(), epcisBody={}),
        document(event(), epcisBody={"eventList": event()}),
        document(event(), epcisBody={"eventList": [], "more": 1}),
        document(event(), type="EPCISdocument"),
        document(event(), type=None),
        document(event(), sender=7),
        document(event(), owner="me"),
        document(event(), id="7"),
        document(event(), epcisHeader={"sbdh": 1}),
        document(event(), epcisHeader={"epcisMasterData": {"vocabularyList": [{}]}}),
        document(event(), type="EPCISQueryDocument"),
        {**event()},
        {"@context": CONTEXT, "type": "EPCISMasterDataDocument"},
        [],
        [document(event())],
        "EPCISDocument",
        None,
        7,
    ],
    ids=lambda wrong: str(wrong)[:60],
)
def test_a_document_with_a_wrong_frame_is_refused(wrong: object) -> None:
    with pytest.raises(DocumentRefused):
        parse_document(wrong)


def test_each_event_has_its_own_faults() -> None:
    found = parse_document(document(event(), event(action="X"), event(bizStep="Y"), event()))
    assert [bool(entry.faults) for entry in found.entries] == [False, True, True, False]


def test_a_bare_event_with_its_context_is_a_document_of_one() -> None:
    bare = event(**{"@context": CONTEXT})
    found = parse_document(bare)
    assert [entry.event for entry in found.entries] == [bare]
    assert found.context == CONTEXT


REFUSED_BY_THE_SCHEMA = {
    "SensorData_with_combined_events.json": "sensor reports without type",
    "TransactionEvent_with_userExtensions.json": "a measurement type that is no URI",
}


def _of_partners() -> list[Case]:
    return cases("epcis/openepcis_examples")


@pytest.mark.parametrize("case", _of_partners(), ids=lambda case: str(case["src"])[23:])
def test_an_example_of_a_partner_is_taken_as_it_is(case: Case) -> None:
    name = str(case["src"]).rpartition("/")[2]
    found = faults(case["document"])
    assert bool(found) == (name in REFUSED_BY_THE_SCHEMA), found


@pytest.mark.parametrize(
    "case", cases("epcis/openepcis_invalid"), ids=lambda case: str(case["src"])[23:]
)
def test_what_a_partner_says_must_be_refused_is_refused(case: Case) -> None:
    assert faults(case["document"])


def test_the_official_examples_are_taken_as_they_are() -> None:
    for case in outside_cases("epcis/gs1_examples"):
        assert faults(case["document"]) == [], case["src"]


STRICTER_THAN_US = ("persistentDisposition",)
"""The standard has it for every event type; the schema's list of names forgot it for three."""


def test_what_we_take_the_official_schema_takes() -> None:
    known = [document(event(kind)) for kind in EVENTS]
    known += [case["document"] for case in _of_partners()]
    known += [case["document"] for case in outside_cases("epcis/gs1_examples")]
    known += [document(wrong) for _, wrong in WRONG]
    for each in known:
        if not faults(each):
            told = [f for f in schema_faults(each) if not any(s in f for s in STRICTER_THAN_US)]
            assert told == [], each
