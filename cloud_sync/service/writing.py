"""What administrators write: items, policies, the network, deliveries; all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel
from starlette.responses import Response

from cloud_sync.contract import keys
from cloud_sync.service import master
from cloud_sync.service.access import as_admin
from cloud_sync.service.mutation import Mutation, mutation_by
from cloud_sync.service.problems import Refused
from cloud_sync.store.documents import Draft, asn_draft, follow_asns, put_documents
from cloud_sync.store.ports import Transaction

router = APIRouter(prefix="/v1", dependencies=[Depends(as_admin)], tags=["writing"])

AdminMutation = Annotated[Mutation, Depends(mutation_by(as_admin))]
IdPath = Annotated[str, Path(pattern=keys.ID_PATTERN)]
GtinPath = Annotated[str, Path(pattern=keys.GTIN_PATTERN)]


def _documented(model: type[BaseModel]) -> dict[str, object]:
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


@router.put("/items/{gtin}", openapi_extra=_documented(master.ItemBody))
async def put_item(mutation: AdminMutation, gtin: GtinPath) -> Response:
    """Write one trade item."""
    item = mutation.parse(master.ItemBody)
    _same("gtin", gtin, item.gtin)
    return await _put(mutation, [master.item_draft(item)])


@router.put("/policies/{warehouse}/{gtin}", openapi_extra=_documented(master.PolicyBody))
async def put_policy(mutation: AdminMutation, warehouse: IdPath, gtin: GtinPath) -> Response:
    """Write how one item is kept at one warehouse."""
    policy = mutation.parse(master.PolicyBody)
    _same("warehouse", warehouse, policy.warehouse)
    _same("gtin", gtin, policy.gtin)
    return await _put(mutation, [master.policy_draft(policy)])


@router.put("/network", openapi_extra=_documented(master.NetworkBody))
async def put_network(mutation: AdminMutation) -> Response:
    """Write the planning network."""
    return await _put(mutation, [master.network_draft(mutation.parse(master.NetworkBody))])


@router.put("/asns/{key}", openapi_extra=_documented(master.AsnBody))
async def put_asn(mutation: AdminMutation, key: IdPath) -> Response:
    """Write one expected delivery."""
    asn = mutation.parse(master.AsnBody)
    _same("id", key, asn.id)
    return await _put(mutation, [asn_draft(asn)], asns=[asn.id])


@router.post("/import", openapi_extra=_documented(master.ImportBody))
async def post_import(mutation: AdminMutation) -> Response:
    """Write many documents in one transaction."""
    body = mutation.parse(master.ImportBody)
    return await _put(mutation, master.import_drafts(body), asns=[asn.id for asn in body.asns])


def _same(name: str, in_path: str, in_body: str) -> None:
    if in_path != in_body:
        raise Refused("malformed", f"{name}: {in_path} in the path, {in_body} in the body")


async def _put(mutation: Mutation, drafts: Sequence[Draft], asns: Sequence[str] = ()) -> Response:
    return await mutation.run(partial(_put_and_follow, drafts=drafts, asns=asns))


async def _put_and_follow(
    tx: Transaction, *, drafts: Sequence[Draft], asns: Sequence[str]
) -> dict[str, object]:
    changed = await put_documents(tx, drafts)
    await follow_asns(tx, asns)
    return {"changed": changed}
