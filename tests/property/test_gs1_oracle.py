"""Pins our GS1 parser to another one (biip) on generated element strings, whole and damaged."""

from __future__ import annotations

import biip
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.contract.keys import gtin_check_digit
from gateway.codecs.gs1 import encode_gs1_128, symbol_or_flaw
from tests.rigs import tier

pytestmark = pytest.mark.slow

LOT = st.text("ABCXYZ0189-./_", min_size=1, max_size=20)
DATE = st.tuples(st.integers(20, 45), st.integers(1, 12), st.integers(0, 28)).map(
    lambda parts: "{:02d}{:02d}{:02d}".format(*parts)
)
ELEMENT = st.one_of(
    st.tuples(st.sampled_from(["10", "21", "240", "400"]), LOT),
    st.tuples(st.sampled_from(["11", "15", "17"]), DATE),
    st.tuples(st.just("30"), st.integers(1, 10**8 - 1).map(str)),
    st.tuples(
        st.sampled_from([f"310{n}" for n in range(6)]),
        st.integers(0, 999_999).map(lambda n: f"{n:06d}"),
    ),
)
GTIN = st.integers(10**6, 10**13 - 1).map(lambda n: f"{n:013d}" + gtin_check_digit(f"{n:013d}"))
LABEL = st.tuples(
    GTIN, st.lists(ELEMENT, max_size=5, unique_by=lambda element: element[0][:3])
).map(lambda parts: [("01", parts[0]), *parts[1]])


@settings(max_examples=tier.count(100, 300, 2000), deadline=None)
@given(label=LABEL)
def test_both_parsers_find_the_same_elements(label: list[tuple[str, str]]) -> None:
    data = encode_gs1_128(label)
    symbol, reason = symbol_or_flaw(data)
    assert (symbol is None, reason) == (False, None)
    theirs = biip.parse(data).gs1_message
    assert theirs is not None
    assert symbol is not None
    assert [(element.ai.ai, element.value) for element in theirs.element_strings] == list(
        symbol.elements
    )
    for element in theirs.element_strings:
        if element.ai.ai == "17" and element.date is not None:
            assert symbol.expiry == element.date.isoformat()
        if element.ai.ai[:3] == "310" and element.decimal is not None:
            assert symbol.weight_g == int(element.decimal * 1000)


@settings(max_examples=tier.count(100, 300, 2000), deadline=None)
@given(label=LABEL, at=st.integers(0, 200), character=st.characters(max_codepoint=127))
def test_what_the_other_one_refuses_is_refused_here(
    label: list[tuple[str, str]], at: int, character: str
) -> None:
    data = encode_gs1_128(label)
    i = 3 + at % (len(data) - 3)
    damaged = data[:i] + character + data[i + 1 :]
    symbol, reason = symbol_or_flaw(damaged)
    theirs = biip.parse(damaged).gs1_message
    if theirs is None or any(e.gtin_error for e in theirs.element_strings):
        assert symbol is None
        assert reason
