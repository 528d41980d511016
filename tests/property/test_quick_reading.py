"""Pins that the quick way through a batch gives what the careful way gives, or nothing."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloud_sync.contract import events as ev
from cloud_sync.inbox.admission import read_carefully, read_rows
from cloud_sync.inbox.quick import cut, read_quickly
from cloud_sync.inbox.wire import BatchMalformed, Upload, parse_carefully, parse_upload
from tests.fakes.uploads import Book, event_id
from tests.rigs import tier

pytestmark = pytest.mark.slow

PLAIN: dict[str, object] = {
    "event_id": event_id(7),
    "type": "goods.moved",
    "version": 1,
    "occurred_at_us": 5,
    "received_at_us": 6,
    "warehouse": "W1",
}
LINE: dict[str, object] = {
    "item": "09506000134352",
    "from_location": "@supplier",
    "to_location": "DOCK",
    "quantity": 3,
}

_odd_numbers = st.sampled_from([0, -1, 1.0, 1e3, -0.0, 2**53, 2**53 + 1, 2**70, True, 10**12 + 1])
ODD_TEXTS = (
    "", "W1", "W1\n", "a b", "@transit.T1", "x" * 64, "x" * 65, "é" * 64, "\0", "7", "EA",
    "trusted", "09506000134352\n", event_id(3), event_id(3).upper(),
    f"{event_id(1)},{event_id(2)}",
)  # fmt: skip
_odd_texts = st.sampled_from(ODD_TEXTS)
_odd = st.one_of(
    st.none(), _odd_numbers, _odd_texts, st.text(max_size=3), st.just([]), st.just({})
)
_deep = st.recursive(_odd, lambda it: st.lists(it, max_size=2) | st.dictionaries(_odd_texts, it))


def _paths(model: type, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    inner = {"device": ev.DeviceMark, "documents": ev.Document, "lines": ev.Line}
    for field in dataclasses.fields(model):
        yield (*before, field.name)
        if field.name in inner and not before:
            yield from _paths(inner[field.name], (field.name,))


PATHS = [*_paths(ev.Event), ("unheard",), ("lines", "unheard")]


@st.composite
def documents(draw: st.DrawFn) -> dict[str, object]:
    """An event with a few things changed: most are still events, each in its own odd way."""
    found = dict(PLAIN, lines=[dict(LINE)], device={"id": "pda-1"})
    found["documents"] = [{"type": "asn", "id": "A-1"}]
    for path in draw(st.lists(st.sampled_from(PATHS), max_size=3)):
        value = draw(_deep)
        if len(path) == 1:
            found[path[0]] = value
            continue
        within = found.get(path[0])
        target = within[0] if isinstance(within, list) and within else within
        if isinstance(target, dict):
            target[path[1]] = value
    return found


spellings = st.sampled_from(
    [
        {"separators": (",", ":"), "ensure_ascii": False},
        {"separators": (",", ":"), "ensure_ascii": True},
        {"indent": 1},
    ]
)


def _bytes(value: object, spelling: dict[str, object]) -> bytes:
    raw = json.dumps(value, **spelling).encode("utf-8", "surrogatepass")  # type: ignore[arg-type]  # keyword arguments
    return raw.replace(b"\n", b"")


def _fields(value: object) -> object:
    """What readers of an event see, whatever class it is."""
    names = getattr(type(value), "__dataclass_fields__", None) or getattr(
        type(value), "__struct_fields__", None
    )
    if names is not None:
        return {name: _fields(getattr(value, name)) for name in names}
    if isinstance(value, tuple):
        return tuple(map(_fields, value))
    return type(value), repr(value)


@settings(max_examples=tier.count(100, 300, 2000), deadline=None)
@given(documents(), spellings)
@example(dict(PLAIN, body={"n": float("nan")}), {"separators": (",", ":")})
@example(dict(PLAIN, body={"n": 10**400}), {"separators": (",", ":")})
@example(dict(PLAIN, lines=[dict(LINE, lot="\0")]), {"separators": (",", ":")})
@example(dict(PLAIN, lines=[dict(LINE, lot="\ud800")]), {"separators": (",", ":")})
@example(dict(PLAIN, event_id=f"{event_id(1)},{event_id(2)}"), {"separators": (",", ":")})
def test_an_event_is_read_as_the_careful_way_reads_it(
    document: dict[str, object], spelling: dict[str, object]
) -> None:
    raw = _bytes(document, spelling)
    (found,), careful = read_rows([raw], "W1"), read_carefully(raw, "W1")
    assert _fields(found) == _fields(careful)


@settings(max_examples=tier.count(100, 200, 2000), deadline=None)
@given(st.binary(max_size=12), st.integers(0, 400), st.integers(0, 400))
def test_damaged_bytes_are_read_as_the_careful_way_reads_them(
    piece: bytes, start: int, n_lost: int
) -> None:
    body = json.dumps(dict(PLAIN, lines=[LINE], body={"a": [1, "b"], "c": 0.5})).encode()
    raw = body[:start] + piece + body[start + n_lost :]
    (found,), careful = read_rows([raw], "W1"), read_carefully(raw, "W1")
    assert _fields(found) == _fields(careful)


def _batch() -> bytes:
    book = Book()
    for quantity in (1, 2, 3):
        book.receive(quantity, lot="é\\")
    return book.batch()


def _outcome(raw: bytes, *, is_careful: bool) -> Upload | str:
    try:
        return parse_carefully(raw) if is_careful else parse_upload(raw)
    except BatchMalformed as error:
        return f"{error.code}: {error}"


TOKENS = (
    b"", b" ", b"\n", b",", b"]", b"}", b"{", b"[", b'"', b"\\", b'"events":[', b',"events":[]',
    b"NaN", b"-0", b"1e400", b"9" * 5000, b"\xff", b"\xed\xa0\x80", b"\\ud800", b"\0", b"01",
    b',"first_seq":1', b"[" * 3000, b"//", b"\xef\xbb\xbf",
)  # fmt: skip


@settings(max_examples=tier.count(100, 300, 2000), deadline=None)
@given(st.sampled_from(TOKENS), st.integers(0, len(_batch())), st.integers(0, 12))
@example(b"", len(_batch()), 0)
def test_an_upload_is_cut_as_the_careful_way_cuts_it(
    token: bytes, start: int, n_lost: int
) -> None:
    raw = _batch()[:start] + token + _batch()[start + n_lost :]
    assert _outcome(raw, is_careful=False) == _outcome(raw, is_careful=True)


def test_the_quick_way_is_the_one_that_is_taken() -> None:
    raw = _batch()
    assert cut(raw) is not None
    bodies = parse_upload(raw).bodies
    events = read_quickly(bodies)
    assert events is not None
    assert [type(event).__name__ for event in events] == ["QuickEvent"] * 3


def test_a_row_is_one_event_however_its_bytes_fall_together() -> None:
    bodies = parse_upload(_batch()).bodies
    assert read_quickly([bodies[0] + b"," + bodies[1], b""]) is None
    assert read_quickly([bodies[0] + b"," + bodies[1]]) is None
    assert read_quickly([bodies[0][:40], bodies[0][40:]]) is None


@pytest.mark.parametrize("n_events", [1, 2, 3])
def test_an_upload_of_one_row_is_cut_whole(n_events: int) -> None:
    book = Book()
    for quantity in range(n_events):
        book.receive(quantity + 1)
    assert parse_upload(book.batch()).bodies == tuple(book.bodies)
