"""Documents in and out by the file: JSON or CSV, all or nothing, mistakes named by their line."""

# Without `from __future__ import annotations`: FastAPI has to see the guards inside closures.
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from cloud_sync.contract import documents as doc
from cloud_sync.contract import rights
from cloud_sync.service import master
from cloud_sync.service.access import may, within
from cloud_sync.service.bodies import parse_json
from cloud_sync.service.context import context_of
from cloud_sync.service.filing import Entry, put_all
from cloud_sync.service.kinds import BY_PLURAL, KINDS, Kind
from cloud_sync.service.mutation import Mutation, mutation_by
from cloud_sync.service.problems import Refused
from cloud_sync.service.records import WarehouseQuery, places_to_read
from cloud_sync.service.sheets import SheetMalformed, read_sheet, write_sheet
from cloud_sync.store.credentials import Credential
from cloud_sync.store.documents import EVERYBODY, Draft, change_documents, list_documents
from cloud_sync.store.ports import Transaction

router: Final = APIRouter(prefix="/v1", tags=["exchange"])

ENTRIES_MAX: Final = 20_000
EXPORTED_MAX: Final = 100_000
MISTAKES_TOLD_MAX: Final = 20
CSV: Final = "text/csv"

Rows = Iterator[tuple[str, object]]
"""Where each entry stands (for people), and what is there."""


class _Mistakes:
    """What is wrong, up to a number that a person would read."""

    def __init__(self) -> None:
        self._told: list[str] = []
        self._n = 0

    def add(self, place: str, message: str) -> None:
        self._n += 1
        if self._n <= MISTAKES_TOLD_MAX:
            self._told.append(f"{place}: {message}")

    def refuse(self) -> None:
        """Raises Refused if there is any."""
        if self._n:
            more = f"; and {self._n - len(self._told)} more" if self._n > len(self._told) else ""
            raise Refused("malformed", "; ".join(self._told) + more)


def parse_entries(kind: Kind, rows: Rows) -> list[Entry]:
    """Entries of one kind. Raises Refused with every mistake at its place."""
    mistakes = _Mistakes()
    entries: list[Entry] = []
    seen: dict[str, str] = {}
    for place, content in rows:
        if len(entries) == ENTRIES_MAX:
            raise Refused("too_large", f"at most {ENTRIES_MAX} entries at once")
        try:
            body = kind.model.model_validate(content)
            key = kind.key_of(body)
        except ValidationError as error:
            mistakes.add(place, _first(error))
        except ValueError as error:
            mistakes.add(place, str(error))
        else:
            if key in seen:
                mistakes.add(place, f"{key} is in {seen[key]} already")
            seen[key] = place
            entries.append((kind, body))
    mistakes.refuse()
    return entries


def _first(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in problem["loc"])
    return f"{path}: {problem['msg']}" if path else str(problem["msg"])


def _rows_of_csv(kind: Kind, raw: bytes) -> Rows:
    try:
        for row in read_sheet(kind.model, raw.decode("utf-8")):
            yield f"line {row.line}", row.content
    except SheetMalformed as error:
        raise Refused("malformed", str(error)) from error
    except UnicodeDecodeError as error:
        raise Refused("malformed", f"body: not UTF-8 at byte {error.start}") from error


def _rows_of_list(name: str, found: object) -> Rows:
    if not isinstance(found, list):
        raise Refused("malformed", f"{name}: expected a list")
    for i, content in enumerate(found):
        yield f"{name}.{i}", content


def _importer(kind: Kind) -> Callable[..., Awaitable[Response]]:
    async def import_kind(
        request: Request, mutation: Annotated[Mutation, Depends(mutation_by(may(kind.write)))]
    ) -> Response:
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media == CSV:
            rows = _rows_of_csv(kind, mutation.raw)
        else:
            content = parse_json(mutation.raw)
            if not isinstance(content, dict) or set(content) != {kind.plural}:
                raise Refused("malformed", f'body: expected {{"{kind.plural}": [...]}}')
            rows = _rows_of_list(kind.plural, content[kind.plural])
        entries = parse_entries(kind, rows)
        return await mutation.run(
            partial(_import, credential=mutation.credential, entries=entries, drafts=[])
        )

    return import_kind


