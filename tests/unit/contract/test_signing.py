"""Pins what a signature of the cloud's is good for: these bytes, one gateway, one question, once;
and that only a key's own word puts another in its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.contract.signing import (
    NotSigned,
    OtherKey,
    Succession,
    check_header,
    follow,
    page_bytes,
    succession_bytes,
)
from cloud_sync.service.signing import KeyUnusable, make_key, read_signer, rotate_key

BODY = b'{"changes":[],"next_cursor":7,"mark":null,"more":false}'
CHALLENGE = "0123456789abcdef" * 2
QUESTION = {"gateway": "gw-W1", "challenge": CHALLENGE, "cursor": 7, "mark": "ab" * 16}


def signed_of(**changed: object) -> bytes:
    asked = QUESTION | {"body": BODY} | changed
    return page_bytes(**asked)  # type: ignore[arg-type]  # one key each is another value


def test_every_bit_of_body_and_header_counts(tmp_path: Path) -> None:
    signer = make_key(tmp_path / "key")
    header = signer.sign_page(**QUESTION, body=BODY)  # type: ignore[arg-type]
    check_header(header, key=signer.public, signed=signed_of())
    for i in range(len(BODY) * 8):
        flipped = bytearray(BODY)
        flipped[i // 8] ^= 1 << i % 8
        with pytest.raises(NotSigned):
            check_header(header, key=signer.public, signed=signed_of(body=bytes(flipped)))
    for i in range(len(header)):
        other = header[:i] + chr(ord(header[i]) ^ 1) + header[i + 1 :]
        with pytest.raises(NotSigned):
            check_header(other, key=signer.public, signed=signed_of())


@pytest.mark.parametrize(
    "changed",
    [
        {"gateway": "gw-W2"},
        {"challenge": CHALLENGE[::-1]},
        {"cursor": 8},
        {"mark": None},
        {"gateway": "gw-W1\0x", "challenge": CHALLENGE[2:]},
        {"body": BODY + b" "},
        {"body": b""},
    ],
)
def test_it_is_good_for_one_gateway_and_one_question(
    tmp_path: Path, changed: dict[str, object]
) -> None:
    signer = make_key(tmp_path / "key")
    header = signer.sign_page(**QUESTION, body=BODY)  # type: ignore[arg-type]
    with pytest.raises(NotSigned):
        check_header(header, key=signer.public, signed=signed_of(**changed))


@pytest.mark.parametrize("header", [None, "", "v1", "v2 {key} {bad}", "v1 {key}", "v1 {key} {bad}",
                                    "v1 {key} nothex", "v1  ", "v1 {key} {bad} more"])  # fmt: skip
def test_what_is_no_signature_is_none(tmp_path: Path, header: str | None) -> None:
    key = make_key(tmp_path / "key").public
    told = None if header is None else header.format(key=key, bad="0" * 128)
    with pytest.raises(NotSigned):
        check_header(told, key=key, signed=signed_of())


def test_another_key_is_told_from_a_bad_signature(tmp_path: Path) -> None:
    known, other = make_key(tmp_path / "known"), make_key(tmp_path / "other")
    header = other.sign_page(**QUESTION, body=BODY)  # type: ignore[arg-type]
    with pytest.raises(OtherKey):
        check_header(header, key=known.public, signed=signed_of())


def test_a_box_that_was_away_for_three_rotations_comes_to_the_newest_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    keys = [make_key(path).public, *(rotate_key(path).public for _ in range(3))]
    assert len(set(keys)) == 4
    signer = read_signer(path)
    assert [follow(key, signer.after(key)) for key in keys] == [keys[-1]] * 4
    assert signer.after("0" * 64) == []
    held = path.read_text()
    assert all(key in held for key in keys)
    assert path.stat().st_mode & 0o777 == 0o600


def test_nobody_but_the_key_itself_puts_another_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "key"
    old = make_key(path).public
    new = rotate_key(path).public
    (said,) = read_signer(path).successions
    thief = Ed25519PrivateKey.generate()
    own = thief.public_key().public_bytes_raw().hex()
    by_thief = thief.sign(succession_bytes(old, own)).hex()
    for forged in (
        Succession(key=old, next=own, signature=by_thief),
        Succession(key=old, next=own, signature=said.signature),
        Succession(key=own, next=new, signature=thief.sign(succession_bytes(own, new)).hex()),
    ):
        with pytest.raises(NotSigned):
            follow(old, [forged])
    with pytest.raises(NotSigned):
        follow(new, [said])  # back to where it came from leads nothing


def test_a_file_that_is_no_key_says_so_and_shows_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "key"
    secret = "5" * 63
    for content in ("", "{}", f'{{"private": "{secret}"}}', f'{{"private": "{secret}5", "x": 1}}'):
        path.write_text(content)
        with pytest.raises(KeyUnusable) as error:
            read_signer(path)
        assert secret not in str(error.value)
    with pytest.raises(KeyUnusable, match="already"):
        make_key(path)
    with pytest.raises(KeyUnusable, match="No such file"):
        rotate_key(tmp_path / "none")
