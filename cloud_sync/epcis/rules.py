"""The small checks that the rules of EPCIS are put together from.

A check looks at one JSON value and yields its faults; what is right yields nothing. Nothing is
changed on the way: a document that is taken is kept as it came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from cloud_sync.epcis import identifiers, times
from cloud_sync.epcis.uris import is_uri
from cloud_sync.epcis.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where: `epcisBody.eventList[2].bizStep`."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


Check = Callable[[object, str], Iterator[Fault]]


def shown(value: object) -> str:
    """A value as a message quotes it."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def anything(value: object, path: str) -> Iterator[Fault]:
    """Everything is right: somebody's own field."""
    yield from ()


def text(value: object, path: str) -> Iterator[Fault]:
    """A string."""
    if not isinstance(value, str):
        yield Fault(path, f"text is expected, got {shown(value)}")


def boolean(value: object, path: str) -> Iterator[Fault]:
    """True or false."""
    if not isinstance(value, bool):
        yield Fault(path, f"true or false is expected, got {shown(value)}")


def is_number(value: object) -> bool:
    """True for a JSON number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(value: object, path: str) -> Iterator[Fault]:
    """A number."""
    if not is_number(value):
        yield Fault(path, f"a number is expected, got {shown(value)}")


def time(value: object, path: str) -> Iterator[Fault]:
    """A date-time with its offset."""
    try:
        times.parse_time(value)
    except ValueError as error:
        yield Fault(path, f"{error}, got {shown(value)}")


def uri(value: object, path: str) -> Iterator[Fault]:
    """An absolute URI; one that says it is GS1's is built as GS1 says."""
    if not isinstance(value, str) or not is_uri(value):
        yield Fault(path, f"an absolute URI is expected, got {shown(value)}")
        return
    reason = identifiers.fault_of(value)
    if reason is not None:
        yield Fault(path, f"{reason}: {shown(value)}")


def instance(value: object, path: str) -> Iterator[Fault]:
    """The URI of one thing, not of a class of them."""
    yield from uri(value, path)
    if isinstance(value, str) and identifiers.level_of(value) == identifiers.CLASS:
        yield Fault(path, f"{shown(value)} names a class; one instance is expected")


def goods_class(value: object, path: str) -> Iterator[Fault]:
    """The URI of a class of things, not of one."""
    yield from uri(value, path)
    if isinstance(value, str) and identifiers.level_of(value) == identifiers.INSTANCE:
        yield Fault(path, f"{shown(value)} names one instance; a class is expected")


def word(vocabulary: Vocabulary) -> Check:
    """A word of a vocabulary, or a URI of somebody else's."""

    def check(value: object, path: str) -> Iterator[Fault]:
        reason = vocabulary.fault(value)
        if reason is not None:
            yield Fault(path, reason)

    return check


def one_of(*allowed: str) -> Check:
    """One of these strings."""

    def check(value: object, path: str) -> Iterator[Fault]:
        if value not in allowed:
            yield Fault(path, f"one of {', '.join(allowed)} is expected, got {shown(value)}")

    return check


def each(check: Check, *, at_least: int = 0, unique: bool = False) -> Check:
    """A list whose members pass the check."""

    def check_list(value: object, path: str) -> Iterator[Fault]:
        if not isinstance(value, list):
            yield Fault(path, f"a list is expected, got {shown(value)}")
            return
        if len(value) < at_least:
            yield Fault(path, f"at least {at_least} entry is needed")
        if unique:
            seen: set[str] = set()
            for i, entry in enumerate(value):
                if not isinstance(entry, str):
                    continue
                if entry in seen:
                    yield Fault(f"{path}[{i}]", f"{shown(entry)} is listed twice")
                seen.add(entry)
        for i, entry in enumerate(value):
            yield from check(entry, f"{path}[{i}]")

    return check_list


Together = Callable[[Mapping[str, object], str], Iterator[Fault]]
"""A rule about several fields of one record."""


def record(
    fields: Mapping[str, Check],
    *,
    required: tuple[str, ...] = (),
    is_open: bool = True,
    together: tuple[Together, ...] = (),
) -> Check:
    """An object of these fields. is_open: fields of somebody's own may stand beside them."""

    def check(value: object, path: str) -> Iterator[Fault]:
        if not isinstance(value, dict):
            yield Fault(path, f"an object is expected, got {shown(value)}")
            return
        dot = f"{path}." if path else ""
        for name in required:
            if name not in value:
                yield Fault(f"{dot}{name}", "is missing")
        for name, entry in value.items():
            field = fields.get(name)
            if field is not None:
                yield from field(entry, f"{dot}{name}")
            elif not is_open:
                yield Fault(f"{dot}{name}", "no such field here")
            elif not is_uri(name):
                yield Fault(f"{dot}{name}", "no such field; one of your own needs a namespace")
        for rule in together:
            yield from rule(value, path)

    return check


def own_fields(value: object, path: str) -> Iterator[Fault]:
    """An object of somebody's own fields only, each with its namespace."""
    yield from record({})(value, path)
