"""Symbols and tags as a printer would make them, from GS1's specifications.

Sources: GS1 General Specifications 7.9 (check digits), 3 (element strings), Tag Data Standard
1.13, 14.6.1 (SGTIN-96).
"""

from __future__ import annotations

GS = "\x1d"
PARTITIONS = {12: (0, 40, 4), 11: (1, 37, 7), 10: (2, 34, 10), 9: (3, 30, 14), 8: (4, 27, 17),
              7: (5, 24, 20), 6: (6, 20, 24)}  # fmt: skip
"""Digits of the company prefix: partition value, its bits, bits of the item reference."""


def check_digit(digits: str) -> str:
    """Modulo 10, the rightmost digit weighing 3."""
    total = sum(int(each) * (3, 1)[i % 2] for i, each in enumerate(reversed(digits)))
    return str(-total % 10)


def gtin(digits: str) -> str:
    """14 digits, from the 13 before the check digit."""
    body = digits.zfill(13)
    return body + check_digit(body)


def sscc(n: int) -> str:
    """18 digits, the n-th of this company."""
    body = f"1{9506000}{n:09d}"
    return body + check_digit(body)


def goods(
    item: str,
    lot: str | None = None,
    *,
    expiry: str | None = None,
    grams: int | None = None,
    pieces: int | None = None,
) -> str:
    """A GS1-128 with what is given; expiry as YYYY-MM-DD."""
    text = f"]C101{item}"
    if expiry is not None:
        text += "17" + expiry[2:].replace("-", "")
    if grams is not None:
        text += f"3103{grams:06d}"
    if lot is not None:
        text += f"10{lot}"
    if pieces is not None:
        text += GS * (lot is not None) + f"30{pieces}"
    return text


def unit(number: str) -> str:
    """The label of a logistic unit."""
    return f"]C100{number}"


def ean13(item: str) -> str:
    """What is printed on a piece."""
    if item[0] != "0":
        raise AssertionError(f"{item}: is no EAN-13")
    return f"]E0{item[1:]}"


def sgtin96(item: str, serial: int, company_digits: int = 7) -> str:
    """The EPC of one piece, hex."""
    partition, company_bits, item_bits = PARTITIONS[company_digits]
    company = int(item[1 : 1 + company_digits])
    reference = int(item[0] + item[1 + company_digits : 13])
    value = 0x30
    for field, bits in ((1, 3), (partition, 3), (company, company_bits),
                        (reference, item_bits), (serial, 38)):  # fmt: skip
        value = value << bits | field
    return f"{value:024x}"
