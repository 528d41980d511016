"""JSON from devices, taken strictly: what is ambiguous or unbounded is refused before use.

Refused: more than MAX_BYTES, deeper than MAX_DEPTH, not UTF-8, duplicate keys, NaN and
infinity, numbers beyond ±2^53 or with thousands of digits, lone surrogates; and by
`parse_object` anything but an object at the top.
"""

from __future__ import annotations

import json
from typing import Final, NoReturn

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
