"""EPCIS documents in JSON-LD: what a capture may hold, taken apart into events.

Three forms are taken: an EPCISDocument, an EPCISQueryDocument (what another repository answered),
and a bare event with its own @context. Events come out as they are in the document, with the
document's contexts beside them, so that what is told later says the same as what was captured.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from cloud_sync.epcis import parts, rules
from cloud_sync.epcis.events import check_event
from cloud_sync.epcis.rules import Check, Fault, each, record
from cloud_sync.epcis.vocabulary import CONTEXT

FAULTS_MAX: Final = 100
"""More than these are not told: who has so many has one cause for them."""

_VERSION: Final = re.compile(r"2(?:\.\d+)*", re.ASCII)
EVENT_LIST: Final = "eventList"


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a document. context: the document's own, where the event has none."""

    event: Mapping[str, object]
    path: str
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """A document whose frame is right, and its events not yet looked at."""

    context: object
    events: Sequence[object]
    path: str
    master_data: tuple[Mapping[str, object], ...] = ()

    def entries(self, start: int = 0, end: int | None = None) -> list[Entry]:
        """Some of the events, each with its faults."""
        found = []
        for i, event in enumerate(self.events[start:end], start):
            at = f"{self.path}[{i}]"
            faults = tuple(islice(check_event(event, at), FAULTS_MAX))
            found.append(Entry(event if isinstance(event, dict) else {}, at, faults))
        return found


@dataclass(frozen=True, slots=True)
class Document:
    """A document whose frame is right; its events each with their faults."""

    context: object
    entries: Sequence[Entry]
    master_data: tuple[Mapping[str, object], ...] = ()

    @property
    def faults(self) -> list[Fault]:
        """The faults of all events."""
        return [fault for entry in self.entries for fault in entry.faults]


class DocumentRefused(ValueError):
    """The frame of a document is wrong, or it is no document; `faults` says where."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(map(str, faults[:3])))
        self.faults = faults[:FAULTS_MAX]


def _version(value: object, path: str) -> Iterator[Fault]:
    if not isinstance(value, str) or _VERSION.fullmatch(value) is None:
        yield Fault(path, f"EPCIS 2 is spoken here, got {rules.shown(value)}")


def _attribute_value(value: object, path: str) -> Iterator[Fault]:
    if not (rules.is_number(value) or isinstance(value, str | dict)):
        yield Fault(path, f"a text, number or object is expected, got {rules.shown(value)}")


_ATTRIBUTE: Final = record({"id": rules.uri, "attribute": _attribute_value}, required=("id",))
_ELEMENT: Final = record(
    {"id": rules.uri, "attributes": each(_ATTRIBUTE), "children": each(rules.uri)},
    required=("id",),
)
_VOCABULARY: Final = record(
    {"type": rules.uri, "vocabularyElementList": each(_ELEMENT)}, required=("type",)
)
_HEADER: Final = record({"epcisMasterData": record({"vocabularyList": each(_VOCABULARY)})})
_SOME_LIST: Final = each(rules.anything)

_DOCUMENT: Final[dict[str, Check]] = {
    "@context": parts.context,
    "id": rules.uri,
    "type": rules.text,
    "schemaVersion": _version,
    "creationDate": rules.time,
}
_RESULTS: Final = record(
    {EVENT_LIST: _SOME_LIST, "vocabularyList": each(_VOCABULARY)}, required=(EVENT_LIST,)
)
_FRAMES: Final[dict[str, Check]] = {
    "EPCISDocument": record(
        {
            **_DOCUMENT,
            "instanceIdentifier": rules.text,
            "sender": rules.text,
            "receiver": rules.text,
            "epcisHeader": _HEADER,
            "epcisBody": record({EVENT_LIST: _SOME_LIST}, required=(EVENT_LIST,)),
        },
        required=("@context", "type", "schemaVersion", "creationDate", "epcisBody"),
    ),
    "EPCISQueryDocument": record(
        {
            **_DOCUMENT,
            "epcisBody": record(
                {
                    "queryResults": record(
                        {
                            "queryName": rules.text,
                            "subscriptionID": rules.text,
                            "resultsBody": _RESULTS,
                        },
                        required=("queryName", "resultsBody"),
                    )
                },
                required=("queryResults",),
            ),
        },
        required=("@context", "type", "epcisBody"),
    ),
}


def parse_frame(value: object) -> Frame | Document:
    """A document opened; a bare event is done at once. Raises DocumentRefused."""
    kind = value.get("type") if isinstance(value, dict) else None
    frame = _FRAMES.get(kind) if isinstance(kind, str) else None
    if not isinstance(value, dict):
        raise DocumentRefused([Fault("", "an EPCIS document is a JSON object")])
    if frame is None:
        return _bare_event(value)
    faults = list(frame(value, ""))
    if faults:
        raise DocumentRefused(faults)
    path, events = _events_of(value)
    return Frame(value["@context"], events, path, _master_data(value))


def parse_document(value: object) -> Document:
    """A document taken apart. Raises DocumentRefused if its frame is wrong.

    Events may still have faults: whether one bad event spoils all is for the capture to say.
    """
    found = parse_frame(value)
    if isinstance(found, Document):
        return found
    return Document(found.context, found.entries(), found.master_data)


def parse_event_of(value: object) -> Document:
    """One event by itself or alone in a document. Raises DocumentRefused.

    By itself it needs its @context, as the official schema says (`required-ld-context`): without
    one its terms mean nothing in JSON-LD, and nothing of the binding gives it one.
    """
    document = parse_document(value)
    if len(document.entries) != 1:
        raise DocumentRefused([Fault("", "one event is expected")])
    if document.faults:
        raise DocumentRefused(document.faults)
    return document


def _bare_event(value: dict[str, object]) -> Document:
    if not isinstance(value.get("type"), str):
        raise DocumentRefused([Fault("type", "a text is expected")])
    faults = [*check_event(value, "")]
    if "@context" not in value:
        reason = f"is missing; an event by itself needs one, such as {CONTEXT}"
        faults.insert(0, Fault("@context", reason))
    faults = [Fault(fault.path.removeprefix("."), fault.reason) for fault in faults]
    if faults:
        raise DocumentRefused(faults)
    return Document(value["@context"], (Entry(value, "", ()),))


def _events_of(value: dict[str, object]) -> tuple[str, list[object]]:
    found: object = value
    path = (
        "epcisBody" if value["type"] == "EPCISDocument" else "epcisBody.queryResults.resultsBody"
    )
    for name in (*path.split("."), EVENT_LIST):
        found = found[name] if isinstance(found, dict) else None
    if not isinstance(found, list):
        raise AssertionError("the frame was checked")
    return f"{path}.{EVENT_LIST}", found


def _master_data(value: dict[str, object]) -> tuple[Mapping[str, object], ...]:
    """The vocabularies in a document's header."""
    header = value.get("epcisHeader")
    inner = header.get("epcisMasterData") if isinstance(header, dict) else None
    found = inner.get("vocabularyList") if isinstance(inner, dict) else None
    return tuple(each for each in found or () if isinstance(each, dict))
