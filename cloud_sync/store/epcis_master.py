"""Master data that others handed in: what is below what, and the attributes of elements.

Elements are kept in their common spelling, and their attributes under the spelling they came in,
too: of somebody's own field nobody knows whether it holds an identifier. What is said of an
element later takes the place of what was said before, but for its children, which only become
more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cloud_sync.epcis.identifiers import canonical_id
from cloud_sync.epcis.query import Query, Term
from cloud_sync.store.columns import text
from cloud_sync.store.ports import Transaction, fetch_in


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a vocabulary. attributes: names and values, as far as they say something.

    written: its id as it came.
    """

    id: str
    written: str
    children: Sequence[str]
    attributes: Sequence[tuple[str, str]]


def elements_of(master_data: Sequence[Mapping[str, object]]) -> list[Element]:
    """The elements of a document's vocabularies, which were checked before."""
    return [
        _element(each)
        for vocabulary in master_data
        for each in _records(vocabulary.get("vocabularyElementList"))
    ]


def _element(element: Mapping[str, object]) -> Element:
    children = element.get("children")
    attributes = [
        (str(each["id"]), _written(each["attribute"]))
        for each in _records(element.get("attributes"))
        if "attribute" in each
    ]
    written = str(element["id"])
    return Element(
        canonical_id(written),
        written,
        [canonical_id(str(each)) for each in (children if isinstance(children, list) else [])],
        attributes,
    )


def _written(value: object) -> str:
    """A value as it is compared: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _records(value: object) -> list[Mapping[str, object]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


async def add_elements(tx: Transaction, elements: Sequence[Element]) -> None:
    """Keep what is said of elements; of one that is there twice the last counts."""
    await tx.execute_many(
        "insert into epcis_children(parent, child) values (?, ?) "
        "on conflict (parent, child) do nothing",
        sorted({(each.id, child) for each in elements for child in each.children}),
    )
    told = {
        name: each.attributes
        for each in elements
        if each.attributes
        for name in (each.id, each.written)
    }
    await tx.execute_many(
        "delete from epcis_attributes where element = ?", [(each,) for each in sorted(told)]
    )
    rows = sorted({(name, value, each) for each, said in told.items() for name, value in said})
    await tx.insert("epcis_attributes", ("name", "value", "element"), rows)


async def resolve(tx: Transaction, query: Query) -> Query:
    """The query with what it leaves to master data: places below others, and attributes."""
    below: dict[str, frozenset[str]] = {}
    for term in query.terms:
        if term.comparison == "WD":
            for value in term.values:
                below[str(value)] = await _below(tx, str(value))
    found = {
        term: await _elements(tx, term)
        for term in query.terms
        if term.comparison in ("HASATTR", "EQATTR")
    }
    return query.with_places(below).with_elements(found)


async def _below(tx: Transaction, root: str) -> frozenset[str]:
    """What is below a place, however deep."""
    known, fresh = {root}, {root}
    while fresh:
        rows = await fetch_in(tx, "select child from epcis_children where parent in (?*)", fresh)
        fresh = {text(child) for (child,) in rows} - known
        known |= fresh
    return frozenset(known - {root})


async def _elements(tx: Transaction, term: Term) -> list[str]:
    """The elements that have an attribute of the names, or one with one of the values."""
    wanted = [str(value) for value in term.values]
    if term.attribute is None:
        rows = await fetch_in(
            tx, "select distinct element from epcis_attributes where name in (?*)", wanted
        )
    else:
        rows = await fetch_in(
            tx,
            "select distinct element from epcis_attributes where name = ? and value in (?*)",
            wanted,
            before=(term.attribute,),
        )
    return [text(element) for (element,) in rows]
