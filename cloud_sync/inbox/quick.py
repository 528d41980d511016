"""The quick way through a batch: the same as the careful way, or nothing.

Nearly every upload has its events last, and nearly every event is a handful of plain fields. Such
are cut and read by msgspec, into structs made here from the contract's own classes, field by
field. Whatever msgspec does not take, and whatever has a field the contract does not name, is
left to the careful way (wire.py, admission.py), which alone decides what is refused and says why.

Invariants
- What is cut or read here is cut and read by the careful way, to the same bytes and fields.
- msgspec holds numbers to their limits and texts to their lengths. What ids and names look like
  is asked once for each different one in a run: they come again and again.
- Structs hold no cycles; the collector does not look at them (gc=False).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, reduce
from itertools import chain
from operator import attrgetter, or_
from types import NoneType, UnionType
from typing import Annotated, Final, Literal, Union, cast, get_args, get_origin, get_type_hints

import msgspec
from pydantic.fields import FieldInfo

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys

# ------------------------------------------------------------------ cutting

_CUT: Final = msgspec.json.Decoder(list[msgspec.Raw])
_EVENTS: Final = b',"events":['
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG_DIGITS: Final = b"0" * 300
"""Longer numbers are no doubles, and much longer ones no Python integers: not decided here."""


def cut(raw: bytes) -> tuple[bytes, tuple[bytes, ...]] | None:
    """The upload without its events, and the bytes of each; None if not sure.

    The first such key with bare quotes is a member of the upload itself, or else what stands
    before it is no whole object, which shows when it is parsed.
    """
    at = raw.find(_EVENTS)
    if at < 0 or not raw.endswith(b"]}") or _LONG_DIGITS in raw.translate(_DIGITS):
        return None
    try:
        raw.decode("utf-8")
        events = _CUT.decode(memoryview(raw)[at + len(_EVENTS) - 1 : -1])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return raw[:at] + _EVENTS + b"]}", tuple(map(bytes, events))


# ------------------------------------------------------------------ the contract's classes

_Plain = str | int | float | bool | None
# Deeper bodies are plans, one in thousands, and how deep is too deep is not decided here.
_Flat = _Plain | list[_Plain] | dict[str, _Plain]
_LIMITS: Final = ("ge", "le", "min_length", "max_length")
"""What a limit of pydantic's has one of; msgspec has the same words for them."""


@cache
def _struct_of(model: type) -> type[msgspec.Struct]:
    """The struct with the fields and defaults of one of the contract's dataclasses."""
    hints = get_type_hints(model, include_extras=True)
    fields: list[tuple[str, object] | tuple[str, object, object]] = []
    for field in dataclasses.fields(model):
        taken = _taken(hints[field.name])
        if field.default_factory is not dataclasses.MISSING:
            made = msgspec.field(default_factory=field.default_factory)
            fields.append((field.name, taken, made))
        elif field.default is not dataclasses.MISSING:
            fields.append((field.name, taken, field.default))
        else:
            fields.append((field.name, taken))
    make = msgspec.defstruct
    name = f"Quick{model.__name__}"
    return make(name, fields, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False)


