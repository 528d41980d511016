"""The values of query parameters: texts of a URL with `|` between them, or what JSON holds."""

from __future__ import annotations

import math
from typing import Final

from cloud_sync.epcis import times
from cloud_sync.epcis.facts import Scalar
from cloud_sync.epcis.rules import is_number, shown
from cloud_sync.epcis.uris import is_uri

VALUES_MAX: Final = 1000


class QueryRefused(ValueError):
    """A parameter that there is not, or that has no such value."""

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"{parameter}: {reason}")


def texts(parameter: str, value: object) -> tuple[str, ...]:
    """The alternatives of a parameter. Raises QueryRefused, as all of these do."""
    given = value.split("|") if isinstance(value, str) else value
    if not isinstance(given, list) or not given or len(given) > VALUES_MAX:
        raise QueryRefused(parameter, f"1 to {VALUES_MAX} values are expected")
    texts = tuple(each for each in given if isinstance(each, str) and each)
    if len(texts) < len(given):
        raise QueryRefused(parameter, f"texts are expected, got {shown(value)}")
    return texts


def uris(parameter: str, value: object) -> tuple[str, ...]:
    """Alternatives that are URIs."""
    given = texts(parameter, value)
    for each in given:
        if not is_uri(each):
            raise QueryRefused(parameter, f"a URI is expected, got {shown(each)}")
    return given


def time(parameter: str, value: object) -> int:
    """A time, in µs."""
    try:
        return times.parse_time(value)
    except ValueError as error:
        raise QueryRefused(parameter, f"{error}, got {shown(value)}") from error


def numbers(parameter: str, value: object, comparison: str) -> tuple[Scalar, ...]:
    """Alternatives that are numbers; one where they are compared by size."""
    given = value if isinstance(value, list) and comparison == "EQ" else [value]
    if isinstance(value, str) and comparison == "EQ":
        given = list(value.split("|"))
    found: list[Scalar] = []
    for each in given:
        try:
            number = float(each) if isinstance(each, str) else each
        except ValueError as error:
            raise QueryRefused(parameter, f"a number is expected, got {shown(each)}") from error
        if not isinstance(number, int | float) or not is_number(number):
            raise QueryRefused(parameter, f"a number is expected, got {shown(each)}")
        if not math.isfinite(number):
            raise QueryRefused(parameter, "a finite number is expected")
        found.append(number)
    if not 0 < len(found) <= VALUES_MAX:
        raise QueryRefused(parameter, f"1 to {VALUES_MAX} values are expected")
    return tuple(found)


def free(parameter: str, value: object, comparison: str) -> tuple[Scalar, ...]:
    """The value for a field of somebody's own: texts, a number, or a time."""
    if comparison == "EQ" and isinstance(value, str | list):
        return texts(parameter, value)
    if isinstance(value, str):
        try:
            return (times.parse_time(value),)
        except ValueError:
            return numbers(parameter, value, comparison)
    return numbers(parameter, value, comparison)
