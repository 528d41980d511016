"""By which keys the store finds events without reading them; pure.

A key is the name of a fact and a value of it. Beside what an event says there are three kinds
that it follows from:

    WD readPoint, WD bizLocation   each place above the event's
    has                            the names of facts that few events have: what was measured,
                                   declarations of error, fields of somebody's own
    root                           the item of each EPC and class, for patterns over its lots

An index only narrows. What it does not know (a numeric bound, a place above all others) is asked
of the events that the rest leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from cloud_sync.epcis.facts import Facts
from cloud_sync.epcis.query import Query, Term
from cloud_sync.epcis.values import VALUES_MAX

HAS: Final = "has"
ROOT: Final = "root"

_NAMED: Final = frozenset(
    {
        *("epc", "parentID", "inputEPC", "outputEPC", "epcClass", "inputEPCClass"),
        *("outputEPCClass", "bizStep", "disposition", "readPoint", "bizLocation"),
        *("transformationID", "eventID", "eventType", "correctiveEventID", "deviceID"),
        *("persistentDisposition_set", "persistentDisposition_unset", "errorReason", "type"),
        "forepost:corrects",
    }
)
_NAMED_BY: Final = ("bizTransaction_", "source_", "destination_")
_PLACES: Final = ("readPoint", "bizLocation")
_GOODS: Final = frozenset(
    {"epc", "parentID", "inputEPC", "outputEPC", "epcClass", "inputEPCClass", "outputEPCClass"}
)
_RARE: Final = frozenset(
    {
        *("exception", "component", "dataProcessingMethod", "microorganism", "rawData"),
        *("chemicalSubstance", "bizRules", "deviceMetadata", "uriValue", "stringValue"),
        *("booleanValue", "hexBinaryValue", "percRank", "time", "startTime", "endTime"),
        *("errorDeclaration", "errorDeclarationTime", "sensorElementList"),
    }
)
_RARE_BY: Final = (
    "value_", "minValue_", "maxValue_", "meanValue_", "sDev_", "percValue_", "quantity_", "EXISTS "
)  # fmt: skip
_OURS: Final = "forepost:"
"""Fields that nearly all events have."""

_LENGTH_MAX: Final = 400
"""Longer values are not among the keys that follow: an entry of an index holds some 2700 bytes."""
_ABOVE_MAX: Final = 8
_LINKS: Final = "https://id.gs1.org/"


def is_kept_long(name: str) -> bool:
    """True for a key of a fact itself, as they were from the beginning."""
    return name in _NAMED or name.startswith(_NAMED_BY)


def keys_of(found: Facts) -> set[tuple[str, str]]:
    """Names and values under which an event is found."""
    keys: set[tuple[str, str]] = set()
    for name, values in found.items():
        given = [value for value in values if isinstance(value, str)]
        if is_kept_long(name) or name == "action":
            keys.update((name, value) for value in given)
        if name in _PLACES:
            keys.update((f"WD {name}", place) for value in given for place in _above(value))
        if name in _GOODS:
            keys.update((ROOT, root) for value in given if (root := _root(value)) is not None)
        if _is_rare(name):
            keys.add((HAS, name))
    return keys


def narrowed(query: Query, *, is_complete: bool) -> list[Term]:
    """What a query asks for, as far as keys can tell: conditions that are all EQ.

    is_complete: whether all events have the keys that follow, which they had not always.
    """
    return [term for each in query.terms for term in _narrowed(each, is_complete=is_complete)]


def _narrowed(term: Term, *, is_complete: bool) -> Iterator[Term]:
    few = len(term.values) <= VALUES_MAX
    is_plain = term.comparison == "EQ" and not term.patterns and few
    if is_plain and all(map(is_kept_long, term.names)):
        yield term
    elif not is_complete:
        return
    elif is_plain and term.names == ("action",):
        yield term
    elif term.comparison == "WD" and few and all(map(_can_be_above, map(str, term.values))):
        yield Term((*term.names, f"WD {term.names[0]}"), "EQ", term.values)
    elif term.patterns and (roots := _roots(term)) is not None:
        yield Term((ROOT,), "EQ", roots)
    else:
        names = [_presence(name) for name in (*term.names, *(it for it, _ in term.others))]
        if None not in names:
            yield Term((HAS,), "EQ", tuple(name for name in names if name is not None))


def _is_rare(name: str) -> bool:
    is_rare = name in _RARE or name.startswith(_RARE_BY)
    return is_rare and _OURS not in name and len(name) <= _LENGTH_MAX


def _presence(name: str) -> str | None:
    """The name that an event `has` if it has this fact; None where that is not kept."""
    kept = f"EXISTS {name}" if ":" in name and not name.startswith("EXISTS ") else name
    return kept if _is_rare(kept) else None


def _above(place: str) -> Iterator[str]:
    """All above a place that end at a slash of its, but for the host itself."""
    ends = [i for i in range(_host_end(place) + 1, len(place)) if place[i] == "/"]
    for end in ends[:_ABOVE_MAX]:
        if end <= _LENGTH_MAX:
            yield place[:end]


def _can_be_above(place: str) -> bool:
    """Whether every event below a place has it among its keys."""
    start = _host_end(place) + 1
    return start <= len(place) <= _LENGTH_MAX and place[start:].count("/") < _ABOVE_MAX


def _host_end(place: str) -> int:
    """Where the path of a URI begins; -1 for one without a host; its length if it has no path."""
    scheme = place.find(":")
    if not place.startswith("://", scheme):
        return -1
    path = place.find("/", scheme + 3)
    return len(place) if path < 0 else path


def _root(value: str) -> str | None:
    """The item of an EPC or a class that is a link of GS1's; None if it is none."""
    if not value.startswith(_LINKS):
        return None
    parts = value[len(_LINKS) :].split("/", 2)
    is_item = len(parts) > 1 and len(value) <= _LENGTH_MAX
    return f"{_LINKS}{parts[0]}/{parts[1]}" if is_item else None


def _roots(term: Term) -> tuple[str, ...] | None:
    """The items of all that a condition means; None if a pattern goes over several items."""
    roots: set[str] = set()
    for wanted in (*(it.pattern.replace("\\", "") for it in term.patterns), *_plain(term)):
        root = _root(wanted)
        if root is None or not root.rpartition("/")[2].isdigit():
            return None
        roots.add(root)
    return tuple(sorted(roots))


def _plain(term: Term) -> Iterable[str]:
    """The values of a condition that are no patterns themselves."""
    return (str(value) for value in term.values if "*" not in str(value))