def _taken(hint: object) -> object:
    """The type that msgspec is to read for one of the contract's."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        named = dict(_named(limit) for limit in _metadata(args) if _pattern_of(limit) is None)
        taken = _taken(args[0])
        if not named:
            return taken
        meta = msgspec.Meta(**named)  # type: ignore[call-overload]  # the stubs want them apart
        return Annotated[taken, meta]
    if origin in {Union, UnionType}:
        return reduce(or_, map(_taken, args))
    if origin is tuple and args[1:] == (Ellipsis,):
        return tuple[_taken(args[0]), ...]  # type: ignore[misc]  # a value
    if origin is Mapping and args == (str, object):
        return dict[str, _Flat]
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _struct_of(hint)
    if hint in {str, int, bool, NoneType} or origin is Literal:
        return hint
    raise AssertionError(f"the quick way does not know {hint!r}")


def _metadata(args: Sequence[object]) -> Iterator[object]:
    for info in args[1:]:
        if not isinstance(info, FieldInfo):
            raise AssertionError(f"the quick way does not know {info!r}")
        yield from info.metadata


def _named(limit: object) -> tuple[str, int]:
    for name in _LIMITS:
        if isinstance(value := getattr(limit, name, None), int):
            return name, value
    raise AssertionError(f"the quick way does not know {limit!r}")


def _pattern_of(limit: object) -> str | None:
    pattern = getattr(limit, "pattern", None)
    return pattern if isinstance(pattern, str) else None


@dataclasses.dataclass(frozen=True, slots=True)
class _Look:
    """Where to find texts that a pattern is for, or (no pattern) objects to look into."""

    get: attrgetter[object]
    is_tuple: bool
    pattern: str | None
    inner: tuple[_Look, ...] = ()


def _looks(model: type) -> Iterator[_Look]:
    """Everything in a class, and in those inside it, that has to look like something."""
    hints = get_type_hints(model, include_extras=True)
    for field in dataclasses.fields(model):
        hint, is_tuple = hints[field.name], False
        if get_origin(hint) is UnionType or get_origin(hint) is Union:
            (hint,) = [arg for arg in get_args(hint) if arg is not NoneType]
        if get_origin(hint) is tuple:
            hint, is_tuple = get_args(hint)[0], True
        get = attrgetter(field.name)
        if get_origin(hint) is Annotated:
            for limit in _metadata(get_args(hint)):
                if (pattern := _pattern_of(limit)) is not None:
                    yield _Look(get, is_tuple, pattern)
        elif isinstance(hint, type) and dataclasses.is_dataclass(hint):
            yield _Look(get, is_tuple, None, tuple(_looks(hint)))


# ------------------------------------------------------------------ reading

_READ: Final = msgspec.json.Decoder(list[_struct_of(ev.Event)])  # type: ignore[misc]  # a value
_LOOKS: Final = tuple(_looks(ev.Event))
_NUL: Final = b"\\u0000"


def read_quickly(bodies: Sequence[bytes]) -> list[ev.Event] | None:
    """The events in some rows; None if any of them has to be read carefully."""
    raw = b"[" + b",".join(bodies) + b"]"
    if _NUL in raw:
        return None
    try:
        events: list[object] = _READ.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    # One row could hold two events, and another none.
    if len(events) != len(bodies):
        return None
    found: dict[str, set[str]] = {}
    _collect(events, _LOOKS, found)
    if not all(_all_look_like(pattern, texts) for pattern, texts in found.items()):
        return None
    # They have the fields of events, by construction, and are only ever asked for these.
    return cast("list[ev.Event]", events)


def read_kept(bodies: Sequence[bytes]) -> list[ev.Event]:
    """The events in rows that were accepted once: quickly, and those for which that is not enough
    (the counts among them) each carefully."""
    return read_quickly(bodies) or [
        (read_quickly((body,)) or (ev.parse_event(body),))[0] for body in bodies
    ]


def _collect(objects: Sequence[object], looks: Iterable[_Look], into: dict[str, set[str]]) -> None:
    """The different texts that each pattern is for."""
    for look in looks:
        values: Iterable[object] = map(look.get, objects)
        if look.is_tuple:
            values = chain.from_iterable(cast("Iterable[tuple[object]]", values))
        if look.pattern is None:
            _collect([value for value in values if value is not None], look.inner, into)
        else:
            into.setdefault(look.pattern, set()).update(cast("Iterable[str]", values))


_UUIDS: Final = re.compile(f"(?:{keys.UUID_PATTERN.strip('^$')},)*")
_UUID_CHARACTERS: Final = 36


def _all_look_like(pattern: str, texts: set[str]) -> bool:
    texts.discard(cast("str", None))
    if pattern == keys.UUID_PATTERN:
        # Hardly any is met twice, so they are looked at all at once. The length keeps two ids in
        # one text, or none, from passing for as many as there are.
        joined = ",".join((*texts, ""))
        n_characters = len(texts) * (_UUID_CHARACTERS + 1)
        return len(joined) == n_characters and _UUIDS.fullmatch(joined) is not None
    return all(map(re.compile(pattern).fullmatch, texts))
