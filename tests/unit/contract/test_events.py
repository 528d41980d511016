"""Pins the event's bytes: canonical, stable, strict about what is known, open to what is not."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys

EVENT_ID = "019aa4b6-4500-7ac2-bee8-7db6dfd4e19a"

ids = st.text("ABCabc019._-", min_size=1, max_size=12)
gtins = st.text("0123456789", min_size=13, max_size=13).map(
    lambda body: body + keys.gtin_check_digit(body)
)
lines = st.builds(
    ev.Line,
    item=gtins,
    lot=st.none() | st.text(min_size=1, max_size=20).filter(lambda t: t.isprintable()),
    from_location=ids,
    to_location=ids.map(lambda name: "@" + name),
    quantity=st.integers(0, 10**9),
    unit=st.sampled_from(["EA", "g"]),
)
events = st.builds(
    ev.Event,
    event_id=st.just(EVENT_ID),
    type=st.sampled_from([ev.GOODS_RECEIVED, ev.GOODS_PICKED, "some.future_type"]),
    version=st.just(1),
    occurred_at_us=st.integers(0, 2**53),
    received_at_us=st.integers(0, 2**53),
    warehouse=ids,
    device=st.none() | st.builds(ev.DeviceMark, id=ids, boot=st.none() | ids, seq=st.none()),
    worker=st.none() | ids,
    flags=st.lists(ids, max_size=3).map(tuple),
    lines=st.lists(lines, max_size=4).map(tuple),
    body=st.dictionaries(ids, st.integers() | st.text("abc"), max_size=3),
)


def minimal(**changes: object) -> dict[str, object]:
    event = {
        "event_id": EVENT_ID,
        "type": "goods.received",
        "version": 1,
        "occurred_at_us": 1,
        "received_at_us": 2,
        "warehouse": "J1",
    }
    return event | changes


@given(events)
def test_an_event_survives_its_bytes(event: ev.Event) -> None:
    assert ev.parse_event(ev.encode_event(event)) == event


@given(events)
def test_the_bytes_are_canonical_whoever_encodes_them(event: ev.Event) -> None:
    raw = ev.encode_event(event)
    assert ev.canonical(json.loads(raw)) == raw


def test_unknown_keys_and_types_pass_through() -> None:
    raw = ev.canonical(minimal(type="goods.levitated", colour="blue"))
    assert ev.parse_event(raw).type == "goods.levitated"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"version": True}, "version"),
        ({"version": "1"}, "version"),
        ({"occurred_at_us": 1.5}, "occurred_at_us"),
        ({"occurred_at_us": -1}, "occurred_at_us"),
        ({"warehouse": "no blanks"}, "warehouse"),
        ({"event_id": "1"}, "event_id"),
        ({"device": {"id": "p", "seq": 2**60}}, "device.seq"),
        ({"lines": [{"item": "123", "from_location": "A", "to_location": "B"}]}, "lines.0.item"),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(changes: dict[str, object], path: str) -> None:
    with pytest.raises(ev.EventRefused, match=f"^{path}: "):
        ev.parse_event(ev.canonical(minimal(**changes)))


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"\xff", b'{"a":NaN}'])
def test_rubbish_is_refused_and_nothing_else_is_raised(raw: bytes) -> None:
    with pytest.raises(ev.EventRefused):
        ev.parse_event(raw)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_canonical_bytes_hold_no_number_that_json_has_not(value: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        ev.canonical({"x": value})


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('aZé"\\\n\x7f€\U0001f69a', max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text("aZé", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(JSON_VALUES)
def test_canonical_bytes_are_those_of_the_standard_library(value: object) -> None:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert ev.canonical(value) == text.encode()


@pytest.mark.parametrize("value", ["\ud800", {"\ud800": 1}, [float("nan")], float("inf")])
def test_what_has_no_bytes_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"surrogates not allowed|not JSON compliant"):
        ev.canonical(value)


@pytest.mark.parametrize("value", [object(), {1j: 2}, b"bytes", {"x": {1}}])
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        ev.canonical(value)