def _exporter(kind: Kind) -> Callable[..., Awaitable[Response]]:
    async def export_kind(
        request: Request,
        credential: Annotated[Credential, Depends(may(kind.read))],
        format: Literal["csv", "json"],  # noqa: A002 -- the wire's word
        warehouse: WarehouseQuery = None,
    ) -> Response:
        script = partial(
            list_documents,
            kind=kind.name,
            warehouses=places_to_read(credential, warehouse),
            after=("", ""),
            limit=EXPORTED_MAX + 1,
        )
        found = await context_of(request).database.read(script)
        if len(found) > EXPORTED_MAX:
            raise Refused("too_large", f"more than {EXPORTED_MAX} entries: page the list")
        contents = [_writable(kind, it.content) for it in found]
        if format == "csv":
            text, media = write_sheet(kind.model, contents), f"{CSV}; charset=utf-8"
        else:
            text = json.dumps({kind.plural: contents}, ensure_ascii=False, indent=1)
            media = "application/json"
        name = f'attachment; filename="{kind.plural}.{format}"'
        return Response(text.encode(), media_type=media, headers={"Content-Disposition": name})

    return export_kind


def _writable(kind: Kind, content: Mapping[str, object]) -> dict[str, object]:
    """What people may write of a document, without what follows from the goods."""
    return {name: it for name, it in content.items() if name in kind.model.model_fields}


def _add(kind: Kind) -> None:
    sheet = {"type": "string"}
    listed = {
        "type": "object",
        "properties": {kind.plural: {"type": "array", "items": kind.model.model_json_schema()}},
        "required": [kind.plural],
    }
    body = {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": listed}, CSV: {"schema": sheet}},
        }
    }
    router.add_api_route(
        f"/import/{kind.plural}",
        _importer(kind),
        methods=["POST"],
        name=f"import_{kind.plural}",
        description=f"Write many {kind.plural} in one transaction, as JSON or CSV.",
        openapi_extra=body,
    )
    router.add_api_route(
        f"/export/{kind.plural}",
        _exporter(kind),
        methods=["GET"],
        name=f"export_{kind.plural}",
        description=f"All {kind.plural} in scope, as a file that import takes.",
        response_class=Response,
    )


for _each in KINDS:
    _add(_each)


# ------------------------------------------------------------------ many kinds at once


def _whole_schema() -> dict[str, object]:
    lists: dict[str, object] = {
        kind.plural: {"type": "array", "items": kind.model.model_json_schema()} for kind in KINDS
    }
    lists["network"] = master.NetworkBody.model_json_schema()
    schema = {"type": "object", "properties": lists, "additionalProperties": False}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.post("/import", openapi_extra=_whole_schema())
async def post_import(
    mutation: Annotated[Mutation, Depends(mutation_by(may(rights.READ)))],
) -> Response:
    """Write documents of many kinds in one transaction; each kind asks for its own right."""
    content = parse_json(mutation.raw)
    if not isinstance(content, dict):
        raise Refused("malformed", "body: expected an object of lists")
    entries: list[Entry] = []
    drafts: list[Draft] = []
    if (found := content.pop("network", None)) is not None:
        _ask(mutation.credential, rights.WRITE_MASTER)
        within(mutation.credential, [EVERYBODY])
        drafts.append(_network(found))
    for name in content:
        if name not in BY_PLURAL:
            raise Refused("malformed", f"{str(name)[:64]}: there is no such kind")
    for name, kind in BY_PLURAL.items():
        if name in content:
            _ask(mutation.credential, kind.write)
            entries += parse_entries(kind, _rows_of_list(name, content[name]))
    return await mutation.run(
        partial(_import, credential=mutation.credential, entries=entries, drafts=drafts)
    )


def _ask(credential: Credential, action: str) -> None:
    if not credential.may(action):
        raise Refused("forbidden", f"the role {credential.role} may not {action}")


def _network(content: object) -> Draft:
    try:
        network = master.NetworkBody.model_validate(content)
    except ValidationError as error:
        raise Refused("malformed", f"network: {_first(error)}") from error
    return Draft(doc.NETWORK, master.NETWORK_KEY, EVERYBODY, network.model_dump())


async def _import(
    tx: Transaction, *, credential: Credential, entries: list[Entry], drafts: list[Draft]
) -> dict[str, object]:
    n_changed = await change_documents(tx, drafts, []) if drafts else 0
    return {"changed": n_changed + await put_all(tx, credential=credential, entries=entries)}
