"""Pins the EPC codec to vectors of three other implementations and to the standard's limits."""

from __future__ import annotations

import pytest

from gateway.codecs.epc import EpcRefused, decode_epc, encode_sgtin_96, epc_identity
from tests.golden import Case, cases

BINARY = cases("epc/binary_uri")
OPAQUE_ON_PURPOSE = {"F45349FB11DF49FA935AB6FF"}
"""An unknown header is kept as read and can be resolved later."""


@pytest.mark.parametrize("case", BINARY, ids=lambda case: str(case["hex"]))
def test_binary_to_uri(case: Case) -> None:
    epc_hex = str(case["hex"])
    if epc_hex in OPAQUE_ON_PURPOSE:
        assert decode_epc(epc_hex).scheme == "opaque"
    elif case.get("error"):
        with pytest.raises(EpcRefused):
            decode_epc(epc_hex)
    else:
        epc = decode_epc(epc_hex)
        assert epc.uri == case["pure_identity"]
        assert case["tag_uri"] in (None, epc.tag_uri)


@pytest.mark.parametrize("case", cases("epc/tds2_plus"), ids=lambda case: str(case["scheme"]))
def test_schemes_of_tds_2_are_opaque_and_never_misread(case: Case) -> None:
    epc_hex = str(case["hex"])
    assert decode_epc(epc_hex).uri == f"urn:epc:raw:{len(epc_hex) * 4}.x{epc_hex}"


def test_digital_links_are_those_of_two_translators() -> None:
    links: dict[object, set[object]] = {}
    for name in ("epc/urn_to_digital_link", "epc/canonical_digital_link"):
        for case in cases(name):
            if case.get("expected"):
                links.setdefault(case["input"], set()).add(case["expected"])
    compared = 0
    for case in BINARY:
        if case.get("pure_identity") in links:
            compared += 1
            assert decode_epc(str(case["hex"])).digital_link in links[case["pure_identity"]]
    assert compared > 0


@pytest.mark.parametrize(
    ("epc_hex", "keys", "link"),
    [
        (
            "3074257BF7194E4000001A85",
            {"gtin": "80614141123458", "serial": "6789"},
            "https://id.gs1.org/01/80614141123458/21/6789",
        ),
        (
            "3666C4409047E159B2C2BF100000000000000000000000000000",
            {"gtin": "09506000134352", "serial": "32a/b"},
            "https://id.gs1.org/01/09506000134352/21/32a%2Fb",
        ),
        (
            "3154257BF4499602D2000000",
            {"sscc": "106141412345678908"},
            "https://id.gs1.org/00/106141412345678908",
        ),
        (
            "3234257BF460720000000190",
            {"gln": "0614141123452", "extension": "400"},
            "https://id.gs1.org/414/0614141123452/254/400",
        ),
        (
            "3934257BF46072C0000000000000000000000000000000000000",
            {"gln": "0614141123452"},
            "https://id.gs1.org/414/0614141123452",
        ),
    ],
    ids=["sgtin-96", "sgtin-198", "sscc-96", "sgln-96", "sgln-195 without extension"],
)
def test_keys_and_link_of_an_epc(epc_hex: str, keys: dict[str, str], link: str) -> None:
    # Worked examples of the Tag Data Standard (sections 6.3 and 7), check digits by hand.
    epc = decode_epc(epc_hex)
    assert (epc.keys, epc.digital_link) == (keys, link)


@pytest.mark.parametrize(
    ("epc_hex", "words"),
    [
        ("", "not hexadecimal"),
        ("30 4257BF7194E4000001A85", "not hexadecimal"),
        ("+034257BF7194E4000001A85", "not hexadecimal"),
        ("3074257BF7194E4000001A8", "whole number of 16-bit words"),
        ("3074257BF7194E40", "ends within a field"),
        ("3074257BF7194E4000001A850000", "left over"),
        ("307C257BF7194E4000001A85", "partition 7"),
        ("3067FFFFFFFFFE4000001A85", "more than 11 digits"),
        ("307425FFFFFFFFFFFFFFFFFF", "digits"),
        ("3154257BF4499602D2000001", "reserved"),
        ("3666C4409047E100000000000000000000000000000000000000", "no text"),
        ("3666C4409047E159B2C2BF100000000000000000000000000001", "left over"),
        ("3F14F4E4E612640000000000", "numeric string"),
        ("2F0203253313934200000000".replace("32533", "FFFFF"), "CAGE"),
    ],
)
def test_what_no_scheme_allows_is_refused_and_becomes_opaque(epc_hex: str, words: str) -> None:
    with pytest.raises(EpcRefused, match=words):
        decode_epc(epc_hex)
    identity = epc_identity(epc_hex)
    assert identity["scheme"] == "opaque"
    assert words in identity["refusal"]


def test_an_encoded_item_is_read_back() -> None:
    epc_hex = encode_sgtin_96("80614141123458", 6789, company_digits=7, filter_value=3)
    assert epc_hex == "3074257BF7194E4000001A85"
    with pytest.raises(EpcRefused):
        encode_sgtin_96("80614141123458", 1 << 38, company_digits=7)
