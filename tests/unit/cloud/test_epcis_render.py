"""Pins our events told as EPCIS: what each type says, and that all are valid everywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.contract import events as ev
from cloud_sync.epcis.documents import parse_document
from cloud_sync.epcis.naming import Naming, Place, is_below
from cloud_sync.epcis.render import OUR_CONTEXT, declare_error, render_event
from tests.rigs.epcis_schema import schema_faults

pytestmark = pytest.mark.slow

ITEM = "04012345123456"
CLASS = f"https://id.gs1.org/01/{ITEM}"
NAMING = Naming(places={"C1": Place(gln="4012345000054")})
HOME = "https://id.forepost.example/places"


def line(**changes: object) -> ev.Line:
    known: dict[str, object] = {
        "item": ITEM,
        "lot": "L1",
        "from_location": "@supplier",
        "to_location": "DOCK",
        "quantity": 5,
    }
    return ev.Line(**(known | changes))  # type: ignore[arg-type]


def event(kind: str, **changes: object) -> ev.Event:
    known: dict[str, object] = {
        "event_id": "01890000-0000-7000-8000-000000000001",
        "type": kind,
        "version": 1,
        "occurred_at_us": 1_784_695_500_123_000,
        "received_at_us": 1_784_695_500_200_000,
        "warehouse": "W1",
    }
    return ev.Event(**(known | changes))  # type: ignore[arg-type]


def told(one: ev.Event, naming: Naming = NAMING) -> dict[str, object]:
    found = render_event(one, naming, offset_min=480)
    assert found is not None
    document = {
        "@context": OUR_CONTEXT,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-07-22T10:30:00Z",
        "epcisBody": {"eventList": [found]},
    }
    assert [str(fault) for fault in parse_document(document).faults] == []
    assert schema_faults(document) == []
    return found


def test_a_receipt_says_what_came_where_and_under_which_documents() -> None:
    found = told(
        event(
            ev.GOODS_RECEIVED,
            location="DOCK",
            worker="w-7",
            documents=(ev.Document(type="asn", id="ASN-1"), ev.Document(type="transfer", id="T")),
            lines=(line(), line(quantity=2), line(lot=None, unit="g", quantity=1500)),
            flags=("over",),
        )
    )
    assert found["eventID"] == "urn:uuid:01890000-0000-7000-8000-000000000001"
    assert found["eventTime"] == "2026-07-22T04:45:00.123Z"
    assert found["eventTimeZoneOffset"] == "+08:00"
    assert (found["type"], found["action"]) == ("ObjectEvent", "OBSERVE")
    assert (found["bizStep"], found["disposition"]) == ("receiving", "in_progress")
    assert found["quantityList"] == [
        {"epcClass": f"{CLASS}/10/L1", "quantity": 7},
        {"epcClass": CLASS, "quantity": 1500, "uom": "GRM"},
    ]
    assert found["readPoint"] == found["bizLocation"] == {"id": f"{HOME}/W1/DOCK"}
    assert found["bizTransactionList"] == [
        {"type": "desadv", "bizTransaction": "https://id.forepost.example/documents/asn/ASN-1"},
        {"bizTransaction": "https://id.forepost.example/documents/transfer/T"},
    ]
    assert found["sourceList"] == [{"type": "location", "source": f"{HOME}/W1/@supplier"}]
    assert found["forepost:flags"] == ["over"]
    assert "w-7" not in str(found)


def test_what_leaves_is_not_said_to_be_anywhere() -> None:
    found = told(event(ev.ORDER_DELIVERED, lines=(line(to_location="@customer"),)))
    assert found["action"] == "DELETE"
    assert "bizLocation" not in found


def test_pieces_with_serials_are_told_one_by_one_and_not_counted_again() -> None:
    found = told(event(ev.GOODS_MOVED, lines=(line(serials=("S/1", "S2"), quantity=3),)))
    assert found["epcList"] == [f"{CLASS}/21/S%2F1", f"{CLASS}/21/S2"]
    assert found["quantityList"] == [{"epcClass": f"{CLASS}/10/L1", "quantity": 1}]
    found = told(event(ev.GOODS_MOVED, lines=(line(serials=("S1", "S2"), quantity=2),)))
    assert "quantityList" not in found


def test_a_lot_that_gs1_has_no_letters_for_keeps_its_name() -> None:
    found = told(event(ev.GOODS_MOVED, lines=(line(lot="批次 7/a"),)))
    (quantity,) = found["quantityList"]  # type: ignore[misc]
    assert quantity["epcClass"].startswith("https://id.forepost.example/items/")


def test_a_warehouse_with_a_gln_is_named_by_it() -> None:
    assert NAMING.place("C1") == "https://id.gs1.org/414/4012345000054"
    assert NAMING.place("C1", "A-01") == "https://id.gs1.org/414/4012345000054/254/A-01"
    assert is_below(NAMING.place("C1", "A-01"), NAMING.place("C1"))
    assert is_below(NAMING.place("W1", "A-01"), NAMING.place("W1"))
    assert not is_below(NAMING.place("W11"), NAMING.place("W1"))


def test_nothing_counted_is_a_class_without_a_number() -> None:
    body = {"assertions": [{"item": ITEM, "lot": "L1", "location": "A", "quantity": 0}]}
    found = told(event(ev.COUNT_OBSERVED, body=body))
    assert found["quantityList"] == [{"epcClass": f"{CLASS}/10/L1"}]
    assert found["forepost:counted"] == body["assertions"]


def test_a_new_lot_carries_its_dates() -> None:
    body = {"item": ITEM, "lot": "L1", "expiry": "2026-08-01", "best_before": "2026-07-30"}
    found = told(event(ev.LOT_CREATED, body=body))
    assert found["ilmd"] == {
        "cbvmda:lotNumber": "L1",
        "cbvmda:itemExpirationDate": "2026-08-01",
        "cbvmda:bestBeforeDate": "2026-07-30",
    }


def test_a_packed_unit_has_its_sscc_and_its_children() -> None:
    documents = (ev.Document(type="sscc", id="040123450000003338"),)
    found = told(event(ev.UNIT_PACKED, documents=documents, lines=(line(),)))
    assert (found["type"], found["action"]) == ("AggregationEvent", "ADD")
    assert found["parentID"] == "https://id.gs1.org/00/040123450000003338"
    assert found["childQuantityList"] == [{"epcClass": f"{CLASS}/10/L1", "quantity": 5}]
    assert told(event(ev.UNIT_UNPACKED, documents=documents))["action"] == "DELETE"


def test_cut_goods_have_what_went_in_and_what_came_out() -> None:
    found = told(
        event(
            ev.GOODS_TRANSFORMED,
            lines=(
                line(from_location="A", to_location="@adjustment", quantity=1),
                line(lot="L2", from_location="@adjustment", to_location="A", quantity=8),
            ),
        )
    )
    assert found["type"] == "TransformationEvent"
    assert found["inputQuantityList"] == [{"epcClass": f"{CLASS}/10/L1", "quantity": 1}]
    assert found["outputQuantityList"] == [{"epcClass": f"{CLASS}/10/L2", "quantity": 8}]


def test_a_window_of_climate_is_a_sensor_element() -> None:
    body = {
        "n": 12,
        "first_us": 1_784_695_200_000_000,
        "last_us": 1_784_695_500_000_000,
        "temperature_centi_c": {"min": -1850, "mean": -1800, "max": -1700},
        "humidity_centi_pct": {"min": 6500, "mean": 6500, "max": 6500},
    }
    found = told(event(ev.CLIMATE_SAMPLED, zone="cold", device=ev.DeviceMark(id="t1"), body=body))
    (element,) = found["sensorElementList"]  # type: ignore[misc]
    assert element["sensorMetadata"]["startTime"] == "2026-07-22T04:40:00.000Z"
    assert element["sensorMetadata"]["deviceID"] == "https://id.forepost.example/devices/t1"
    warm, damp = element["sensorReport"]
    assert (warm["minValue"], warm["meanValue"], warm["maxValue"]) == (-18.5, -18, -17)
    assert (damp["type"], damp["value"], damp["uom"]) == ("RelativeHumidity", 65, "P1")
    assert found["readPoint"] == {"id": f"{HOME}/W1/cold"}


@pytest.mark.parametrize(
    ("kind", "alert"),
    [
        (ev.EXCURSION_STARTED, "ALARM_CONDITION"),
        (ev.EXCURSION_CONTINUED, "ALARM_CONDITION"),
        (ev.SENSOR_FAULT, "ERROR_CONDITION"),
        (ev.EXCURSION_ENDED, None),
        (ev.SENSOR_RECOVERED, None),
    ],
)
def test_alarms_are_exceptions_and_their_ends_are_none(kind: str, alert: str | None) -> None:
    body = {"kind": "stuck", "since_us": 5, "lots": [{"item": ITEM, "lot": "L1"}]}
    found = told(event(kind, zone="cold", body=body))
    (element,) = found["sensorElementList"]  # type: ignore[misc]
    assert element["sensorReport"][0].get("exception") == alert
    assert found["quantityList"] == [{"epcClass": f"{CLASS}/10/L1"}]


@pytest.mark.parametrize(
    ("body", "epc"),
    [
        ({"gtin": ITEM, "serial": "7"}, f"{CLASS}/21/7"),
        (
            {"uri": "urn:epc:id:sscc:4012345.0000000333"},
            "https://id.gs1.org/00/040123450000003338",
        ),
        ({"epc": "e2801160600002"}, "urn:epc:raw:56.xE2801160600002"),
        ({"epc": "?"}, "https://id.forepost.example/tags/%3F"),
    ],
)
def test_a_tag_is_named_as_well_as_it_can_be(body: dict[str, object], epc: str) -> None:
    assert told(event(ev.TAG_ARRIVED, body=body | {"read_point": "door"}))["epcList"] == [epc]


def test_a_correction_repeats_what_it_corrects_and_says_why() -> None:
    original = told(event(ev.GOODS_MOVED, lines=(line(),)))
    correction = event(ev.EVENT_CORRECTED, event_id="01890000-0000-7000-8000-000000000002")
    found = declare_error(original, correction)
    assert found["eventID"] == original["eventID"]
    assert found["errorDeclaration"] == {
        "declarationTime": "2026-07-22T04:45:00.123Z",
        "reason": "incorrect_data",
        "correctiveEventIDs": ["urn:uuid:01890000-0000-7000-8000-000000000002"],
    }


@pytest.mark.parametrize("kind", ["plan.proposed", "gateway.health", "something.new"])
def test_what_is_internal_or_unknown_is_not_told(kind: str) -> None:
    assert render_event(event(kind, lines=(line(),)), NAMING, offset_min=0) is None


_names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=40)
_places = st.sampled_from(["A-01", "DOCK", "@waste", "@transit.T-1", "@adjustment"])
_lines = st.builds(
    ev.Line,
    item=st.sampled_from([ITEM, "00000000000000", "00000000000001"]),
    lot=st.none() | _names,
    serials=st.lists(_names, max_size=3).map(tuple),
    from_location=_places,
    to_location=_places,
    quantity=st.integers(-5, 10**9),
    unit=st.sampled_from(["EA", "g"]),
    to_status=st.sampled_from(["available", "damaged", "held"]),
)
_measure = st.none() | st.integers(-9999, 9999) | st.fixed_dictionaries(
    {}, optional={name: st.integers(-9999, 9999) for name in ("min", "mean", "max")}
)  # fmt: skip
_bodies = st.fixed_dictionaries(
    {},
    optional={
        "temperature_centi_c": _measure,
        "humidity_centi_pct": _measure,
        "n": st.integers(0, 99),
        "since_us": st.integers(0, 2**53),
        "until_us": st.integers(0, 2**53) | st.none(),
        "item": st.just(ITEM) | st.integers(),
        "lot": _names,
        "expiry": _names,
        "epc": _names,
        "uri": _names,
        "read_point": _names,
        "sscc": _names,
        "assertions": st.lists(
            st.fixed_dictionaries({"item": st.just(ITEM), "quantity": st.integers(-1, 9)})
        ),
        "reason": _names,
    },
)
KINDS = sorted(
    value
    for name, value in vars(ev).items()
    if name.isupper() and isinstance(value, str) and "." in value
)


@given(
    kind=st.sampled_from(KINDS),
    lines=st.lists(_lines, max_size=3).map(tuple),
    body=_bodies,
    at_us=st.integers(0, 2**53),
    location=st.none() | _places,
)
def test_whatever_is_told_is_valid(
    kind: str, lines: tuple[ev.Line, ...], body: dict[str, object], at_us: int, location: str
) -> None:
    one = event(kind, lines=lines, body=body, occurred_at_us=at_us, location=location)
    if render_event(one, NAMING, offset_min=-210) is not None:
        told(one)
