"""The one way to change something over HTTP: a body read once, an effect that happens once.

A route that writes takes a `Mutation`, made for the guard of those who may call it:

    @router.put("/things/{id}")
    async def put_thing(mutation: Annotated[Mutation, Depends(mutation_by(as_admin))]) -> Response:
        thing = mutation.parse(ThingBody)
        return await mutation.run(partial(put, thing=thing))

`Idempotency-Key` is optional where a repeat finds its work done, and demanded elsewhere. With one,
the same request gets the first answer again, success or refusal, with `Idempotent-Replayed: true`;
another request under the same key gets 422 `key_reused`. The answer is kept in the transaction of
its effect, so there is no moment at which one of them is there without the other. Two at once: the
second waits for the first.
"""

# Without `from __future__ import annotations`: FastAPI has to see the guard inside a closure.
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import Depends, Header
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cloud_sync.contract.events import canonical
from cloud_sync.service.access import Guard
from cloud_sync.service.bodies import Model, body_of, read_body
from cloud_sync.service.context import context_of
from cloud_sync.service.problems import Refused, render
from cloud_sync.store import idempotency
from cloud_sync.store.audit import Deed, audited
from cloud_sync.store.credentials import GATEWAY, Credential
from cloud_sync.store.ports import Database, Script, Transaction

KEY_PATTERN: Final = r'^(?:[\x21\x23-\x7e]{1,128}|"[\x21\x23-\x7e]{1,128}")$'
"""Visible ASCII; in quotes, as RFC 8941 writes a string, or without: both mean the same key."""

NOT_KEPT: Final = 429
"""From here on a refusal says something about the moment and not about the request."""

CALL_MAX: Final = 500

REPLAYED: Final = {"Idempotent-Replayed": "true"}

IdempotencyKey = Annotated[str | None, Header(pattern=KEY_PATTERN)]


@dataclass(frozen=True, slots=True)
class Mutation:
    """One request that may change something: who asks, what for, and when.

    call: what is asked for, as the audit log tells it.
    """

    database: Database
    credential: Credential
    raw: bytes
    now_us: int
    ticket: idempotency.Ticket | None
    call: str = ""

    def parse(self, model: type[Model]) -> Model:
        """The body as `model`. Raises Refused."""
        parse: Callable[[bytes], Model] = body_of(model)
        return parse(self.raw)

    def demand_key(self, why: str) -> None:
        """Raises Refused if no key tells a repeat of this request from a second one."""
        if self.ticket is None:
            raise Refused("malformed", f"Idempotency-Key: is missing; {why}")

    async def run(self, script: Script[Mapping[str, object]], *, status: int = 200) -> Response:
        """Run the script once, whatever the number of times it is asked for.

        script: writes, and gives the answer; it may raise Refused, and nothing is then kept but
        the refusal. status: of the answer. What is done is told in the audit log, with it.
        """
        script = audited(script, self._deed())
        if self.ticket is None:
            return _rendered(status, canonical(await self.database.transact(script)))
        once = partial(_run_once, script=script, ticket=self.ticket, status=status)
        try:
            outcome = await self.database.transact(once)
        except Refused as error:
            refusal = render(error.problem)
            if refusal.status_code >= NOT_KEPT:
                raise
            # Nothing was changed, so nothing has to be in one transaction with this.
            keep = partial(_keep_refusal, ticket=self.ticket, refusal=refusal)
            outcome = await self.database.transact(keep)
        if isinstance(outcome, idempotency.Reused):
            raise Refused("key_reused", "the Idempotency-Key was used for another request")
        if isinstance(outcome, idempotency.Kept):
            return _rendered(outcome.status, outcome.answer, REPLAYED)
        return outcome

    def _deed(self) -> Deed:
        kind = "gateway" if self.credential.role == GATEWAY else "user"
        request = hashlib.sha256(self.raw).hexdigest() if self.raw else ""
        return Deed(self.credential.name, kind, self.call, self.now_us, request)


def told_once(response: Response, **secret: str) -> Response:
    """The answer of a mutation with a secret in it that is kept nowhere: in the first answer of a
    success, and in no other."""
    is_repeat = any(it in response.headers for it in REPLAYED)
    if response.status_code != HTTPStatus.OK or is_repeat:
        return response
    return JSONResponse({**json.loads(bytes(response.body)), **secret})


Outcome = Response | idempotency.Kept | idempotency.Reused


async def _run_once(
    tx: Transaction,
    *,
    script: Script[Mapping[str, object]],
    ticket: idempotency.Ticket,
    status: int,
) -> Outcome:
    claimed = await idempotency.claim(tx, ticket)
    if not isinstance(claimed, idempotency.Claimed):
        return claimed
    answer = canonical(await script(tx))
    await idempotency.keep_answer(tx, ticket, status=status, answer=answer)
    return _rendered(status, answer)


async def _keep_refusal(
    tx: Transaction, *, ticket: idempotency.Ticket, refusal: Response
) -> Outcome:
    claimed = await idempotency.claim(tx, ticket)
    if not isinstance(claimed, idempotency.Claimed):
        return claimed  # somebody with the same key was quicker, and was answered
    await idempotency.keep_answer(
        tx, ticket, status=refusal.status_code, answer=bytes(refusal.body)
    )
    return refusal


def _rendered(status: int, answer: bytes, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        answer, status_code=status, media_type="application/json", headers=dict(headers or {})
    )


def mutation_by(guard: Guard, *, needs_key: bool = False) -> Callable[..., Awaitable[Mutation]]:
    """The dependency that gives a Mutation to those whom `guard` lets in.

    needs_key: where the same request sent twice without a key would be done twice.
    """

    async def with_key(
        request: Request,
        credential: Annotated[Credential, Depends(guard)],
        idempotency_key: Annotated[str, Header(pattern=KEY_PATTERN)],
    ) -> Mutation:
        return await read_mutation(request, credential, idempotency_key)

    async def read_mutation(
        request: Request,
        credential: Annotated[Credential, Depends(guard)],
        idempotency_key: IdempotencyKey = None,
    ) -> Mutation:
        raw = await read_body(request)
        context = context_of(request)
        now_us = context.wall_us()
        ticket = None
        if idempotency_key is not None:
            # A user's role may change between two tries; what the request means does not.
            kind = "gateway" if credential.role == GATEWAY else "user"
            ticket = idempotency.Ticket(
                caller=f"{kind}:{credential.name}",
                key=idempotency_key.strip('"'),
                request=_fingerprint(request, raw),
                at_us=now_us,
            )
        return Mutation(context.database, credential, raw, now_us, ticket, call_of(request))

    return with_key if needs_key else read_mutation


def call_of(request: Request) -> str:
    """What a request asks for, in a line: no body, and no header, so no secret."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.method} {request.url.path}{query}"[:CALL_MAX]


def _fingerprint(request: Request, raw: bytes) -> bytes:
    """A hash over method, path, query and body; no two different requests share their parts."""
    digest = hashlib.sha256()
    target = (request.method, request.url.path, request.url.query)
    for part in (*(text.encode() for text in target), raw):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
