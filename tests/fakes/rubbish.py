"""What no client should send: values that some layer below takes badly, and bodies made of them.

Postgres takes no NUL in text, UTF-8 no lone surrogates, a bigint ends at 2**63, an index row at
some 2700 bytes, a date at the year 9999; JSON parsers differ about the rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Schema = Mapping[str, object]

VALUES: Final[tuple[Json, ...]] = (
    "\0",
    "a\0b",
    "\ud800",
    "\u202e\ufeff\x7f",
    "x" * 10_000,
    "é" * 3_000,
    "",
    " ",
    "'; --",
    "%00",
    "../..",
    "0000-01-01",
    "10000-01-01",
    "2026-02-30",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    "2026-01-01T24:00:00.123456789012345678901Z",
    "NaN",
    2**31,
    2**63 - 1,
    2**63,
    2**64,
    -(2**63) - 1,
    10**400,
    -1,
    0,
    1e308,
    5e-324,
    -0.0,
    1.5,
    True,
    None,
    [],
    {},
    [[]],
    [None],
    {"": ""},
    {"\0": "\0"},
    ["\0"],
    [[[[[[[[]]]]]]]],
)

RAW: Final[tuple[bytes, ...]] = (
    b"",
    b" ",
    b"\0",
    b"\xff\xfe{}",
    b"\xef\xbb\xbf{}",
    b"{",
    b"nul",
    b"[]",
    b"0",
    b'""',
    b"null",
    b"NaN",
    b"[Infinity]",
    b'{"a":NaN}',
    b'{"a":1,"a":2}',
    b'{"a":1e999}',
    b'"\\ud800"',
    b'"\xed\xa0\x80"',
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"1" * 10_000,
    b'{"' + b"k" * 1_000_000 + b'":1}',
)

QUERY: Final[tuple[str, ...]] = (
    "%00",
    "a%00b",
    "%ED%A0%80",
    "%FF",
    "%",
    "%zz",
    "",
    "%20",
    "-1",
    "0",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "1" * 400,
    "NaN",
    "1e5",
    "W1",
    "09506000134352",
    "2026-01-01T00:00:00Z",
    "0000-00-00",
    "99999-01-01T00:00:00Z",
    "W" * 3_000,
    "%F0%9F%92%A5",
    "WyJcdTAwMDAiXQ==",
    "WyJhIiwiYiJd",
    "W10=",
    "MQ==",
)

_WELL_FORMED: Final = (
    "W1",
    "09506000134352",
    "4012345000009",
    "DE",
    "EUR",
    "en",
    "2026-01-01",
    "goods.received",
    "00000000-0000-7000-8000-000000000001",
    "2026-01-01T00:00:00Z",
    "Europe/Berlin",
    "a",
    "A1",
    "https://example.com/hook",
    "0" * 32,
    "whsec_0123456789abcdef0123456789abcdef",
    "1",
    "x" * 40,
)


def sample(schema: Schema, root: Schema) -> Json:
    """A value that a JSON Schema of ours allows, or nearly. root: the schemas by name."""
    root = {**root, **_mapping(schema.get("$defs"))}
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return sample(_mapping(root[reference.rpartition("/")[2]]), root)
    if "const" in schema:
        return _json(schema["const"])
    for several in ("enum", "anyOf", "oneOf", "allOf"):
        choices = schema.get(several)
        if isinstance(choices, list) and choices:
            return _json(choices[0]) if several == "enum" else sample(_mapping(choices[0]), root)
    makers: Mapping[object, Callable[[], Json]] = {
        "object": lambda: _sample_object(schema, root),
        "array": lambda: [sample(_mapping(schema.get("items", {})), root)],
        "string": lambda: _sample_text(schema),
        "integer": lambda: int(_number(schema)),
        "number": lambda: float(_number(schema)),
        "boolean": lambda: True,
    }
    return makers.get(schema.get("type"), lambda: None)()


def _sample_object(schema: Schema, root: Schema) -> Json:
    properties = _mapping(schema.get("properties", {}))
    made = {name: sample(_mapping(of), root) for name, of in properties.items()}
    others = schema.get("additionalProperties")
    if not properties and isinstance(others, Mapping):
        made["W1"] = sample(others, root)
    return made


def _sample_text(schema: Schema) -> str:
    pattern = str(schema.get("pattern", ""))
    low, high = int(str(schema.get("minLength", 0))), int(str(schema.get("maxLength", 10**6)))
    fits = [word for word in _WELL_FORMED if re.search(pattern, word) and low <= len(word) <= high]
    return fits[0] if fits else "a"


def _number(schema: Schema) -> float:
    least = schema.get("minimum", schema.get("exclusiveMinimum", 1))
    return max(float(str(least)), 0) + ("exclusiveMinimum" in schema)


def spoiled(value: Json) -> Iterator[Json]:
    """The value with each of its parts, in turn, replaced by each bad one."""
    yield from VALUES
    if isinstance(value, dict):
        for name, part in value.items():
            for bad in spoiled(part):
                yield {**value, name: bad}
            yield {key: kept for key, kept in value.items() if key != name}
        yield {**value, "a\0b": "\0"}
    elif isinstance(value, list) and value:
        for bad in spoiled(value[0]):
            yield [bad, *value[1:]]
        yield value * 2000


def encoded(value: Json) -> bytes:
    """As bytes of JSON that a careless client would send, lone surrogates escaped."""
    return json.dumps(value).encode()


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _json(value: object) -> Json:
    made: Json = json.loads(json.dumps(value))
    return made
