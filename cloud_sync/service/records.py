"""The calls for each kind of document: list, read, write, take away. Built from kinds.KINDS."""

# Without `from __future__ import annotations`: FastAPI has to see the guards inside closures.
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from cloud_sync.contract import documents as doc
from cloud_sync.contract import keys, rights
from cloud_sync.service import master
from cloud_sync.service.access import may, reach, within
from cloud_sync.service.bodies import documented
from cloud_sync.service.context import context_of
from cloud_sync.service.filing import close, put_one, take_away
from cloud_sync.service.kinds import BY_PLURAL, KINDS, Kind
from cloud_sync.service.mutation import Mutation, mutation_by
from cloud_sync.service.pages import PAGE_MAX, AfterQuery, PageLimit, mark_place, place_of
from cloud_sync.service.problems import Refused
from cloud_sync.store.credentials import Credential
from cloud_sync.store.documents import (
    EVERYBODY,
    OF_THE_CLOUD,
    Draft,
    Filed,
    Gone,
    change_documents,
    find_documents,
    list_documents,
)
from cloud_sync.store.ports import Transaction

router: Final = APIRouter(prefix="/v1", tags=["documents"])

WarehouseQuery = Annotated[str | None, Query(pattern=keys.ID_PATTERN)]


def places_to_read(credential: Credential, warehouse: str | None) -> list[str] | None:
    """The warehouses whose documents a caller sees, those of all included; None: every one."""
    wanted = reach(credential, warehouse)
    return None if wanted is None else [*wanted, EVERYBODY, OF_THE_CLOUD]


def _key_in_path(kind: Kind, request: Request) -> str:
    """The key that a path names. Raises Refused."""
    try:
        return kind.join([request.path_params[part] for part in kind.parts])
    except ValueError as error:
        raise Refused("malformed", str(error)) from error


def _lister(kind: Kind) -> Callable[..., Awaitable[dict[str, object]]]:
    async def read_list(
        request: Request,
        credential: Annotated[Credential, Depends(may(kind.read))],
        warehouse: WarehouseQuery = None,
        limit: PageLimit = PAGE_MAX,
        after: AfterQuery = None,
    ) -> dict[str, object]:
        script = partial(
            list_documents,
            kind=kind.name,
            warehouses=places_to_read(credential, warehouse),
            after=place_of(after, n=2) or ("", ""),
            limit=limit + 1,
        )
        found = await context_of(request).database.read(script)
        page: dict[str, object] = {kind.plural: [it.content for it in found[:limit]]}
        if len(found) > limit:
            last = found[limit - 1]
            page["next_after"] = mark_place([last.key, last.warehouse])
        return page

    return read_list


def _reader(kind: Kind) -> Callable[..., Awaitable[dict[str, object]]]:
    async def read_one(
        request: Request, credential: Annotated[Credential, Depends(may(kind.read))]
    ) -> dict[str, object]:
        found = await _find(request, kind, _named(kind, request))
        within_reading(credential, found)
        return {"key": found.key, "version": found.version, kind.name: found.content}

    return read_one


def within_reading(credential: Credential, found: Filed) -> None:
    """Raises Refused if a document is of a warehouse out of scope."""
    if found.warehouse not in {EVERYBODY, OF_THE_CLOUD}:
        within(credential, [found.warehouse])


def _named(kind: Kind, request: Request) -> tuple[str, str | None]:
    return _key_in_path(kind, request), request.path_params.get("warehouse")


async def _find(request: Request, kind: Kind, name: tuple[str, str | None]) -> Filed:
    key, warehouse = name
    script = partial(find_documents, kind=kind.name, keys=[key])
    for it in await context_of(request).database.read(script):
        if warehouse in {None, it.warehouse}:
            return it
    raise Refused("not_found", f"there is no {kind.name} {key}")


def _writer(kind: Kind) -> Callable[..., Awaitable[Response]]:
    async def write_one(
        request: Request, mutation: Annotated[Mutation, Depends(mutation_by(may(kind.write)))]
    ) -> Response:
        key = _key_in_path(kind, request)
        body = mutation.parse(kind.model)
        for part in kind.parts:
            in_path, in_body = request.path_params[part], getattr(body, part)
            if in_path != in_body:
                raise Refused("malformed", f"{part}: {in_path} in the path, {in_body} in the body")
        if key != kind.key_of(body):
            raise AssertionError("a key is made of its parts")
        return await mutation.run(
            partial(put_one, credential=mutation.credential, entry=(kind, body))
        )

    return write_one


