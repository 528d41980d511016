"""Pins the query language: what each parameter finds in one full event and what it does not, and
that the store's index finds neither more nor less than reading every event would."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.epcis.facts import facts_of
from cloud_sync.epcis.query import parse_query
from cloud_sync.epcis.times import parse_time
from cloud_sync.inbox.wire import Upload
from cloud_sync.store.batches import take_batch
from cloud_sync.store.epcis_events import (
    Cut,
    NewEvent,
    add_events,
    find_events,
    newest,
)
from cloud_sync.store.epcis_master import Element, add_elements, elements_of, resolve
from cloud_sync.store.epcis_projection import is_behind, project_rows
from cloud_sync.store.ports import Database, Transaction
from tests.fakes.epcis_words import EVENTS, LOT, Json, at, event
from tests.fakes.uploads import Book, event_id, make_line

NOW_US = parse_time("2026-07-22T06:00:00Z")
_OWN = {"example:own": {"example:deep": {"example:deeper": [7, "x"]}}, "example:rank": 5}


def _full() -> Json:
    """An event that says something for every parameter, in every place that may say it."""
    full = event(
        "ObjectEvent",
        **_OWN,
        **{"example:name": "Ann", "example:when": NOW},
        **{"example:seen": "urn:epc:id:sgln:4012345.00005.0"},
    )
    for path in (("ilmd",), ("errorDeclaration",), ("readPoint",), ("bizLocation",),
                 ("sensorElementList", 0), ("sensorElementList", 0, "sensorMetadata"),
                 ("sensorElementList", 0, "sensorReport", 0)):  # fmt: skip
        for name, value in _OWN.items():
            full = at(*path, name)(full, value)
    return full


NOW = "2026-07-22T06:00:00Z"
FULL = _full()
MATCHING = {
    "eventType": ("ObjectEvent|AggregationEvent", "AggregationEvent"),
    "GE_eventTime": ("2026-07-22T04:45:00Z", "2026-07-22T04:45:00.001Z"),
    "LT_eventTime": ("2026-07-22T06:45:00.001+02:00", "2026-07-22T06:45:00+02:00"),
    "GE_recordTime": ("2026-07-22T06:00:00Z", "2026-07-22T06:00:01Z"),
    "LT_recordTime": ("2026-07-22T06:00:01Z", "2026-07-22T06:00:00Z"),
    "EQ_action": ("ADD|DELETE", "OBSERVE"),
    "EQ_bizStep": ("urn:epcglobal:cbv:bizstep:commissioning", "shipping"),
    "EQ_disposition": ("https://ref.gs1.org/cbv/Disp-active", "inactive"),
    "EQ_persistentDisposition_set": ("completeness_verified", "damaged"),
    "EQ_persistentDisposition_unset": (None, "completeness_verified"),
    "EQ_readPoint": ("urn:epc:id:sgln:4012345.00005.0", "urn:epc:id:sgln:4012345.00006.0"),
    "WD_readPoint": ("https://id.gs1.org/414/4012345000054", "https://id.gs1.org/414/4012345000061"),
    "EQ_bizLocation": ("https://id.gs1.org/414/4012345000054", "urn:x:1"),
    "WD_bizLocation": ("https://shop.example/414/4012345000054", "urn:x:1"),
    "EQ_transformationID": (None, "urn:x:1"),
    "MATCH_epc": ("urn:epc:id:sgtin:4012345.011122.25", "urn:epc:id:sgtin:4012345.011122.26"),
    "MATCH_anyEPC": ("urn:epc:idpat:sgtin:4012345.011122.*", "urn:epc:idpat:sgtin:4012346.*.*"),
    "MATCH_parentID": (None, "urn:epc:id:sgtin:4012345.011122.25"),
    "MATCH_inputEPC": (None, "urn:epc:id:sgtin:4012345.011122.25"),
    "MATCH_outputEPC": (None, "urn:epc:id:sgtin:4012345.011122.25"),
    "MATCH_epcClass": (LOT, "https://id.gs1.org/01/09521141012345"),
    "MATCH_anyEPCClass": ("urn:x:1|" + LOT, "urn:x:1"),
    "MATCH_inputEPCClass": (None, LOT),
    "MATCH_outputEPCClass": (None, LOT),
    "EQ_quantity": ("1.5|7", "1"),
    "GT_quantity": ("1.4", "1.5"),
    "GE_quantity": ("1.5", "1.6"),
    "LT_quantity": ("1.6", "1.5"),
    "LE_quantity": ("1.5", "1.4"),
    "EQ_quantity_KGM": ("1.5", "1"),
    "GT_quantity_KGM": ("1.4", "1.5"),
    "LE_quantity_KGM": ("1.5", "1.4"),
    "EQ_quantity_GRM": ("1500", "1.5"),
    "GE_quantity_GRM": ("1500", "1500.1"),
    "GE_quantity_LTR": (None, "1"),
    "EQ_eventID": ("urn:uuid:404d95fc-9457-4a51-bd6a-0bba133845a8", "urn:uuid:1"),
    "EXISTS_errorDeclaration": ("true", None),
    "GE_errorDeclarationTime": ("2026-07-23T06:00:00Z", "2026-07-23T06:00:01Z"),
    "LT_errorDeclaration_Time": ("2026-07-23T06:00:01Z", "2026-07-23T06:00:00Z"),
    "EQ_errorReason": ("incorrect_data", "did_not_occur"),
    "EQ_correctiveEventID": ("urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8", "urn:uuid:1"),
    "EXISTS_sensorElementList": ("1", None),
    "GE_startTime": ("2026-07-22T06:00:00Z", "2026-07-22T06:00:01Z"),
    "LT_endTime": ("2026-07-22T06:30:01Z", "2026-07-22T06:30:00Z"),
    "GE_time": (None, "2026-07-22T06:00:00Z"),
    "EQ_type": ("Temperature", "Speed"),
    "EQ_exception": ("ALARM_CONDITION", "ERROR_CONDITION"),
    "EQ_deviceID": ("urn:epc:id:giai:4000001.111", "urn:epc:id:giai:4000001.112"),
    "EQ_hexBinaryValue": ("F0", "F1"),
    "EQ_booleanValue": ("true", "false"),
    "EQ_stringValue": (None, "x"),
    "EQ_uriValue": (None, "urn:x:1"),
    "GE_minValue_CEL": ("2.1", "2.2"),
    "LT_maxValue_CEL": ("4.5", "4"),
    "EQ_meanValue_CEL": ("3", "2"),
    "GT_sDev_CEL": ("0.05", "0.1"),
    "LE_percRank": ("50", "49"),
    "EQ_percValue_CEL": ("3", "4"),
    "EQ_meanValue_FAH": ("37.4", "3"),
    "GE_minValue_KEL": ("275.25", "275.26"),
    "LT_maxValue_FAH": ("39.3", "39.2"),
    "LE_meanValue_KEL": ("276.15", "276.14"),
    "EQ_sDev_KEL": ("0.1", "273.25"),
    "EQ_value_CEL": (None, "3"),
    "GE_percValue_MTR": (None, "1"),
    "EQ_percRank": ("50", "51"),
    "GT_percRank": ("49.9", "50"),
    "EQ_component": ("cbv:Comp-x", "y"),
    "EQ_deviceMetadata": (None, "urn:x:1"),
    "EQ_rawData": (None, "urn:x:1"),
    "EQ_dataProcessingMethod": (None, "urn:x:1"),
    "EQ_microorganism": (None, "urn:x:1"),
    "EQ_chemicalSubstance": (None, "urn:x:1"),
    "EQ_bizRules": (None, "urn:x:1"),
    "LT_time": (None, NOW),
    "LT_startTime": ("2026-07-22T06:00:01Z", "2026-07-22T06:00:00Z"),
    "GE_endTime": ("2026-07-22T06:30:00Z", "2026-07-22T06:30:01Z"),
    "EQ_bizTransaction_po": ("urn:epcglobal:cbv:bt:1:2", "urn:x:1"),
    "EQ_bizTransaction_urn:epcglobal:cbv:btt:po": ("urn:epcglobal:cbv:bt:1:2", "urn:x:1"),
    "EQ_bizTransaction_desadv": (None, "urn:epcglobal:cbv:bt:1:2"),
    "EQ_source_location": ("urn:epc:id:sgln:4012345.00005.0", "urn:x:1"),
    "EQ_destination_owning_party": ("https://id.gs1.org/414/4012345000054", "urn:x:1"),
    "EQ_destination_location": (None, "https://id.gs1.org/414/4012345000054"),
    "EQ_example:name": ("Bob|Ann", "Bob"),
    "GT_example:rank": ("4.5", "5"),
    "LE_example:when": ("2026-07-22T06:00:00Z", "2026-07-22T05:59:59Z"),
    "EXISTS_example:own": ("true", None),
    "EXISTS_example:other": (None, "true"),
    "EQ_INNER_example:deep": (None, "x"),
    "EQ_INNER_example:deeper": ("x", "y"),
    "GE_INNER_example:deeper": ("7", "8"),
    "EXISTS_INNER_example:deeper": ("true", None),
    "EQ_ILMD_example:grade": ("A", "B"),
    "EXISTS_ILMD_example:grade": ("true", None),
    "GE_example:rank": ("5", "6"),
    "LT_example:rank": ("6", "5"),
    "GT_INNER_example:deeper": ("6", "7"),
}  # fmt: skip
for _place in ("ILMD", "ERROR_DECLARATION", "SENSORELEMENT", "SENSORMETADATA", "SENSORREPORT",
               "readPoint", "bizLocation"):  # fmt: skip
    MATCHING |= {
        f"EQ_{_place}_example:rank": ("5|6", "6"),
        f"GT_{_place}_example:rank": ("4", "5"),
        f"GE_{_place}_example:rank": ("5", "5.5"),
        f"LT_{_place}_example:rank": ("6", "5"),
        f"LE_{_place}_example:rank": ("5", "4"),
        f"EXISTS_{_place}_example:own": ("true", None),
        f"EXISTS_{_place}_example:none": (None, "true"),
        f"EQ_INNER_{_place}_example:deeper": ("x", "y"),
        f"GE_INNER_{_place}_example:deeper": ("7", "8"),
        f"EXISTS_INNER_{_place}_example:deeper": ("true", None),
    }


@pytest.mark.parametrize("parameter", MATCHING)
def test_a_parameter_finds_what_it_says(parameter: str) -> None:
    known = facts_of(FULL, record_time_us=NOW_US)
    found, missed = MATCHING[parameter]
    if found is not None:
        assert parse_query({parameter: found}).matches(known)
    if missed is not None:
        assert not parse_query({parameter: missed}).matches(known)


def test_several_parameters_must_all_hold() -> None:
    known = facts_of(FULL, record_time_us=NOW_US)
    assert parse_query({"EQ_action": "ADD", "EQ_bizStep": "commissioning"}).matches(known)
    assert not parse_query({"EQ_action": "ADD", "EQ_bizStep": "shipping"}).matches(known)
    assert parse_query({"EXISTS_errorDeclaration": "false"}).matches({})


CONTROLS = {"orderBy", "orderDirection", "eventCountLimit", "maxEventCount", "perPage",
            "nextPageToken"}  # fmt: skip
"""Tried over HTTP, in test_epcis_service.py."""

_SITE = "urn:epcglobal:cbv:mda:site"
_LATITUDE = "urn:epcglobal:cbv:mda:latitude"
ATTRIBUTES = {
    "HASATTR_bizLocation": (f"urn:x:1|{_SITE}", "urn:epcglobal:cbv:mda:sst"),
    "HASATTR_readPoint": (_LATITUDE, "urn:x:unsaid"),
    "HASATTR_epcClass": (None, _SITE),
    "HASATTR_bizStep": ("example:danger", _SITE),
    f"EQATTR_bizLocation_{_SITE}": ("7|0037000729", "0037000730"),
    f"EQ_ATTR_readPoint_{_SITE}": ("0037000729", "former"),
    f"EQATTR_readPoint_{_LATITUDE}": ("48.1", "48"),
    f"EQATTR_example:seen_{_SITE}": ("0037000729", "0037000730"),
}
MASTER = [
    {
        "type": "urn:epcglobal:epcis:vtype:BusinessLocation",
        "vocabularyElementList": [
            {
                "id": "urn:epc:id:sgln:4012345.00005.0",
                "attributes": [
                    {"id": _SITE, "attribute": "0037000729"},
                    {"id": _LATITUDE, "attribute": 48.1},
                    {"id": "urn:x:unsaid"},
                ],
            },
            {"id": "urn:x:1", "attributes": [{"id": _SITE, "attribute": "0037000730"}]},
        ],
    },
    {
        "type": "urn:epcglobal:epcis:vtype:BusinessStep",
        "vocabularyElementList": [
            {
                "id": "https://ref.gs1.org/cbv/BizStep-commissioning",
                "attributes": [{"id": "example:danger", "attribute": {"example:of": "heat"}}],
            }
        ],
    },
]


async def test_attributes_of_master_data_find_the_events_of_their_elements(
    database: Database,
) -> None:
    """What was said of an element before is no longer so."""
    events = [NewEvent(FULL, [], ""), NewEvent(event(eventID="urn:x:2", bizStep="x:1"), [], "")]
    events[1].event["readPoint"] = events[1].event["bizLocation"] = {"id": "urn:x:2"}  # type: ignore[index]
    await database.transact(partial(add_events, events=events, now_us=NOW_US))
    former = Element(MASTER_PLACE, MASTER_PLACE, [], [(_SITE, "former")])
    for elements in ([former], elements_of(MASTER)):
        await database.transact(partial(add_elements, elements=elements))

    async def find(tx: Transaction, *, parameter: str, value: str) -> list[object]:
        query = await resolve(tx, parse_query({parameter: value}))
        found = await find_events(tx, query, Cut(9, await newest(tx)), warehouses=None)
        return [each.event["eventID"] for each in found.events]

    for parameter, (found, missed) in ATTRIBUTES.items():
        for value, expected in ((found, [FULL["eventID"]]), (missed, [])):
            if value is not None:
                script = partial(find, parameter=parameter, value=value)
                assert await database.read(script) == expected, (parameter, value)


MASTER_PLACE = "https://id.gs1.org/414/4012345000054"


def test_the_page_on_epcis_names_the_parameters_that_are_tried_here() -> None:
    page = (Path(__file__).parents[3] / "docs" / "epcis.md").read_text(encoding="utf-8")
    table = page[page.index("| parameters |") :].split("\n\n", maxsplit=1)[0]
    named = set(re.findall(r"`([^`]+)`", table))
    assert named - {*MATCHING, *ATTRIBUTES, *CONTROLS} == set()
    families = {re.sub("^(EQ|GT|GE|LT|LE)_", "", name) for name in named}
    tried = {re.sub("^(EQ|GT|GE|LT|LE)_", "", name) for name in MATCHING}
    standard = {each for each in tried if ":" not in each and each not in OWN}
    assert standard - families - CONTROLS == set()


OWN = {"quantity_GRM", "quantity_LTR", "meanValue_FAH", "minValue_KEL", "maxValue_FAH",
       "meanValue_KEL", "sDev_KEL", "percValue_MTR", "errorDeclaration_Time"}  # fmt: skip
"""Other units and spellings of what the page names."""


def variants() -> list[Json]:
    """Events that differ in one thing each."""
    bare = event(errorDeclaration=None)
    found = [bare, event(), FULL, *(event(kind) for kind in EVENTS)]
    found += [bare | {"bizStep": step} for step in ("shipping", "cbv:BizStep-shipping")]
    found += [bare | {"readPoint": {"id": "urn:epc:id:sgln:4012345.00006.0"}}]
    found += [bare | {"eventTime": "2026-07-23T04:45:00Z"}]
    found += [at("quantityList", 0, "epcClass")(bare, "urn:epc:class:lgtin:4012345.011122.L1")]
    names = [f"urn:uuid:00000000-0000-4000-8000-{n:012x}" for n in range(len(found))]
    return [one | {"eventID": name} for one, name in zip(found, names, strict=True)]


@pytest.mark.slow
async def test_the_index_finds_what_reading_everything_finds(database: Database) -> None:
    events = [NewEvent(one, [], "W1" if i % 2 else "") for i, one in enumerate(variants())]
    outcomes = await database.transact(partial(add_events, events=events, now_us=NOW_US))
    assert set(outcomes) == {"added"}
    up_to = await database.read(newest)
    for parameter, values in MATCHING.items():
        for value in values:
            if value is None:
                continue
            query = parse_query({parameter: value})
            expected = [
                str(each.event["eventID"])
                for each in events
                if query.matches(facts_of(each.event, record_time_us=NOW_US))
            ]
            script = partial(find_events, query=query, cut=Cut(100, up_to), warehouses=None)
            found = await database.read(script)
            assert [each.event["eventID"] for each in found.events] == expected, parameter
    script = partial(find_events, query=parse_query({}), cut=Cut(100, up_to), warehouses=[])
    found = await database.read(script)
    assert len(found.events) == (len(events) + 1) // 2, "what is others' is seen by all"


def _upload(book: Book, first: int, last: int) -> Upload:
    from cloud_sync.inbox.wire import parse_upload

    return parse_upload(book.batch(first, last))


@pytest.mark.parametrize("is_late", [False, True], ids=["original first", "correction first"])
async def test_a_correction_declares_its_original_wrong_in_any_order(
    database: Database, tokens: dict[str, str], is_late: bool
) -> None:
    """The original comes from one gateway and the correction from another, which may be first."""
    first, second = Book(), Book(gateway="gw-C1", warehouse="C1")
    wrong = first.record(number=1, lines=(make_line("@supplier", "DOCK", 5, lot="L1"),))
    second.write(
        ev.encode_event(
            ev.Event(
                event_id=event_id(2), type=ev.EVENT_CORRECTED, version=1, occurred_at_us=2_000,
                received_at_us=2_000, warehouse="C1", corrects=wrong.event_id,
                lines=(make_line("DOCK", "@supplier", 5, lot="L1"),),
            )
        )
    )  # fmt: skip
    for book in (second, first) if is_late else (first, second):
        take = partial(
            take_batch, gateway=book.gateway, warehouse=book.warehouse,
            upload=_upload(book, 1, 1), now_us=3_000,
        )  # fmt: skip
        await database.transact(take)
        while await database.transact(partial(project_rows, now_us=NOW_US)):
            pass
    assert not await database.read(is_behind)
    up_to = await database.read(newest)
    query = parse_query({"EXISTS_errorDeclaration": "true"})
    found = await database.read(
        partial(find_events, query=query, cut=Cut(10, up_to), warehouses=None)
    )
    (declared,) = found.events
    assert declared.event["eventID"] == f"urn:uuid:{wrong.event_id}"
    assert up_to == 3


@pytest.mark.parametrize("asked", [{}, {"EQ_bizStep": "commissioning"}, {"EQ_action": "ADD"}])
@pytest.mark.parametrize("scope", [["W1"], ["C1", "W1"], []])
async def test_a_scope_is_told_its_events_and_nobodys_in_their_order(
    database: Database, asked: Json, scope: list[str]
) -> None:
    """Whoever else said as much between them."""
    owners = ["W1", "C1", "", "N1", "N1", "W1", "N1", "C1", "", "W1"] * 3
    events = [
        NewEvent(event("ObjectEvent", eventID=f"urn:x:{n}", action="ADD"), None, owner)
        for n, owner in enumerate(owners)
    ]
    await database.transact(partial(add_events, events=events, now_us=NOW_US))
    wanted = [f"urn:x:{n}" for n, owner in enumerate(owners) if owner in ("", *scope)]
    told: list[object] = []
    cut: Cut | None = Cut(4, await database.read(newest))
    while cut is not None:
        script = partial(find_events, query=parse_query(asked), cut=cut, warehouses=scope)
        page = await database.read(script)
        told += [it.event["eventID"] for it in page.events]
        cut = page.next
    assert told == wanted
