"""Putting what people wrote into the store, and taking it away: within scope, all or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from pydantic import BaseModel

from cloud_sync.contract import documents as doc
from cloud_sync.contract.plans import asn_of
from cloud_sync.service.access import within
from cloud_sync.service.kinds import Kind
from cloud_sync.service.problems import Refused
from cloud_sync.store.credentials import Credential
from cloud_sync.store.documents import (
    KEYED_BY_WAREHOUSE,
    Draft,
    Filed,
    Gone,
    change_documents,
    find_documents,
    follow_asns,
)
from cloud_sync.store.ports import Transaction
from cloud_sync.store.warehouses import known_warehouses

Entry = tuple[Kind, BaseModel]

_WORK: Final = frozenset({doc.ASN, doc.TRANSFER, doc.COUNT})
"""Kinds that ask somebody at a warehouse to do something."""


async def put_all(tx: Transaction, *, credential: Credential, entries: Sequence[Entry]) -> int:
    """Write documents of any kinds; tells how many are new or changed. Raises Refused."""
    drafts = [draft for kind, body in entries for draft in kind.drafts(body)]
    within(credential, {draft.warehouse for draft in drafts})
    await _check_names(tx, drafts)
    wanted = {(draft.kind, draft.key) for draft in drafts}
    gone = [
        Gone(it.kind, it.key, it.warehouse)
        for it in await _derived(tx, entries)
        if (it.kind, it.key) not in wanted
    ]
    await _check_holders(tx, credential, drafts)
    changed = await change_documents(tx, drafts, gone)
    await _check_warehouses(tx, drafts)
    await _follow(tx, drafts)
    return changed


async def put_one(tx: Transaction, *, credential: Credential, entry: Entry) -> dict[str, object]:
    """Write one document. Raises Refused."""
    return {"changed": int(await put_all(tx, credential=credential, entries=[entry]) > 0)}


async def take_away(
    tx: Transaction, *, credential: Credential, kind: Kind, key: str, warehouse: str | None
) -> dict[str, object]:
    """Leave a tombstone of one document and of all it became. Raises Refused.

    warehouse: whose, for kinds that have one in their key.
    """
    found = [
        it
        for it in await find_documents(tx, kind.name, [key])
        if warehouse in {None, it.warehouse}
    ]
    if not found:
        raise Refused("not_found", f"there is no {kind.name} {key}")
    within(credential, {it.warehouse for it in found})
    drafts = [
        draft for it in found for draft in (derived_of(kind, it) if _becomes_several(kind) else ())
    ]
    gone = {
        Gone(kind.name, key, warehouse),
        *(Gone(it.kind, it.key, it.warehouse) for it in drafts),
    }
    return {"changed": int(await change_documents(tx, [], sorted(gone, key=str)) > 0)}


async def close(
    tx: Transaction, *, credential: Credential, kind: Kind, key: str, reason: str
) -> dict[str, object]:
    """Let nothing more be sent under a transfer or waited for of a delivery. Raises Refused."""
    found = await find_documents(tx, kind.name, [key])
    if not found:
        raise Refused("not_found", f"there is no {kind.name} {key}")
    drafts = [
        Draft(kind.name, key, it.warehouse, {**it.content, "closed": reason}) for it in found
    ]
    if kind.name == doc.TRANSFER:
        names = [draft.key for it in found for draft in derived_of(kind, it)]
        drafts += [
            Draft(doc.ASN, it.key, it.warehouse, {**it.content, "closed": reason})
            for it in await find_documents(tx, doc.ASN, names)
        ]
    within(credential, {draft.warehouse for draft in drafts})
    changed = await change_documents(tx, drafts, [])
    await _follow(tx, drafts)
    return {"changed": int(changed > 0)}


async def _follow(tx: Transaction, drafts: Sequence[Draft]) -> None:
    await follow_asns(
        tx,
        [draft.key for draft in drafts if draft.kind == doc.ASN],
        [draft.key for draft in drafts if draft.kind == doc.TRANSFER],
    )


def _becomes_several(kind: Kind) -> bool:
    return kind.plural in {"recalls", "transfers"}


def derived_of(kind: Kind, held: Filed) -> list[Draft]:
    """What a held document of such a kind became when it was written."""
    if kind.plural == "transfers":
        transfer = doc.Transfer.model_validate(held.content)
        asn = asn_of(transfer.id, transfer.plan)
        return [Draft(doc.ASN, asn, transfer.destination, {})]
    return kind.drafts(kind.model.model_validate(held.content))


async def _derived(tx: Transaction, entries: Iterable[Entry]) -> list[Draft]:
    """What the entries became when they were last written."""
    by_kind: dict[str, tuple[Kind, list[str]]] = {}
    for kind, body in entries:
        if _becomes_several(kind):
            by_kind.setdefault(kind.plural, (kind, []))[1].append(kind.key_of(body))
    return [
        draft
        for kind, names in by_kind.values()
        for held in await find_documents(tx, kind.name, names)
        for draft in derived_of(kind, held)
    ]


async def _check_names(tx: Transaction, drafts: Sequence[Draft]) -> None:
    """Raises Refused if two documents want one name, or a transfer's delivery another's."""
    seen: dict[tuple[str, str, str], Draft] = {}
    for draft in drafts:
        place = draft.warehouse if draft.kind in KEYED_BY_WAREHOUSE else ""
        if (draft.kind, draft.key, place) in seen:
            raise Refused("malformed", f"{draft.kind} {draft.key} would be written twice")
        seen[draft.kind, draft.key, place] = draft
    asns = {draft.key: draft for draft in drafts if draft.kind == doc.ASN}
    for held in await find_documents(tx, doc.ASN, asns):
        if held.content.get("transfer") != asns[held.key].content.get("transfer"):
            raise Refused("malformed", f"asn {held.key} is there already, of something else")


async def _check_warehouses(tx: Transaction, drafts: Sequence[Draft]) -> None:
    """Raises Refused for work at a warehouse that nobody knows: no gateway would ever see it.

    Known is what is among the warehouses, by these drafts at the latest, or has a gateway.
    """
    named = {draft.warehouse for draft in drafts if draft.kind in _WORK}
    unknown = sorted(named - await known_warehouses(tx, named))
    if unknown:
        raise Refused("malformed", f"warehouse: there is no warehouse {unknown[0]}")


async def _check_holders(tx: Transaction, credential: Credential, drafts: Sequence[Draft]) -> None:
    """Raises Refused if a document would be taken from a warehouse out of scope."""
    if credential.scope is None:
        return
    by_kind: dict[str, list[str]] = {}
    for draft in drafts:
        if draft.kind not in KEYED_BY_WAREHOUSE:
            by_kind.setdefault(draft.kind, []).append(draft.key)
    for kind, names in by_kind.items():
        within(credential, {it.warehouse for it in await find_documents(tx, kind, names)})