def _remover(kind: Kind) -> Callable[..., Awaitable[Response]]:
    async def remove_one(
        request: Request, mutation: Annotated[Mutation, Depends(mutation_by(may(kind.write)))]
    ) -> Response:
        key, warehouse = _named(kind, request)
        return await mutation.run(
            partial(
                take_away,
                credential=mutation.credential,
                kind=kind,
                key=key,
                warehouse=warehouse,
            )
        )

    return remove_one


def _add(kind: Kind) -> None:
    about = (kind.model.__doc__ or "").strip().partition("\n")[0]
    parameters = {
        "parameters": [
            {"name": part, "in": "path", "required": True, "schema": {"type": "string"}}
            for part in kind.parts
        ]
    }
    router.add_api_route(
        f"/{kind.plural}",
        _lister(kind),
        methods=["GET"],
        name=f"list_{kind.plural}",
        description=f"List: {about}",
    )
    for method, make, body in (
        ("GET", _reader, {}),
        ("PUT", _writer, documented(kind.model)),
        ("DELETE", _remover, {}),
    ):
        router.add_api_route(
            kind.path,
            make(kind),
            methods=[method],
            name=f"{method.lower()}_{kind.name}",
            description=f"{method.capitalize()}: {about}",
            openapi_extra={**parameters, **body},
        )


for _each in KINDS:
    _add(_each)


# ------------------------------------------------------------------ the network, and closing


@router.put("/network", openapi_extra=documented(master.NetworkBody))
async def put_network(
    mutation: Annotated[Mutation, Depends(mutation_by(may(rights.WRITE_MASTER)))],
) -> Response:
    """Write the planning network."""
    within(mutation.credential, [EVERYBODY])
    network = mutation.parse(master.NetworkBody)
    draft = Draft(doc.NETWORK, master.NETWORK_KEY, EVERYBODY, network.model_dump())
    return await mutation.run(partial(_change, drafts=[draft]))


@router.get("/network")
async def get_network(
    request: Request, credential: Annotated[Credential, Depends(may(rights.READ))]
) -> dict[str, object]:
    """The planning network."""
    script = partial(find_documents, kind=doc.NETWORK, keys=[master.NETWORK_KEY])
    found = await context_of(request).database.read(script)
    if not found:
        raise Refused("not_found", "there is no network yet")
    return found[0].content


@router.delete("/network")
async def delete_network(
    mutation: Annotated[Mutation, Depends(mutation_by(may(rights.WRITE_MASTER)))],
) -> Response:
    """Take the planning network away; nothing is planned then."""
    within(mutation.credential, [EVERYBODY])
    gone = [Gone(doc.NETWORK, master.NETWORK_KEY)]
    return await mutation.run(partial(_change, drafts=[], gone=gone))


async def _change(
    tx: Transaction, *, drafts: list[Draft], gone: list[Gone] | None = None
) -> dict[str, object]:
    return {"changed": await change_documents(tx, drafts, gone or [])}


@router.post("/transfers/{id}/close", openapi_extra=documented(master.ClosingBody))
async def close_transfer(
    id: str,  # noqa: A002 -- the wire's word
    mutation: Annotated[Mutation, Depends(mutation_by(may(rights.WRITE_DELIVERIES)))],
) -> Response:
    """Let nothing more be sent: a transfer that was sent short ends, and so does its delivery."""
    return await _close(mutation, BY_PLURAL["transfers"], id)


@router.post("/asns/{id}/close", openapi_extra=documented(master.ClosingBody))
async def close_asn(
    id: str,  # noqa: A002 -- the wire's word
    mutation: Annotated[Mutation, Depends(mutation_by(may(rights.WRITE_DELIVERIES)))],
) -> Response:
    """Wait for nothing more of a delivery."""
    return await _close(mutation, BY_PLURAL["asns"], id)


async def _close(mutation: Mutation, kind: Kind, key: str) -> Response:
    reason = mutation.parse(master.ClosingBody).reason
    return await mutation.run(
        partial(close, credential=mutation.credential, kind=kind, key=key, reason=reason)
    )
