"""Pins what a scanned symbol becomes: named elements, reasons for pickers, and what is no GS1."""

from __future__ import annotations

import re

import pytest

from gateway.codecs.gs1 import SymbolRefused, encode_gs1_128, parse_symbol, symbol_or_flaw
from gateway.core.languages import ENGLISH, LANGUAGES
from gateway.core.messages import flaw_in_words
from gateway.core.readings import Symbol

GTIN = "09506000134352"


def parsed(data: str, symbology: str | None = None) -> Symbol:
    symbol = parse_symbol(data, symbology)
    assert symbol is not None
    return symbol


def test_every_named_element_is_found() -> None:
    symbol = parsed(f"]d201{GTIN}11260101152602281726030010L-1\x1d21S9\x1d310300125030024")
    assert symbol.gtin == GTIN
    assert (symbol.lot, symbol.serial, symbol.weight_g) == ("L-1", "S9", 1250)
    assert (symbol.production_date, symbol.best_before) == ("2026-01-01", "2026-02-28")
    assert symbol.expiry == "2026-03-31", "day 00 is the last of the month"


@pytest.mark.parametrize(
    ("yymmdd", "date"),
    [
        ("240200", "2024-02-29"),
        ("260200", "2026-02-28"),
        ("761231", "2076-12-31"),
        ("770101", "1977-01-01"),
    ],
)
def test_dates_are_read_as_the_standard_says(yymmdd: str, date: str) -> None:
    assert parsed(f"]C101{GTIN}17{yymmdd}").expiry == date


def test_contents_of_a_pallet_carry_their_count() -> None:
    symbol = parsed(f"]C10010614141234567890802{GTIN}3748")
    assert (symbol.gtin, symbol.count) == (GTIN, 48)
    assert symbol.sscc == "106141412345678908"


@pytest.mark.parametrize("separator", ["\x1d", "<GS>", "\\x1d"])
def test_the_separator_may_be_written_out(separator: str) -> None:
    symbol = parsed(f"]C101{GTIN}10AB{separator}21CD")
    assert (symbol.lot, symbol.serial) == ("AB", "CD")


@pytest.mark.parametrize("digits", ["9506000134352", GTIN, "416000336108", "02345673"])
def test_a_bare_trade_item_number_is_padded(digits: str) -> None:
    assert parsed(digits).gtin == digits.zfill(14)


def test_an_add_on_is_left_out() -> None:
    assert parsed("]E3211234567890012").gtin == "02112345678900"


def test_a_symbology_name_stands_for_the_missing_identifier() -> None:
    assert parsed("10LOT", "LABEL-TYPE-EAN128").lot == "LOT"
    assert parse_symbol("10LOT", "CODE128") is None


BROKEN = (
    ("]C10109506000134353", "check_digit", "wrong check digit"),
    (f"]C101{GTIN}17261301", "date", "month 13"),
    (f"]C101{GTIN}17260231", "date", "day 31"),
    (f"]C101{GTIN}1726O101", "characters", "digits only"),
    (f"]C101{GTIN}10{'A' * 21}", "long", "separator is missing"),
    (f"]C101{GTIN}89X", "identifier", "no application identifier"),
    (f"]C101{GTIN}02{GTIN}3712", "together", "exclude each other"),
    (f"]C102{GTIN}", "together", "(37)"),
    (f"]C101{GTIN}10A\x1d10B", "together", "twice"),
    (f"]C101{GTIN}422000", "value", "country"),
    ("]C1", "empty", "nothing in it"),
    ("]C101095060", "short", "too short"),
    ("]E09506000134353", "check_digit", "wrong check digit"),
    ("]E0950600013435", "length", "13 digits"),
    ("9506000134353", "check_digit", "wrong check digit"),
    (f"01{GTIN}17261301", "date", "month 13"),
    ("https://id.gs1.org/01/09506000134353", "check_digit", "wrong check digit"),
    (f"https://id.gs1.org/01/{GTIN}/21/%4", "address", "hex digits"),
    ("]", "short", "cut short"),
    ("x" * 5000, "length", "more than any label"),
)


@pytest.mark.parametrize(("data", "key", "words"), BROKEN)
def test_a_refusal_says_what_is_wrong(data: str, key: str, words: str) -> None:
    """To those who look into the quarantine exactly, and to workers in their own language."""
    with pytest.raises(SymbolRefused) as refusal:
        parse_symbol(data)
    assert words in str(refusal.value)
    assert len(str(refusal.value)) < 200
    flaw = refusal.value.flaw
    assert (flaw.key, flaw.text) == (f"barcode_{key}", str(refusal.value))
    for language in LANGUAGES:
        told = flaw_in_words(flaw, language)
        assert "–" not in told, "no blank is left"
        assert len(told) < 120
        said = re.sub(r"'[^']*'|\([0-9, ()]*\)", "", told)
        assert language == ENGLISH or not re.search("[A-Za-z]", said), "but what is on the label"


def test_every_way_to_say_what_is_wrong_is_said() -> None:
    told = {key for key in LANGUAGES[ENGLISH] if key.startswith("barcode_")}
    assert {f"barcode_{key}" for _, key, _ in BROKEN} == told


@pytest.mark.parametrize(
    "data",
    [
        "R-03-02",
        "ASN-1007",
        "w17",
        "10-A-03",
        "123456789",
        "https://example.com/help",
        "]C0ABC",
        "",
        "]Q1",
    ],
)
def test_labels_that_are_no_gs1_are_left_to_others(data: str) -> None:
    assert symbol_or_flaw(data) == (None, None)


def test_an_encoded_symbol_is_read_back() -> None:
    elements = (("01", GTIN), ("10", "L1"), ("17", "261231"), ("21", "S"))
    assert parsed(encode_gs1_128(elements)).elements == elements


@pytest.mark.parametrize(
    ("digits", "gtin"),
    [
        # The standard's rows (ISO/IEC 15420): the last digit says where the zeros were.
        ("04252614", "00042100005264"),
        ("01234505", "00012000003455"),
        ("01234531", "00012300000451"),
        ("01234543", "00012340000053"),
        ("01234565", "00012345000065"),
        ("425261", "00042100005264"),
        ("042100005264", "00042100005264"),
    ],
)
def test_a_upc_e_is_the_upc_a_that_it_stands_for(digits: str, gtin: str) -> None:
    assert parsed(digits, "UPCE0").gtin == gtin
    assert parsed(digits, "UPC_E").gtin == gtin


@pytest.mark.parametrize("digits", ["04252615", "24252614", "0425261", "0425261X", ""])
def test_what_is_no_upc_e_is_refused(digits: str) -> None:
    assert symbol_or_flaw(digits, "UPCE0")[0] is None
    assert symbol_or_flaw(digits, "UPCE0")[1]


@pytest.mark.parametrize("end", ["\x1e\x04", "\x1e", "", "<RS><EOT>"])
def test_an_envelope_of_gs1_is_opened(end: str) -> None:
    symbol = parsed(f"[)>\x1e05\x1d01{GTIN}\x1d10L1{end}")
    assert (symbol.gtin, symbol.lot) == (GTIN, "L1")
    assert symbol_or_flaw("[)>\x1e06\x1d1JUN1\x1e\x04") == (None, None), "not GS1's"
