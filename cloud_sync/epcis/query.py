"""The query language of EPCIS 2.0: parameters in, a query out, and which events it means.

A parameter is a comparison and the name of a fact: `EQ_bizStep`, `GE_eventTime`,
`MATCH_anyEPC`, `GT_value_CEL`, `EQ_ILMD_example:grade`. Several values of one parameter are
alternatives, several parameters must all hold. In a URL alternatives are divided by `|`.

Source: GS1 EPCIS 2.0, section 8.2.7.1 and the query schema of the REST binding.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from cloud_sync.epcis import facts, times, vocabulary
from cloud_sync.epcis.facts import Facts, Scalar
from cloud_sync.epcis.identifiers import pattern_of
from cloud_sync.epcis.naming import is_below
from cloud_sync.epcis.rules import is_number, shown
from cloud_sync.epcis.uris import is_uri

VALUES_MAX: Final = 1000
_TOO_LARGE: Final = 10**9

_WORDS: Final = {
    "bizStep": vocabulary.BIZ_STEP,
    "disposition": vocabulary.DISPOSITION,
    "persistentDisposition_set": vocabulary.DISPOSITION,
    "persistentDisposition_unset": vocabulary.DISPOSITION,
    "errorReason": vocabulary.ERROR_REASON,
    "type": vocabulary.MEASUREMENT,
    "exception": vocabulary.ALERT,
}
_URIS: Final = frozenset(
    {
        *("readPoint", "bizLocation", "transformationID", "eventID", "correctiveEventID"),
        *("deviceID", "dataProcessingMethod", "microorganism", "chemicalSubstance", "bizRules"),
        "uriValue",
    }
)
_TEXTS: Final = frozenset({"stringValue", "hexBinaryValue"})
_MATCHED: Final = {
    "epc": ("epc",),
    "parentID": ("parentID",),
    "inputEPC": ("inputEPC",),
    "outputEPC": ("outputEPC",),
    "anyEPC": ("epc", "parentID", "inputEPC", "outputEPC"),
    "epcClass": ("epcClass",),
    "inputEPCClass": ("inputEPCClass",),
    "outputEPCClass": ("outputEPCClass",),
    "anyEPCClass": ("epcClass", "inputEPCClass", "outputEPCClass"),
}
_TYPED: Final = re.compile(r"(bizTransaction|source|destination)_(.+)")
_MEASURED: Final = re.compile(
    r"(?:(?:value|minValue|maxValue|meanValue|sDev|percValue|quantity)_[A-Z0-9]{2,4}"
    r"|quantity|percRank)",
    re.ASCII,
)
_OWN: Final = re.compile(
    r"(?:INNER_)?(?:ILMD_|ERROR_DECLARATION_|SENSORELEMENT_|SENSORMETADATA_|SENSORREPORT_"
    r"|readPoint_|bizLocation_)?(?P<name>.+:.+)"
)
_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "GT": operator.gt,
    "GE": operator.ge,
    "LT": operator.lt,
    "LE": operator.le,
}


class QueryRefused(ValueError):
    """A parameter that there is not, or that has no such value."""

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"{parameter}: {reason}")


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: some value of some of the names compares so with some of the values."""

    names: tuple[str, ...]
    comparison: str
    values: tuple[Scalar, ...] = ()
    patterns: tuple[re.Pattern[str], ...] = ()

    def holds(self, known: Facts) -> bool:
        """Whether it is so of an event."""
        found = [value for name in self.names for value in known.get(name, ())]
        if self.comparison == "EXISTS":
            return bool(found)
        if self.comparison == "WD":
            return any(is_below(str(x), str(value)) for x in found for value in self.values)
        if self.comparison == "EQ":
            return any(_equal(x, value) for x in found for value in self.values) or any(
                pattern.fullmatch(str(x)) for x in found for pattern in self.patterns
            )
        compare = _COMPARE[self.comparison]
        numbers = [number for x in found if (number := _number(x)) is not None]
        return any(compare(x, _number(value) or 0) for x in numbers for value in self.values)


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query. order_by: eventTime, recordTime, or a field of somebody's own.

    count_limit: only the first ones in the order. count_max: more than that is an error.
    """

    terms: tuple[Term, ...] = ()
    order_by: str | None = None
    is_descending: bool = True
    count_limit: int | None = None
    count_max: int | None = None

    def matches(self, known: Facts) -> bool:
        """Whether an event is meant."""
        return all(term.holds(known) for term in self.terms)

    def narrowed(self) -> list[Term]:
        """The conditions that the store can look up in its index."""
        return [
            term
            for term in self.terms
            if term.comparison == "EQ"
            and not term.patterns
            and all(facts.is_indexed(name) for name in term.names)
        ]

    def bounds_us(self, name: str) -> tuple[int | None, int | None]:
        """From when, and up to before when, a time must be."""
        lows, highs = [], []
        for term in self.terms:
            if term.names == (name,):
                values = [value for value in term.values if isinstance(value, int)]
                lows += values if term.comparison == "GE" else []
                highs += values if term.comparison == "LT" else []
        return max(lows, default=None), min(highs, default=None)

    def with_places(self, below: Mapping[str, frozenset[str]]) -> Query:
        """The query with all places that master data put below those it names."""

        def widened(term: Term) -> Term:
            more = {place for value in term.values for place in below.get(str(value), ())}
            return replace(term, values=(*term.values, *sorted(more)))

        terms = (widened(term) if term.comparison == "WD" else term for term in self.terms)
        return replace(self, terms=tuple(terms))


def _number(value: Scalar) -> float | None:
    """A number, or the moment in a text that is a time."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            return times.parse_time(value)
        except ValueError:
            return None
    return value


