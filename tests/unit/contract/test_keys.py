"""Pins identities: GTIN check digits (GS1's own examples), ids, UUIDv7 layout."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.contract import keys


@pytest.mark.parametrize("gtin", ["09506000134352", "09501101530003", "00614141123452"])
def test_a_published_gtin_is_one(gtin: str) -> None:
    assert keys.is_gtin(gtin)


@pytest.mark.parametrize(
    "text", ["09506000134353", "9506000134352", "0950600013435٢", "", "0950600013435x"]
)
def test_what_is_nearly_a_gtin_is_none(text: str) -> None:
    assert not keys.is_gtin(text)


@given(st.text("0123456789", min_size=13, max_size=13), st.integers(0, 13), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(body: str, place: int, shift: int) -> None:
    good = body + keys.gtin_check_digit(body)
    bad = good[:place] + str((int(good[place]) + shift) % 10) + good[place + 1 :]
    assert keys.is_gtin(good)
    assert not keys.is_gtin(bad)


@pytest.mark.parametrize("text", ["", "a b", "a/b", "ä", "a\n", "x" * 65, "@waste"])
def test_an_id_holds_nothing_that_a_topic_or_path_could_trip_over(text: str) -> None:
    assert not keys.is_id(text)


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_a_uuid7_is_one_by_the_standard_librarys_reading(unix_ms: int, chance: bytes) -> None:
    value = uuid.UUID(keys.make_uuid7(unix_ms, chance))
    assert (value.version, value.variant) == (7, uuid.RFC_4122)
    assert value.int >> 80 == unix_ms


@given(st.integers(0, 2**48 - 2), st.binary(min_size=10, max_size=10))
def test_ids_sort_by_the_time_they_were_made(unix_ms: int, chance: bytes) -> None:
    assert keys.make_uuid7(unix_ms, chance) < keys.make_uuid7(unix_ms + 1, bytes(10))
