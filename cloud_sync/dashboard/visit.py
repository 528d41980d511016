"""One request of somebody who is signed in, as the pages see it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from cloud_sync.contract import keys
from cloud_sync.contract.events import canonical
from cloud_sync.dashboard.glance import Glances
from cloud_sync.dashboard.languages import Words
from cloud_sync.dashboard.views import Views
from cloud_sync.service.access import reach
from cloud_sync.service.context import Context
from cloud_sync.service.mutation import Mutation, call_of
from cloud_sync.service.problems import Refused
from cloud_sync.store import idempotency
from cloud_sync.store.credentials import Credential
from cloud_sync.store.ports import Script, T

FORM_BYTES_MAX: Final = 64 * 1024
FIELDS_MAX: Final = 1000
THEMES: Final = ("light", "dark")
_KEY: Final = re.compile(r"[0-9A-Za-z_-]{8,64}")


@dataclass(frozen=True, slots=True)
class Taste:
    """How somebody likes the pages. theme: None follows the machine's own."""

    words: Words
    theme: str | None


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks, for what, at what time. form: the fields of a POST, empty otherwise."""

    request: Request
    context: Context
    credential: Credential
    taste: Taste
    views: Views
    glances: Glances
    form_token: str
    now_us: int
    form: Mapping[str, str]

    def t(self, key: str, **blanks: object) -> str:
        """The words for `key` in the reader's language."""
        return self.taste.words.say(key, **blanks)

    def may(self, action: str) -> bool:
        """Whether to offer what takes this right."""
        return self.credential.may(action)

    def asked(self, name: str) -> str:
        """What the address says of `name`: in the path, or behind the question mark; or ""."""
        found = self.request.path_params.get(name) or self.request.query_params.get(name) or ""
        return str(found)

    def scope(self, warehouse: str | None = None) -> list[str] | None:
        """The warehouses to read, None for all. Raises Refused for one out of scope."""
        return reach(self.credential, warehouse)

    def warehouse(self) -> str:
        """The warehouse in the path, in scope. Raises Refused."""
        name = self.asked("warehouse")
        if not keys.is_id(name):
            raise Refused("not_found", f"{name!r} is no warehouse")
        reach(self.credential, name)
        return name

    async def read(self, script: Script[T]) -> T:
        """What the database says to a script, on one consistent state."""
        return await self.context.database.read(script)

    async def render(self, template: str, *, status: int = 200, **values: object) -> Response:
        """A page. Made in a thread: two thousand rows take longer than the loop may stand."""
        html = await asyncio.to_thread(
            partial(self.views.render, template, taste=self.taste, visit=self, **values)
        )
        return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-store"})

    def go(self, path: str) -> Response:
        """On to another page, after a form."""
        return RedirectResponse(path, status_code=303)

    def mutation(self, body: Mapping[str, object]) -> Mutation:
        """The same as a request to the API with this body, by the same user.

        The form's `key` field is the Idempotency-Key: who presses twice means it once.
        """
        raw = canonical(body)
        key = self.form.get("key", "")
        ticket = None
        if _KEY.fullmatch(key):
            asked = hashlib.sha256(self.request.url.path.encode() + b"\0" + raw).digest()
            caller = f"user:{self.credential.name}"
            ticket = idempotency.Ticket(caller, f"ui-{key}", asked, self.now_us)
        call = call_of(self.request)
        return Mutation(self.context.database, self.credential, raw, self.now_us, ticket, call)

    async def act(
        self, call: Callable[[Mutation], Awaitable[Response]], body: Mapping[str, object]
    ) -> None:
        """Have a call of the API's done for this form. Raises Refused, also where the refusal
        was kept under the form's key and comes back as an answer."""
        response = await call(self.mutation(body))
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            problem = json.loads(bytes(response.body))["error"]
            raise Refused(problem["code"], problem["message"])


def token_of_forms(secret: str) -> str:
    """What every form of a session carries: proof that we made the form, and no use elsewhere."""
    return hmac.new(secret.encode(), b"forms", hashlib.sha256).hexdigest()


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; of several with one name the last. Raises Refused."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Refused("malformed", "a form is application/x-www-form-urlencoded")
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > FORM_BYTES_MAX:
            raise Refused("too_large", f"a form has at most {FORM_BYTES_MAX} bytes")
    try:
        pairs = parse_qsl(
            raw.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict"
        )
    except ValueError as error:
        raise Refused("malformed", "not a form") from error
    return dict(pairs)
