"""Pins that no secret passes: one that is known, in any spelling, and what looks like one."""

import json
from base64 import b64encode
from urllib.parse import quote

import pytest

from gateway.core.redaction import REDACTED, Redactor

KNOWN = "s3cr=t/Wort€7"
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIB\n-----END EC PRIVATE KEY-----"


@pytest.mark.parametrize(
    "spelling",
    [
        KNOWN,
        quote(KNOWN, safe=""),
        json.dumps(KNOWN),
        b64encode(KNOWN.encode()).decode(),
        KNOWN.encode().hex(),
    ],
)
def test_a_known_secret_goes_however_it_is_spelt(spelling: str) -> None:
    told = Redactor([KNOWN.encode() + b"\n"]).text(f"a {spelling} b")
    assert REDACTED in told
    assert spelling.strip('"') not in told
    assert told[:2] + told[-2:] == "a  b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://user:pw@host/x", f"http://{REDACTED}@host/x"),
        ("Authorization: Bearer abcdef.ghi", f"Authorization: Bearer {REDACTED}"),
        ('password = "open sesame"', f'password = "{REDACTED}"'),
        ("token=abc; next=1", f"token={REDACTED}; next=1"),
        ('{"api_key": "k-1", "n": 2}', f'{{"api_key": "{REDACTED}", "n": 2}}'),
        (f"x {PEM} y", f"x {REDACTED} y"),
        (PEM[:40], REDACTED),
        ("journal at row 7, nothing secret", "journal at row 7, nothing secret"),
        ("password_file = /run/x", "password_file = /run/x"),
    ],
)
def test_what_looks_like_a_secret_goes(text: str, expected: str) -> None:
    assert Redactor(()).text(text) == expected


def test_the_lines_of_a_key_are_known_one_by_one() -> None:
    key = b"-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\nAgEGCCqGSM49AwEHBG0w\n-----END"
    assert "AgEGCCqGSM49AwEHBG0w" not in Redactor([key]).text("log AgEGCCqGSM49AwEHBG0w end")


def test_a_secrets_place_in_a_configuration_is_kept_and_its_value_goes() -> None:
    told = {
        "mqtt": {"password": "x", "password_file": "/run/pw", "port": 1883},
        "devices": [{"options": {"access_token": ["a", "b"], "baud": 9600}}],
    }
    assert Redactor(()).value(told) == {
        "mqtt": {"password": REDACTED, "password_file": "/run/pw", "port": 1883},
        "devices": [{"options": {"access_token": [REDACTED, REDACTED], "baud": 9600}}],
    }


def test_short_words_are_left() -> None:
    assert Redactor([b"on\n"]).text("one connection") == "one connection"


def test_a_long_line_without_a_break_takes_no_time() -> None:
    Redactor([b"something"]).text("a" * 2_000_000)
