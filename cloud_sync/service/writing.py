"""What administrators write: items, policies, the network, deliveries; all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel
from starlette.requests import Request

from cloud_sync.contract import keys
from cloud_sync.service import master
from cloud_sync.service.access import as_admin
from cloud_sync.service.bodies import body_of, read_body
from cloud_sync.service.context import context_of
from cloud_sync.service.problems import Refused
from cloud_sync.store.documents import Draft, asn_draft, follow_asns, put_documents
from cloud_sync.store.ports import Transaction

router = APIRouter(prefix="/v1", dependencies=[Depends(as_admin)], tags=["writing"])

Model = TypeVar("Model", bound=BaseModel)
IdPath = Annotated[str, Path(pattern=keys.ID_PATTERN)]
GtinPath = Annotated[str, Path(pattern=keys.GTIN_PATTERN)]


def _documented(model: type[BaseModel]) -> dict[str, object]:
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


@router.put("/items/{gtin}", openapi_extra=_documented(master.ItemBody))
async def put_item(request: Request, gtin: GtinPath) -> dict[str, int]:
    """Write one trade item."""
    item = await _read(request, master.ItemBody)
    _same("gtin", gtin, item.gtin)
    return await _put(request, [master.item_draft(item)])


@router.put("/policies/{warehouse}/{gtin}", openapi_extra=_documented(master.PolicyBody))
async def put_policy(request: Request, warehouse: IdPath, gtin: GtinPath) -> dict[str, int]:
    """Write how one item is kept at one warehouse."""
    policy = await _read(request, master.PolicyBody)
    _same("warehouse", warehouse, policy.warehouse)
    _same("gtin", gtin, policy.gtin)
    return await _put(request, [master.policy_draft(policy)])


@router.put("/network", openapi_extra=_documented(master.NetworkBody))
async def put_network(request: Request) -> dict[str, int]:
    """Write the planning network."""
    return await _put(request, [master.network_draft(await _read(request, master.NetworkBody))])


@router.put("/asns/{key}", openapi_extra=_documented(master.AsnBody))
async def put_asn(request: Request, key: IdPath) -> dict[str, int]:
    """Write one expected delivery."""
    asn = await _read(request, master.AsnBody)
    _same("id", key, asn.id)
    return await _put(request, [asn_draft(asn)], asns=[asn.id])


@router.post("/import", openapi_extra=_documented(master.ImportBody))
async def post_import(request: Request) -> dict[str, int]:
    """Write many documents in one transaction."""
    body = await _read(request, master.ImportBody)
    return await _put(request, master.import_drafts(body), asns=[asn.id for asn in body.asns])


async def _read(request: Request, model: type[Model]) -> Model:
    parse: Callable[[bytes], Model] = body_of(model)
    return parse(await read_body(request))


def _same(name: str, in_path: str, in_body: str) -> None:
    if in_path != in_body:
        raise Refused("malformed", f"{name}: {in_path} in the path, {in_body} in the body")


async def _put(
    request: Request, drafts: Sequence[Draft], asns: Sequence[str] = ()
) -> dict[str, int]:
    changed = await context_of(request).database.transact(
        partial(_put_and_follow, drafts=drafts, asns=asns)
    )
    return {"changed": changed}


async def _put_and_follow(tx: Transaction, *, drafts: Sequence[Draft], asns: Sequence[str]) -> int:
    changed = await put_documents(tx, drafts)
    await follow_asns(tx, asns)
    return changed
