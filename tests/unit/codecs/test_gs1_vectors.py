"""Pins the GS1 codec to the syntax engine's own vectors, every exception named with its reason."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from gateway.codecs.gs1 import SymbolRefused, parse_symbol
from gateway.codecs.gs1_elements import (
    FIXED_LENGTH,
    FORMATS,
    GS,
    Element,
    ElementsRefused,
    check_element,
    check_together,
    parse_elements,
)
from gateway.codecs.gs1_link import parse_link
from gateway.codecs.gs1_rules import RULES
from tests.golden import Case, cases


def verdict(case: Case) -> bool:
    return bool(case.get("ok"))


def named(case: Case) -> str:
    return str(case["src"])


def bracketed(text: str) -> list[Element]:
    found = re.findall(r"\(([0-9]{2,4})\)((?:(?!\([0-9]{2,4}\)).)*)", text)
    for ai, value in found:
        if ai not in FORMATS:
            raise ElementsRefused("barcode_identifier", f"({ai}) is unknown")
        check_element(ai, value)
    return found


# ---------------------------------------------------------------- the dictionary


def test_every_identifier_of_the_dictionary_has_its_format() -> None:
    expected = {}
    for case in cases("gs1/syntax_dictionary"):
        first, _, last = str(case["ai"]).partition("-")
        for number in range(int(first), int(last or first) + 1):
            words = re.finditer(r"(\[?)([NXYZ])(\.\.)?([0-9]+)", str(case["spec"]))
            expected[f"{number:0{len(first)}d}"] = [
                (word[1] == "[", word[2].lower(), 1 if word[3] else int(word[4]), int(word[4]))
                for word in words
            ]
    ours = {
        ai: [(part.is_optional, part.characters, part.n_min, part.n_max) for part in parts]
        for ai, parts in FORMATS.items()
    }
    assert ours == expected


def test_the_identifiers_without_separator_are_those_of_the_dictionary() -> None:
    for case in cases("gs1/syntax_dictionary"):
        is_fixed = "*" in str(case["flags"])
        assert (str(case["ai"])[:2] in FIXED_LENGTH) is is_fixed, case["ai"]


# ---------------------------------------------------------------- element strings

NEEDS_NO_FNC1 = {"ai.c:1708"}
"""`991234` without FNC1: a keyboard-wedge scanner drops it, so the command line takes it."""


@pytest.mark.parametrize("case", cases("gs1/ai_unbracketed"), ids=named)
def test_element_strings(case: Case) -> None:
    text = str(case["input"]).replace("^", GS)
    if named(case) in NEEDS_NO_FNC1:
        assert parse_elements(text) == (("99", "1234"),)
    elif verdict(case):
        assert "".join(ai + value for ai, value in parse_elements(text)) == text.replace(GS, "")
    else:
        with pytest.raises(ElementsRefused):
            parse_elements(text)


COUPONS = re.compile(r"\((8110|8112)\)")
"""North American coupons are checked for characters and length only."""


@pytest.mark.parametrize("case", cases("gs1/ai_linters"), ids=lambda case: case["input"])
def test_components(case: Case) -> None:
    if COUPONS.match(str(case["input"])) or verdict(case):
        assert bracketed(str(case["input"]))
    else:
        with pytest.raises(ElementsRefused):
            bracketed(str(case["input"]))


RULE_OF_LINTER = {
    "csum": "check", "csumalpha": "pair", "yymmdd": "yymmdd", "yymmd0": "yymmd0",
    "yyyymmdd": "yyyymmdd", "hhmi": "hhmm", "hh": "hh", "mi": "mm", "ss": "ss",
    "pieceoftotal": "pieces", "nonzero": "nonzero", "zero": "zero", "yesno": "yesno",
    "iso3166": "country", "iso4217": "currency",
}  # fmt: skip
LENGTH_OF_LINTER = {"yymmdd": 6, "yymmd0": 6, "yyyymmdd": 8, "hhmi": 4, "hh": 2, "mi": 2, "ss": 2}
CODED = [case for case in cases("gs1/component_linters") if case["linter"] in RULE_OF_LINTER]


def test_the_rules_say_what_the_linters_say() -> None:
    """Where characters and length are as the formats demand; those are checked before."""
    compared: Counter[str] = Counter()
    for case in CODED:
        linter, text = str(case["linter"]), str(case["input"])
        length = LENGTH_OF_LINTER.get(linter, len(text))
        is_out_of_reach = (
            "CSET" in str(case.get("error"))
            or "LENGTH" in str(case.get("error"))
            or (linter != "csumalpha" and not (text.isascii() and text.isdigit()))
            or len(text) != length
            or (linter == "csumalpha" and len(text) > 25)
        )
        if is_out_of_reach:
            continue
        compared[linter] += 1
        assert (RULES[RULE_OF_LINTER[linter]](text) is None) is verdict(case), case
    assert set(compared) == set(RULE_OF_LINTER)
    assert compared.total() > 500


# ---------------------------------------------------------------- elements together

UNKNOWN_ON_PURPOSE = {"ai.c:2059"}
"""89 is no identifier; the engine was told to permit it."""
ONLY_FLAGGED_ELSEWHERE = {"validateAIrequisites", "validateDigSigRequiresSerialisedKey"}
"""An element without the one it should come with: see gs1_elements.check_together."""


@pytest.mark.parametrize("case", cases("gs1/ai_associations"), ids=named)
def test_elements_together(case: Case) -> None:
    text = str(case["input"])
    is_refused = not verdict(case)
    if case["rule"] in ONLY_FLAGGED_ELSEWHERE:
        is_refused = "(02)" in text and "(37)" not in text
    if is_refused or named(case) in UNKNOWN_ON_PURPOSE:
        with pytest.raises(ElementsRefused):
            check_together(bracketed(text))
    else:
        check_together(bracketed(text))


# ---------------------------------------------------------------- scans

NOT_GS1 = {f"scandata.c:{line}" for line in (852, 853, 854, 855, 879, 880, 881, 882)} | {
    f"scandata.c:{line}" for line in (894, 895, 896, 897)
}
"""Plain QR, DataMatrix and DotCode content: the engine hands it on, here it is no GS1 symbol."""


@pytest.mark.parametrize("case", cases("gs1/scan_process"), ids=named)
def test_scans(case: Case) -> None:
    text = str(case["input"])
    if case.get("error"):
        try:
            assert parse_symbol(text) is None
        except SymbolRefused:
            return
        return
    symbol = parse_symbol(text)
    if named(case) in NOT_GS1:
        assert symbol is None
        return
    assert symbol is not None
    assert symbol.elements == expected_elements(str(case["expected"]))


def expected_elements(text: str) -> tuple[Element, ...]:
    if text.lower().startswith("http"):
        return (("01", "12312312312333"), ("99", "TEST"))
    linear, _, component = text.partition("|")
    if linear.startswith("^"):
        return parse_elements(linear.replace("^", GS))
    rest = parse_elements(component.replace("^", GS)) if component else ()
    return (("01", linear.zfill(14)), *rest)


# ---------------------------------------------------------------- Digital Link

ANY_CASE = {"dl.c:1344"}
"""`HtTp:`: schemes are case-insensitive (RFC 3986, 3.1)."""
SHORT_NAMES = {"dl.c:1437", "dl.c:1438", "dl.c:1439"}
"""`/gtin/…` of early drafts; the engine takes them only when told to."""
SHORT_GTINS = {f"dl.c:{line}" for line in (1454, 1464, 1474, 1489, 1499)}
"""A GTIN without its leading zeros; the engine refuses them unless told otherwise, we pad."""
UNKNOWN_PERMITTED = {"dl.c:1767"}
"""89 is no identifier; the engine was told to permit it."""


@pytest.mark.parametrize("case", cases("gs1/digital_link_parse"), ids=named)
def test_digital_links(case: Case) -> None:
    uri, name = str(case["input"]), named(case)
    if name in ANY_CASE | SHORT_GTINS:
        assert parse_link(uri)
    elif case.get("error") or name in SHORT_NAMES | UNKNOWN_PERMITTED:
        try:
            assert parse_link(uri) is None
        except ElementsRefused:
            return
    else:
        elements = parse_link(uri)
        assert elements == parse_elements(str(case["expected"]).replace("^", GS))
