"""Pins the verdict on some five hundred documents written by hand: what is right is taken, what
is wrong is refused, and for each the official schema is asked for a second opinion."""

from __future__ import annotations

import pytest

from cloud_sync.epcis.documents import DocumentRefused, parse_document
from tests.fakes.epcis_verdicts import by_practice, by_text, right, wrong
from tests.rigs.epcis_schema import schema_faults, validator

pytestmark = pytest.mark.slow


def faults(value: object) -> list[str]:
    try:
        return [str(fault) for fault in parse_document(value).faults]
    except DocumentRefused as error:
        return [str(fault) for fault in error.faults]


def test_there_are_enough_of_each_and_each_has_a_name_of_its_own() -> None:
    texts = [(what, value) for _, what, value in by_text()]
    for cases, least in ((list(right()), 150), (list(wrong()), 150), (texts, 50)):
        names = [what for what, _ in cases]
        assert len(set(names)) == len(names) >= least


def test_what_is_right_is_taken() -> None:
    refused = {what: found for what, value in right() if (found := faults(value))}
    assert refused == {}


def test_what_is_wrong_is_refused() -> None:
    assert [what for what, value in wrong() if not faults(value)] == []


def test_what_only_the_text_refuses_is_refused() -> None:
    assert [(rule, what) for rule, what, value in by_text() if not faults(value)] == []


def test_what_the_standard_does_itself_is_taken() -> None:
    refused = {what: found for _, what, value in by_practice() if (found := faults(value))}
    assert refused == {}


def test_the_official_schema_says_the_same() -> None:
    validator()
    refused = {what: found for what, value in right() if (found := schema_faults(value))}
    assert refused == {}
    assert [what for what, value in wrong() if not schema_faults(value)] == []
    open_to = [*by_text(), *by_practice()]
    refused = {what: found for _, what, value in open_to if (found := schema_faults(value))}
    assert refused == {}
