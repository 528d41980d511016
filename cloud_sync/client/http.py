"""The edge side of the wire: batches up, changes down, over HTTP and nothing trusted.

- One deadline for the whole exchange: httpx's own time-outs are per read, and a server that
  drips a byte a second never trips them.
- Replies are read and inflated up to a cap, so that no reply can fill the box's memory.
- No redirects, no proxy variables, no cookies: the configured URL is the only place to talk to.
httpx is used here and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Protocol, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from cloud_sync.client.errors import Refused, Unavailable
from cloud_sync.contract.batches import BatchAnswer, Problem
from cloud_sync.contract.documents import ChangePage
from cloud_sync.contract.enrolment import EnrolAnswer, EnrolRequest, RenewAnswer, RenewRequest
from cloud_sync.contract.signing import HEADER, KeysAnswer

MAX_REPLY_BYTES: Final = 16 * 2**20
RETRY_STATUS: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
CONNECTIONS_MAX: Final = 6
"""Four batches under way, one question for changes, and one that was given up."""
GZIP_LEVEL: Final = 1
"""Level 6 saves a sixth of the bytes for seven times the CPU time on these events."""

Answer = TypeVar("Answer", bound=BaseModel)


class Seal(Protocol):
    """What tells whether an answer is the cloud's own, to the question it was made for."""

    challenge: str

    def check(self, body: bytes, header: str | None) -> None:
        """Return if it is. Raises contract.signing.NotSigned."""
        ...


class CloudClient:
    """One gateway's way to the cloud. Made by `open_client`."""

    def __init__(self, http: httpx.AsyncClient, *, deadline_s: float) -> None:
        self._http = http
        self._deadline_s = deadline_s
        self._packing = asyncio.Lock()

    async def send_batch(self, body: bytes) -> BatchAnswer:
        """Hand over one encoded batch. Raises Unavailable (outcome unknown) or Refused."""
        # One after the other, so that batches set out in the order in which they were given.
        async with self._packing:
            compressed = await asyncio.to_thread(gzip.compress, body, GZIP_LEVEL, mtime=0)
        request = self._http.build_request(
            "POST",
            "/sync/v1/batches",
            content=compressed,
            headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
        )
        return await self._exchange(request, BatchAnswer)

    async def fetch_changes(
        self, cursor: int, limit: int, mark: str | None = None, seal: Seal | None = None
    ) -> ChangePage:
        """The documents that changed after `cursor`. Raises Unavailable or Refused.

        seal: looks at the answer before anything is read in it, and may raise NotSigned.
        """
        params: dict[str, int | str] = {"cursor": cursor, "limit": limit}
        if mark is not None:
            params["mark"] = mark
        if seal is not None:
            params["challenge"] = seal.challenge
        request = self._http.build_request("GET", "/sync/v1/changes", params=params)
        return await self._exchange(request, ChangePage, seal)

    async def fetch_keys(self, after: str) -> KeysAnswer:
        """How the cloud's key came to be, from one on. Raises Unavailable or Refused."""
        request = self._http.build_request("GET", "/sync/v1/keys", params={"after": after})
        return await self._exchange(request, KeysAnswer)

    async def enrol(self, asked: EnrolRequest) -> EnrolAnswer:
        """Become a gateway by a code. Raises Unavailable (outcome unknown) or Refused."""
        return await self._exchange(self._post("/sync/v1/enrol", asked), EnrolAnswer)

    async def renew(self, asked: RenewRequest) -> RenewAnswer:
        """Get another token. Raises Unavailable (outcome unknown) or Refused."""
        return await self._exchange(self._post("/sync/v1/renew", asked), RenewAnswer)

    def use_token(self, token: str) -> None:
        """Speak by another token from the next request on."""
        self._http.headers["Authorization"] = f"Bearer {token}"

    def _post(self, path: str, asked: BaseModel) -> httpx.Request:
        headers = {"Content-Type": "application/json"}
        content = asked.model_dump_json()
        return self._http.build_request("POST", path, content=content, headers=headers)

    async def _exchange(
        self, request: httpx.Request, model: type[Answer], seal: Seal | None = None
    ) -> Answer:
        try:
            async with asyncio.timeout(self._deadline_s):
                response = await self._http.send(request, stream=True)
                try:
                    raw = await _read_bounded(response)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise Unavailable(f"no whole answer within {self._deadline_s:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, zlib.error) as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error
        if response.status_code != httpx.codes.OK:
            raise _failure(response, raw)
        if seal is not None:
            seal.check(raw, response.headers.get(HEADER))
        try:
            return model.model_validate_json(raw)
        except ValidationError as error:
            raise Unavailable("the answer is not of the contract") from error


async def _read_bounded(response: httpx.Response) -> bytes:
    """The body, inflated by ourselves so that the cap holds for what comes out, too."""
    inflater = zlib.decompressobj(wbits=31) if _is_gzip(response) else None
    parts: list[bytes] = []
    total = 0
    async for piece in response.aiter_raw():
        out = piece if inflater is None else inflater.decompress(piece, MAX_REPLY_BYTES + 1)
        total += len(out)
        if total > MAX_REPLY_BYTES or (inflater is not None and inflater.unconsumed_tail):
            raise Unavailable(f"the answer is longer than {MAX_REPLY_BYTES} bytes")
        parts.append(out)
    if inflater is not None and not inflater.eof:
        raise Unavailable("the answer was cut short")
    return b"".join(parts)


def _is_gzip(response: httpx.Response) -> bool:
    return str(response.headers.get("Content-Encoding", "")).strip().lower() == "gzip"


def _failure(response: httpx.Response, raw: bytes) -> Unavailable | Refused:
    status = response.status_code
    try:
        problem = _Envelope.model_validate_json(raw).error
    except ValidationError:
        problem = Problem(code=f"http_{status}", message=f"HTTP {status}")
    if status in RETRY_STATUS or status < 400:
        return Unavailable(problem.message, retry_after_s=_retry_after_s(response))
    return Refused(problem.message, code=problem.code, expected_seq=problem.expected_seq)


class _Envelope(BaseModel):
    error: Problem


def _retry_after_s(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 8 else None


@contextlib.asynccontextmanager
async def open_client(
    url: str, *, token: str | None, deadline_s: float, ca_file: Path | None = None
) -> AsyncIterator[CloudClient]:
    """A client for the cloud at `url`, its connections closed at the end of the context.

    token: None for a box that has none yet.
    """
    verify = httpx.create_ssl_context(verify=str(ca_file)) if ca_file is not None else True
    speaker = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        base_url=url,
        verify=verify,
        headers={**speaker, "Accept-Encoding": "gzip"},
        follow_redirects=False,
        trust_env=False,
        timeout=deadline_s,
        limits=httpx.Limits(
            max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX
        ),
    ) as http:
        yield CloudClient(http, deadline_s=deadline_s)
