"""Pins GS1 identifiers: which URNs and links are well formed, and which name the same thing."""

from __future__ import annotations

import re

import pytest

from cloud_sync.epcis.identifiers import (
    CLASS,
    INSTANCE,
    canonical_id,
    class_pattern_of,
    fault_of,
    level_of,
    pattern_of,
    urn_to_link,
)
from cloud_sync.epcis.uris import is_uri
from tests.golden import cases, outside_cases


def test_every_urn_of_others_becomes_the_link_they_expect() -> None:
    n_read = 0
    for case in cases("epc/urn_to_digital_link"):
        urn = str(case["input"])
        if "error" in case:
            assert urn_to_link(urn) is None, urn
        elif is_uri(urn) and "/." not in urn:  # upstream leaves some letters unescaped
            assert urn_to_link(urn) == case["expected"], urn
            n_read += 1
    assert n_read > 40


ESCAPED_OTHERWISE = re.compile(r"[!()*]")


def test_the_canonical_spelling_is_that_of_the_event_hash() -> None:
    n_read = 0
    for case in cases("epc/canonical_digital_link"):
        expected = case.get("expected")
        if isinstance(expected, str) and not ESCAPED_OTHERWISE.search(str(case["input"])):
            assert canonical_id(str(case["input"])) == expected
            n_read += 1
    assert n_read > 40


LOOSER = ("bic:", "gid:268435456", "gid:268435455.16777216", "68719476736", "%23")
"""Ranges of numbers in schemes for which no warehouse of food has a use."""


def test_urns_are_right_where_others_say_so() -> None:
    n_read = 0
    for case in outside_cases("epc/pure_identity_syntax"):
        urn = str(case["input"])
        if urn.startswith("urn:epc:id:") and not any(part in urn for part in LOOSER):
            n_read += 1
            is_right = fault_of(urn) is None
            if case.get("error") != "gsrn_identifier":  # well formed, of another scheme
                assert is_right == bool(case.get("ok")), case
    assert n_read > 150


@pytest.mark.parametrize(
    ("uri", "level"),
    [
        ("urn:epc:id:sgtin:4012345.011122.25", INSTANCE),
        ("urn:epc:class:lgtin:4012345.011122.L", CLASS),
        ("urn:epc:idpat:sgtin:4012345.011122.*", CLASS),
        ("https://id.gs1.org/01/04012345123456", CLASS),
        ("https://id.gs1.org/01/04012345123456/10/L", CLASS),
        ("https://id.gs1.org/01/04012345123456/10/L/21/7", INSTANCE),
        ("https://id.gs1.org/00/040123450000003338", INSTANCE),
        ("https://id.gs1.org/8003/04012345555554987", INSTANCE),
        ("https://id.gs1.org/8003/04012345555554", CLASS),
        ("https://example.com/widgets/7", None),
    ],
)
def test_an_identifier_says_whether_it_is_one_thing_or_many(uri: str, level: str | None) -> None:
    assert level_of(uri) == level


@pytest.mark.parametrize(
    ("pattern", "matched", "missed"),
    [
        (
            "urn:epc:idpat:sgtin:4012345.011122.*",
            "urn:epc:id:sgtin:4012345.011122.25",
            "urn:epc:id:sgtin:4012345.011123.25",
        ),
        (
            "urn:epc:idpat:sgtin:4012345.*.*",
            "https://id.gs1.org/01/04012345123456/21/7",
            "https://id.gs1.org/01/04012346123455/21/7",
        ),
        (
            "urn:epc:idpat:grai:4012345.66666.*",
            "urn:epc:id:grai:4012345.66666.87",
            "urn:epc:id:grai:4012345.66667.87",
        ),
    ],
)
def test_a_pattern_finds_its_things_in_either_spelling(
    pattern: str, matched: str, missed: str
) -> None:
    found = pattern_of(pattern)
    assert found is not None
    assert found.fullmatch(canonical_id(matched))
    assert not found.fullmatch(canonical_id(missed))


@pytest.mark.parametrize(
    ("pattern", "matched", "missed"),
    [
        ("sgtin:*.*.*", "urn:epc:id:sgtin:4012345.011122.25",
         "urn:epc:id:sscc:0614141.1234567890"),
        ("sscc:0614141.*", "urn:epc:id:sscc:0614141.1234567890",
         "urn:epc:id:sscc:0614142.1234567890"),
        ("sgln:4012345.*.*", "urn:epc:id:sgln:4012345.00005.7", "urn:epc:id:sgln:4012346.00005.7"),
        ("giai:0614141.*", "urn:epc:id:giai:0614141.7", "urn:epc:id:giai:0614142.7"),
        ("gsrn:*.*", "urn:epc:id:gsrn:0614141.1234567890", "urn:epc:id:gsrnp:0614141.1234567890"),
        ("gdti:0614141.*.*", "urn:epc:id:gdti:0614141.12345.400",
         "urn:epc:id:gdti:0614142.12345.400"),
    ],
)  # fmt: skip
def test_a_pattern_over_a_whole_scheme_or_company_finds_its_things(
    pattern: str, matched: str, missed: str
) -> None:
    found = pattern_of(f"urn:epc:idpat:{pattern}")
    assert found is not None
    assert found.fullmatch(canonical_id(matched))
    assert not found.fullmatch(canonical_id(missed))


def test_a_pattern_over_items_finds_classes_and_not_their_lots_or_pieces() -> None:
    found = class_pattern_of("urn:epc:idpat:sgtin:4012345.*.*")
    assert found is not None
    assert found.fullmatch(canonical_id("urn:epc:idpat:sgtin:4012345.011122.*"))
    for other in ("urn:epc:idpat:sgtin:4012346.011122.*", "urn:epc:id:sgtin:4012345.011122.25",
                  "urn:epc:class:lgtin:4012345.011122.L1"):  # fmt: skip
        assert not found.fullmatch(canonical_id(other))
    for none in ("urn:epc:idpat:sgtin:4012345.011122.*", "urn:epc:idpat:sscc:*.*", "urn:x:*"):
        assert class_pattern_of(none) is None


def test_other_peoples_hosts_may_mean_something_else() -> None:
    assert fault_of("https://example.com/01/123") is None
    assert fault_of("https://id.gs1.org/01/123") is not None
