"""The query language of EPCIS 2.0: parameters in, a query out, and which events it means.

A parameter is a comparison and the name of a fact: `EQ_bizStep`, `GE_eventTime`,
`MATCH_anyEPC`, `GT_value_CEL`, `EQ_ILMD_example:grade`. Several values of one parameter are
alternatives, several parameters must all hold. In a URL alternatives are divided by `|`.

Source: GS1 EPCIS 2.0, section 8.2.7.1 and the query schema of the REST binding.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cloud_sync.epcis import facts, times, units, values, vocabulary
from cloud_sync.epcis.facts import Facts, Scalar
from cloud_sync.epcis.identifiers import class_pattern_of, pattern_of
from cloud_sync.epcis.naming import is_below
from cloud_sync.epcis.rules import shown
from cloud_sync.epcis.uris import is_uri
from cloud_sync.epcis.values import QueryRefused

_TOO_LARGE: Final = 10**9

_WORDS: Final = {
    "bizStep": vocabulary.BIZ_STEP,
    "disposition": vocabulary.DISPOSITION,
    "persistentDisposition_set": vocabulary.DISPOSITION,
    "persistentDisposition_unset": vocabulary.DISPOSITION,
    "errorReason": vocabulary.ERROR_REASON,
    "type": vocabulary.MEASUREMENT,
    "exception": vocabulary.ALERT,
    "component": vocabulary.COMPONENT,
}
_URIS: Final = frozenset(
    {
        *("readPoint", "bizLocation", "transformationID", "eventID", "correctiveEventID"),
        *("deviceID", "dataProcessingMethod", "microorganism", "chemicalSubstance", "bizRules"),
        *("deviceMetadata", "rawData", "uriValue"),
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
_ATTRIBUTED: Final = re.compile(
    r"(?P<field>bizStep|disposition|readPoint|bizLocation|parentID"
    r"|epcClass|inputEPCClass|outputEPCClass|[^_:]+:[^_:]+)(?:_(?P<attribute>.+))?"
)
_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "GT": operator.gt,
    "GE": operator.ge,
    "LT": operator.lt,
    "LE": operator.le,
}


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: some value of some of the names compares so with some of the values.

    others: names whose values are looked at after they were converted. attribute: of master data,
    where that is compared; such a term must be resolved (`with_elements`) before it can hold.
    """

    names: tuple[str, ...]
    comparison: str
    values: tuple[Scalar, ...] = ()
    patterns: tuple[re.Pattern[str], ...] = ()
    others: tuple[tuple[str, units.Conversion], ...] = ()
    attribute: str | None = None

    def holds(self, known: Facts) -> bool:
        """Whether it is so of an event."""
        found = [value for name in self.names for value in known.get(name, ())]
        for name, convert in self.others:
            found += [x for value in known.get(name, ()) if (x := convert(value)) is not None]
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

    def with_elements(self, elements: Mapping[Term, Sequence[str]]) -> Query:
        """The query with the elements of master data that its terms about attributes mean."""

        def resolved(term: Term) -> Term:
            if term not in elements:
                return term
            (name,) = term.names
            spelled = {facts.canonical(name, element) for element in elements[term]}
            return Term(term.names, "EQ", tuple(sorted(spelled)))

        return replace(self, terms=tuple(resolved(term) for term in self.terms))


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
        return Term((name,), comparison, (values.time(parameter, value),))
    if comparison in ("EQ", *_COMPARE) and _MEASURED.fullmatch(name):
        wanted = values.numbers(parameter, value, comparison)
        return Term((name,), comparison, wanted, others=units.others(name))
    if parameter.startswith(("HASATTR_", "EQATTR_", "EQ_ATTR_")):
        return _attribute(parameter, value)
    if comparison == "EQ":
        found = _equals(parameter, name, value)
        if found is not None:
            return found
    own = _OWN.fullmatch(name)
    if own is not None and is_uri(own["name"]) and comparison in ("EQ", *_COMPARE):
        return Term((name,), comparison, values.free(parameter, value, comparison))
    raise QueryRefused(parameter[:80], "there is no such parameter")


def _attribute(parameter: str, value: object) -> Term:
    """`HASATTR_field` asks for names of attributes, `EQATTR_field_name` for values of one."""
    has_name, _, rest = parameter.replace("EQ_ATTR_", "EQATTR_", 1).partition("_")
    found = _ATTRIBUTED.fullmatch(rest)
    if found is None or (found["attribute"] is None) != (has_name == "HASATTR"):
        raise QueryRefused(parameter[:80], "there is no such parameter")
    wanted = values.texts(parameter, value)
    return Term((found["field"],), has_name, wanted, attribute=found["attribute"])


def _match(parameter: str, name: str, value: object) -> Term:
    given = values.uris(parameter, value)
    make = class_pattern_of if name.endswith("Class") else pattern_of
    patterns = tuple(pattern for each in given if (pattern := make(each)) is not None)
    exact = tuple(facts.canonical("epc", each) for each in given)
    return Term(_MATCHED[name], "EQ", exact, patterns)


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
        given = values.texts(parameter, value)
        for each in given:
            if each not in vocabulary.ACTIONS:
                raise QueryRefused(parameter, f"no action {shown(each)}")
        return Term(("action",), "EQ", given)
    if name in _WORDS or name in _URIS:
        return Term((name,), "EQ", _spelled(parameter, name, value))
    if name in _TEXTS:
        return Term((name,), "EQ", values.texts(parameter, value))
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
    spelled = tuple(facts.canonical(key, uri) for uri in values.uris(parameter, value))
    return Term((key,), "EQ", spelled)


def _spelled(parameter: str, name: str, value: object) -> tuple[str, ...]:
    words = _WORDS.get(name)
    if words is None:
        return tuple(facts.canonical(name, each) for each in values.uris(parameter, value))
    given = tuple(words.plain(each) for each in values.texts(parameter, value))
    for each in given:
        reason = words.fault(each)
        if reason is not None:
            raise QueryRefused(parameter, reason)
    return given


def _event_types(parameter: str, value: object) -> tuple[str, ...]:
    given = values.texts(parameter, value)
    for each in given:
        if each not in vocabulary.EVENT_TYPES and not is_uri(each):
            raise QueryRefused(parameter, f"no event type {shown(each)}")
    return given
