"""Pins how an upload is cut: events keep their bytes, everything else is refused by name."""

import json

import pytest

from cloud_sync.inbox.wire import BatchMalformed, parse_upload
from tests.fakes.uploads import Book, changed


def book_of(n: int) -> Book:
    book = Book()
    for quantity in range(1, n + 1):
        book.receive(quantity)
    return book


def test_events_keep_the_bytes_they_were_sent_with() -> None:
    book = book_of(3)
    upload = parse_upload(book.batch(2, 3))
    assert upload.bodies == tuple(book.bodies[1:])
    assert (upload.batch.first_seq, upload.last_seq) == (2, 3)


def test_blanks_and_odd_spellings_inside_an_event_survive() -> None:
    odd = b'{ "b" : 1.0e2,\n"a":"\\u00e9\xc3\xa9" , "n":NaN}'
    raw = changed(book_of(0).batch(), chain_after=None, chain_before=None)
    raw = raw.replace(b'"events": []', b'"events" : [ ' + odd + b" ,{} ] ")
    assert parse_upload(raw).bodies == (odd, b"{}")


def test_members_may_come_in_any_order() -> None:
    batch = json.loads(book_of(2).batch())
    turned = json.dumps(dict(reversed(batch.items()))).encode()
    assert len(parse_upload(turned).bodies) == 2


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "expected '{'"),
        (b"[]", "expected '{'"),
        (b"{}", "Expecting value"),
        (b"\xff\xfe", "utf-8"),
        (b"[" * 100_000, "expected '{'"),
        (b'{"events":[' + b"[" * 100_000, "nested too deeply"),
        (book_of(1).batch()[:-1], "expected ','"),
        (book_of(1).batch() + b"x", "something follows"),
        (changed(book_of(1).batch(), events=None), "events: missing"),
        (changed(book_of(1).batch(), events={}), "expected '['"),
        (changed(book_of(1).batch(), first_seq=0), "first_seq"),
        (changed(book_of(1).batch(), first_seq=True), "first_seq"),
        (changed(book_of(1).batch(), first_seq="1"), "first_seq"),
        (changed(book_of(1).batch(), gateway="a/b"), "gateway"),
        (changed(book_of(1).batch(), epoch="1"), "epoch"),
        (changed(book_of(1).batch(), chain_after="zz"), "chain_after"),
        (b'{"gateway":"a","gateway":"b","events":[]}', "given twice"),
        (b'{"events":[],"events":[]}', "given twice"),
        (b'{"first_seq":' + b"9" * 5000 + b',"events":[]}', "digits"),
    ],
)
def test_what_is_no_batch_is_refused_with_the_place(raw: bytes, says: str) -> None:
    with pytest.raises(BatchMalformed, match=says.replace("[", r"\[").replace("{", r"\{")):
        parse_upload(raw)


def test_an_unknown_contract_version_is_told_from_rubbish() -> None:
    with pytest.raises(BatchMalformed) as refused:
        parse_upload(changed(book_of(1).batch(), contract_version=2))
    assert refused.value.code == "version"


@pytest.mark.parametrize("is_compact", [False, True])
@pytest.mark.parametrize(("n", "fits"), [(4999, True), (5000, True), (5001, False)])
def test_a_batch_holds_five_thousand_rows(n: int, fits: bool, is_compact: bool) -> None:
    raw = changed(book_of(0).batch(), events=[{}] * n)
    if is_compact:
        raw = raw.replace(b", ", b",").replace(b": ", b":")
    if fits:
        assert len(parse_upload(raw).bodies) == n
    else:
        with pytest.raises(BatchMalformed) as refused:
            parse_upload(raw)
        assert refused.value.code == "too_large"
