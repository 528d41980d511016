"""Reading request bodies: bounded before anything looks into them, strict when it does."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from cloud_sync.contract.batches import MAX_BATCH_BYTES
from cloud_sync.service.problems import Refused

Model = TypeVar("Model", bound=BaseModel)

_GZIP: Final = 31
"""zlib's wbits for gzip with its header and checksum."""


async def read_body(request: Request, bytes_max: int = MAX_BATCH_BYTES) -> bytes:
    """The body, inflated. Raises Refused where it is too large either way, or not gzip."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise Refused("encoding", f"Content-Encoding: gzip or none, got {encoding[:32]!r}")
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced[:18]) > bytes_max:
        raise _too_large(bytes_max)
    parts: list[bytes] = []
    n_bytes = 0
    try:
        async for part in request.stream():
            n_bytes += len(part)
            if n_bytes > bytes_max:
                raise _too_large(bytes_max)
            parts.append(part)
    except ClientDisconnect as error:
        raise Refused("malformed", "the body ended early") from error
    raw = b"".join(parts)
    return raw if encoding == "identity" else inflate(raw, bytes_max)


def inflate(raw: bytes, bytes_max: int) -> bytes:
    """The content of one gzip member, whole and not longer than `bytes_max`. Raises Refused."""
    inflater = zlib.decompressobj(_GZIP)
    try:
        out = inflater.decompress(raw, bytes_max + 1)
    except zlib.error as error:
        raise Refused("malformed", f"body: not gzip: {error}") from error
    if len(out) > bytes_max:
        raise _too_large(bytes_max)
    if not inflater.eof or inflater.unused_data:
        raise Refused("malformed", "body: not one whole gzip member")
    return out


def _too_large(bytes_max: int) -> Refused:
    return Refused("too_large", f"the body is longer than {bytes_max} bytes")


def body_of(model: type[Model]) -> Callable[[bytes], Model]:
    """Parses bytes as `model`: no key twice, none unknown, no NaN. Raises Refused."""

    def parse(raw: bytes) -> Model:
        try:
            return model.model_validate(parse_json(raw))
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            path = ".".join(str(part) for part in problem["loc"]) or "body"
            raise Refused("malformed", f"{path}: {problem['msg']}") from error

    return parse


async def read_model(request: Request, model: type[Model]) -> Model:
    """The body as `model`. Raises Refused."""
    parse: Callable[[bytes], Model] = body_of(model)
    return parse(await read_body(request))


def documented(model: type[BaseModel]) -> dict[str, object]:
    """What the served description says of a body that the framework does not read itself."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


def parse_json(raw: bytes) -> object:
    """The JSON value in a person's request. Raises Refused."""
    try:
        value: object = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
        # Lone surrogates and numbers beyond a double get past the parser, but not out again.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError as error:
        raise Refused("malformed", "body: nested too deeply") from error
    except ValueError as error:
        raise Refused("malformed", f"body: {error}") from error
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
