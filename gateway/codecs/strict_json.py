"""JSON from devices, taken strictly: what is ambiguous or unbounded is refused before use.

Refused: more than MAX_BYTES, deeper than MAX_DEPTH, not UTF-8, duplicate keys, NaN and
infinity, numbers beyond ±2^53 or with thousands of digits, lone surrogates; and by
`parse_object` anything but an object at the top.
"""

from __future__ import annotations

import json
from typing import Final, NoReturn

from pydantic_core import from_json

MAX_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 8
MAX_NUMBER: Final = 2**53


class JsonRefused(ValueError):
    """Bytes that are not the strict JSON described above; the message says what is wrong."""


def parse_object(raw: bytes) -> dict[str, object]:
    """The object in `raw`. Raises JsonRefused."""
    value = parse_value(raw)
    if not isinstance(value, dict):
        raise JsonRefused("not an object")
    return value


def ordinary_object(raw: bytes) -> dict[str, object] | None:
    """What `parse_object` gives, for the plain objects that most messages are, at a third of its
    time; None for anything that has to be looked at closely, be it right or wrong.

    Plain: values that are text, numbers, true, false, null or an object of such; no escapes. The
    parser behind it takes the last of two equal keys; without escapes there is a colon for every
    key and every colon in a text, so that one too many tells.
    """
    if len(raw) > MAX_BYTES or b"\\" in raw:
        return None
    try:
        value = from_json(raw, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        return None
    if type(value) is not dict:
        return None
    n_colons = _colons(value, depth=1)
    return value if n_colons == raw.count(b":") else None


def _colons(fields: dict[str, object], depth: int) -> int:
    """How many colons the object takes to write; -1 if it is not plain."""
    n_colons = len(fields)
    for value in fields.values():
        kind = type(value)
        if kind is str:
            n_colons += value.count(":")  # type: ignore[attr-defined]  # it is a str
        elif kind is int or kind is float:
            if not -MAX_NUMBER <= value <= MAX_NUMBER:  # type: ignore[operator]  # a number
                return -1
        elif kind is dict and depth == 1:
            n_inner = _colons(value, depth + 1)  # type: ignore[arg-type]  # JSON's keys are text
            if n_inner < 0:
                return -1
            n_colons += n_inner
        elif value is not None and kind is not bool:
            return -1
    return n_colons


def parse_value(raw: bytes) -> object:
    """The value in `raw`, for senders who may put an array at the top. Raises JsonRefused."""
    if len(raw) > MAX_BYTES:
        raise JsonRefused(f"{len(raw)} bytes, at most {MAX_BYTES} are taken")
    try:
        text = raw.decode()
        value: object = _DECODER.decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise JsonRefused(f"not UTF-8 at byte {error.start}") from error
    except UnicodeEncodeError as error:
        raise JsonRefused("half of a surrogate pair in a string") from error
    except RecursionError as error:
        raise JsonRefused(f"deeper than {MAX_DEPTH} levels") from error
    except json.JSONDecodeError as error:
        raise JsonRefused(f"not JSON: {error.msg} at character {error.pos}") from error
    except JsonRefused:
        raise
    except ValueError as error:  # int() refuses thousands of digits
        raise JsonRefused("a number with too many digits") from error
    # What has no more brackets than that cannot be deeper; most messages are looked at no more.
    if text.count("{") + text.count("[") > MAX_DEPTH:
        _check_depth(value, 1)
    return value


def _check_depth(value: object, depth: int) -> None:
    if isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise JsonRefused(f"deeper than {MAX_DEPTH} levels")
        for part in value.values() if isinstance(value, dict) else value:
            _check_depth(part, depth + 1)


def _number(text: str) -> float:
    """A number of the text, checked; written so that NaN, which compares false, is refused."""
    value = float(text) if "." in text or "e" in text or "E" in text else int(text)
    if not -MAX_NUMBER <= value <= MAX_NUMBER:
        raise JsonRefused(f"the number {text[:24]} is out of range")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise JsonRefused(f"the key {repeated[:40]!r} comes twice")
    return value


def _no_constant(name: str) -> NoReturn:
    raise JsonRefused(f"{name} is not a number")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_constant=_no_constant,
    parse_int=_number,
    parse_float=_number,
)