def _equal(x: Scalar, value: Scalar) -> bool:
    if isinstance(x, bool) or isinstance(value, bool):
        return x is value
    if isinstance(x, str) != isinstance(value, str):
        return str(x) == str(value) or _number(x) == _number(value) is not None
    return x == value


def parse_query(parameters: Mapping[str, object]) -> Query:
    """A query from its parameters: texts of a URL, or the values of a JSON object.

    Raises QueryRefused.
    """
    terms: list[Term] = []
    query = Query()
    for name, value in parameters.items():
        if name == "@context":
            continue
        if name in _CONTROLS:
            query = _CONTROLS[name](query, name, value)
            continue
        term = _term(name, value)
        if term is not None:
            terms.append(term)
    if query.count_limit is not None and query.count_max is not None:
        raise QueryRefused("eventCountLimit", "not together with maxEventCount")
    if query.count_limit is not None and query.order_by is None:
        raise QueryRefused("eventCountLimit", "only together with orderBy")
    return replace(query, terms=tuple(terms))


def _ordered(query: Query, name: str, value: object) -> Query:
    if value not in ("eventTime", "recordTime") and not (
        isinstance(value, str) and _OWN.fullmatch(value)
    ):
        raise QueryRefused(name, f"eventTime, recordTime or a field of your own, got {value!r}")
    return replace(query, order_by=str(value))


def _directed(query: Query, name: str, value: object) -> Query:
    if value not in ("ASC", "DESC"):
        raise QueryRefused(name, f"ASC or DESC is expected, got {shown(value)}")
    return replace(query, is_descending=value == "DESC")


def _counted(value: object, name: str) -> int:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not re.fullmatch(r"[1-9]\d{0,9}", text, re.ASCII):
        raise QueryRefused(name, f"a positive whole number is expected, got {shown(value)}")
    return min(int(text), _TOO_LARGE)


_CONTROLS: Final[dict[str, Callable[[Query, str, object], Query]]] = {
    "orderBy": _ordered,
    "orderDirection": _directed,
    "eventCountLimit": lambda q, name, value: replace(q, count_limit=_counted(value, name)),
    "maxEventCount": lambda q, name, value: replace(q, count_max=_counted(value, name)),
}


def _term(parameter: str, value: object) -> Term | None:
    """The condition of a parameter; None where it says that nothing is asked for."""
    if parameter == "eventType":
        return Term(("eventType",), "EQ", _event_types(parameter, value))
    comparison, _, name = parameter.partition("_")
    name = {"errorDeclaration_Time": "errorDeclarationTime"}.get(name, name)
    if comparison == "MATCH" and name in _MATCHED:
        return _match(parameter, name, value)
    if comparison == "WD" and name in ("readPoint", "bizLocation"):
        return Term((name,), "WD", _spelled(parameter, name, value))
    if comparison == "EXISTS":
        return _exists(parameter, name, value)
    if comparison in ("GE", "LT") and name in facts.TIMES:
        return Term((name,), comparison, (_time(parameter, value),))
    if comparison in ("EQ", *_COMPARE) and _MEASURED.fullmatch(name):
        return Term((name,), comparison, _numbers(parameter, value, comparison))
    if comparison == "EQ":
        found = _equals(parameter, name, value)
        if found is not None:
            return found
    own = _OWN.fullmatch(name)
    if own is not None and is_uri(own["name"]) and comparison in ("EQ", *_COMPARE):
        return Term((name,), comparison, _free(parameter, value, comparison))
    if comparison in ("HASATTR", "EQATTR") or parameter.startswith("EQ_ATTR_"):
        raise QueryRefused(parameter, "attributes of master data are not kept here")
    raise QueryRefused(parameter[:80], "there is no such parameter")


