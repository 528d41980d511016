"""What is answered: an EPCISQueryDocument around events, and collections of names.

Events keep the spelling they were captured with. Each document's own JSON-LD terms go to the
answer's one context; where two documents mean different things by one prefix, the later event
carries its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cloud_sync.epcis.identifiers import urn_to_link
from cloud_sync.epcis.times import format_time
from cloud_sync.epcis.vocabulary import CONTEXT

Json = dict[str, object]


def make_query_document(
    events: Sequence[tuple[Mapping[str, object], object]],
    *,
    at_us: int,
    query_name: str,
    subscription_id: str | None = None,
) -> Json:
    """A document around events, each with the context of the document it came in."""
    terms: Json = {}
    told: list[Json] = []
    for event, context in events:
        own, conflicting = _terms_of(context), False
        for name, meaning in own.items():
            if terms.setdefault(name, meaning) != meaning:
                conflicting = True
        rest = {name: value for name, value in event.items() if name != "@context"}
        inner = event.get("@context")
        if conflicting:
            told.append({"@context": _joined(own, inner), **rest})
        else:
            told.append(dict(event))
    results: Json = {"queryName": query_name, "resultsBody": {"eventList": told}}
    if subscription_id is not None:
        results = {"subscriptionID": subscription_id, **results}
    return {
        "@context": [CONTEXT, terms] if terms else [CONTEXT],
        "type": "EPCISQueryDocument",
        "schemaVersion": "2.0",
        "creationDate": format_time(at_us),
        "epcisBody": {"queryResults": results},
    }


def _terms_of(context: object) -> Json:
    """The terms a context defines itself; those behind URIs are the standard's."""
    entries = context if isinstance(context, list) else [context]
    found: Json = {}
    for entry in entries:
        if isinstance(entry, dict):
            found.update(entry)
    return found


def _joined(own: Json, inner: object) -> list[object]:
    entries = inner if isinstance(inner, list) else [] if inner is None else [inner]
    return [own, *(entry for entry in entries if entry != own)]


def make_collection(members: Iterable[str]) -> Json:
    """A list of names as the standard's binding has it."""
    return {"@context": CONTEXT, "type": "Collection", "member": list(members)}


def as_links(value: object) -> object:
    """The same with every EPC URN as a GS1 Digital Link, where there is one for it."""
    if isinstance(value, str):
        return (urn_to_link(value) or value) if value.startswith("urn:epc:") else value
    if isinstance(value, Mapping):
        return {name: as_links(each) for name, each in value.items()}
    return [as_links(each) for each in value] if isinstance(value, list) else value
