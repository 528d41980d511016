"""Pins that an event as it was decoded is the event in its bytes: consumers get either."""

from __future__ import annotations

import json
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_sync.contract import events as ev
from gateway.codecs.mqtt_payloads import parse_payload
from gateway.core.decode import Decoder, When
from gateway.core.facts import Facts
from gateway.core.flows.floor import Floor
from gateway.core.readings import TASK_TYPES, ClimateSample, Scan

pytestmark = pytest.mark.slow

IDS = st.text("Az09._-", min_size=1, max_size=64)
LOTS = st.text('Az09!"%?<>', min_size=1, max_size=20)
NUMBERED = {
    "v": st.just(1),
    "boot": IDS,
    "seq": st.integers(0, 2**53),
    "time": st.sampled_from(["2026-11-21T08:00:00Z", "2026-11-21T16:00:00.5+08:00", ""]),
}
CLIMATE = st.fixed_dictionaries(
    {
        **NUMBERED,
        "zone": IDS,
        "temperature_c": st.floats(-100, 150) | st.integers(-100, 150),
    },
    optional={"humidity_pct": st.floats(0, 100), "battery_pct": st.integers(0, 100)},
)
TASK = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(TASK_TYPES))},
    optional={
        "id": IDS,
        "location": IDS,
        "quantity": st.integers(-1, 10**9),
        "unit": st.sampled_from(["EA", "g"]),
        "worker": IDS,
        "reason": st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    },
)
SCAN = st.fixed_dictionaries(
    {
        **NUMBERED,
        "symbology": st.just("GS1_128"),
        "data": LOTS.map(lambda lot: f"]C101095060001343521727010110{lot}"),
        "task": TASK,
    }
)
WHENS = st.builds(
    When,
    st.integers(0, 2**53),
    st.sampled_from(["trusted", "skewed", "unset", "none"]),
    st.none() | st.integers(0, 2**53),
    st.just("2026-11-21"),
)


def decoder() -> Decoder:
    ids = (f"00000000-0000-7000-8000-{n:012x}" for n in count(1))
    return Decoder("W1", "en", ids.__next__)


def assert_same(events: tuple[ev.Event, ...]) -> None:
    for event in events:
        assert ev.parse_event(ev.encode_event(event)) == event


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(message=CLIMATE, when=WHENS)
def test_climate(message: dict[str, object], when: When) -> None:
    raw = json.dumps(message).encode()
    reading = parse_payload("climate", raw, device="s-1", received_at_us=5).reading
    if isinstance(reading, ClimateSample):
        assert_same(decoder().climate(reading, when).events)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(message=SCAN, when=WHENS)
def test_scans(message: dict[str, object], when: When) -> None:
    raw = json.dumps(message).encode()
    reading = parse_payload("scan", raw, device="pda-1", received_at_us=5).reading
    if isinstance(reading, Scan):
        assert_same(decoder().scan(reading, Floor(lambda: Facts("W1")), when).events)