def _match(parameter: str, name: str, value: object) -> Term:
    given = _uris(parameter, value)
    patterns = [pattern for each in given if (pattern := pattern_of(each)) is not None]
    exact = tuple(facts.canonical("epc", each) for each in given)
    return Term(_MATCHED[name], "EQ", exact, tuple(patterns if "Class" not in name else ()))


def _exists(parameter: str, name: str, value: object) -> Term | None:
    if value not in (True, False, None, 0, 1, "", "true", "false", "1", "0"):
        raise QueryRefused(parameter, f"true or false is expected, got {shown(value)}")
    if name in ("errorDeclaration", "sensorElementList"):
        names = (name,)
    elif _OWN.fullmatch(name):
        names = (f"EXISTS {name}",)
    else:
        raise QueryRefused(parameter[:80], "there is no such parameter")
    return None if value in (False, "false", "0") else Term(names, "EXISTS")


def _equals(parameter: str, name: str, value: object) -> Term | None:
    if name == "action":
        given = _texts(parameter, value)
        for each in given:
            if each not in vocabulary.ACTIONS:
                raise QueryRefused(parameter, f"no action {shown(each)}")
        return Term(("action",), "EQ", given)
    if name in _WORDS or name in _URIS:
        return Term((name,), "EQ", _spelled(parameter, name, value))
    if name in _TEXTS:
        return Term((name,), "EQ", _texts(parameter, value))
    if name == "booleanValue":
        if value not in (True, False, "true", "false"):
            raise QueryRefused(parameter, f"true or false is expected, got {shown(value)}")
        return Term((name,), "EQ", (value in (True, "true"),))
    typed = _TYPED.fullmatch(name)
    if typed is None:
        return None
    words = vocabulary.TRANSACTION_TYPE if typed[1] == "bizTransaction" else vocabulary.PARTY_TYPE
    kind = words.plain(typed[2])
    reason = words.fault(kind)
    if reason is not None:
        raise QueryRefused(parameter[:80], reason)
    key = f"{typed[1]}_{kind}"
    return Term((key,), "EQ", tuple(facts.canonical(key, uri) for uri in _uris(parameter, value)))


def _spelled(parameter: str, name: str, value: object) -> tuple[str, ...]:
    words = _WORDS.get(name)
    if words is None:
        return tuple(facts.canonical(name, each) for each in _uris(parameter, value))
    given = tuple(words.plain(each) for each in _texts(parameter, value))
    for each in given:
        reason = words.fault(each)
        if reason is not None:
            raise QueryRefused(parameter, reason)
    return given


def _event_types(parameter: str, value: object) -> tuple[str, ...]:
    given = _texts(parameter, value)
    for each in given:
        if each not in vocabulary.EVENT_TYPES and not is_uri(each):
            raise QueryRefused(parameter, f"no event type {shown(each)}")
    return given


def _texts(parameter: str, value: object) -> tuple[str, ...]:
    given = value.split("|") if isinstance(value, str) else value
    if not isinstance(given, list) or not given or len(given) > VALUES_MAX:
        raise QueryRefused(parameter, f"1 to {VALUES_MAX} values are expected")
    texts = tuple(each for each in given if isinstance(each, str) and each)
    if len(texts) < len(given):
        raise QueryRefused(parameter, f"texts are expected, got {shown(value)}")
    return texts


def _uris(parameter: str, value: object) -> tuple[str, ...]:
    given = _texts(parameter, value)
    for each in given:
        if not is_uri(each):
            raise QueryRefused(parameter, f"a URI is expected, got {shown(each)}")
    return given


def _time(parameter: str, value: object) -> int:
    try:
        return times.parse_time(value)
    except ValueError as error:
        raise QueryRefused(parameter, f"{error}, got {shown(value)}") from error


def _numbers(parameter: str, value: object, comparison: str) -> tuple[Scalar, ...]:
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


def _free(parameter: str, value: object, comparison: str) -> tuple[Scalar, ...]:
    """The value for a field of somebody's own: texts, a number, or a time."""
    if comparison == "EQ" and isinstance(value, str | list):
        return _texts(parameter, value)
    if isinstance(value, str):
        try:
            return (times.parse_time(value),)
        except ValueError:
            return _numbers(parameter, value, comparison)
    return _numbers(parameter, value, comparison)
