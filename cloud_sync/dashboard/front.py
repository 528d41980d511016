"""The pages in front of the API: one address for both, and what guards every page.

Under /ui are the pages, everything else is the API's. A page is answered to those only whose role
has its right, from a session that is looked up for each request; a form only with the session's
own token, from our own site. Refusals are pages too.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final
from urllib.parse import quote

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cloud_sync.contract.batches import Problem
from cloud_sync.dashboard import operations, planning
from cloud_sync.dashboard.assets import Assets
from cloud_sync.dashboard.glance import Glances
from cloud_sync.dashboard.live import Live
from cloud_sync.dashboard.navigation import navigation
from cloud_sync.dashboard.page import ROOT, Page
from cloud_sync.dashboard.sign_in import (
    COOKIE,
    choose,
    is_loopback,
    refuse_other_sites,
    sign_in,
    sign_out,
    taste_of,
    welcome,
)
from cloud_sync.dashboard.views import HERE, Views
from cloud_sync.dashboard.visit import Visit, read_form, token_of_forms
from cloud_sync.service.app import REQUEST_DEADLINE_S
from cloud_sync.service.context import Context
from cloud_sync.service.problems import STATUS, Refused
from cloud_sync.service.shield import Shield
from cloud_sync.store.credentials import Credential
from cloud_sync.store.ports import StoreError, ValueRefused
from cloud_sync.store.sessions import find_session
from cloud_sync.store.wall import hold_to

logger = logging.getLogger(__name__)

PAGES: Final = (*operations.PAGES, *planning.PAGES)

POLICY: Final = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'"
)
"""No script, style, font or picture of anybody else's, and none within a page itself."""

HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_WORDS_FOR: Final = {"not_found", "forbidden", "unavailable", "internal"}

Handler = Callable[[Request], Awaitable[Response]]


class Front:
    """The application that is served: pages, their stream, and the API behind them."""

    def __init__(self, api: ASGIApp, context: Context) -> None:
        self._api = api
        self._context = context
        self._live = Live(context)
        self._glances = Glances(context)
        self._assets = Assets(HERE / "static", f"{ROOT}/static")
        self._views = Views(self._assets, navigation(PAGES))
        routes = [
            Route("/", self._home),
            Route(ROOT, self._home),
            Route(f"{ROOT}/", self._home),
            Route(f"{ROOT}/static/{{name:path}}", self._assets.answer),
            Route(f"{ROOT}/sign-in", self._sign_in, methods=["GET", "POST"]),
            Route(f"{ROOT}/sign-out", self._sign_out, methods=["POST"]),
            Route(f"{ROOT}/choose", self._choose, methods=["POST"]),
            *(Route(it.path, self._guarded(it), methods=[it.method]) for it in PAGES),
        ]
        self._pages = self._shielded(routes, REQUEST_DEADLINE_S)
        self._stream_app = self._shielded([Route(f"{ROOT}/live", self._stream)], None)

    def _shielded(self, routes: Sequence[Route], deadline_s: float | None) -> Starlette:
        shield = Middleware(Shield, deadline_s=deadline_s, headers=HEADERS, tell=self._tell)
        return Starlette(routes=routes, exception_handlers=self._refusals(), middleware=[shield])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = str(scope.get("path", ""))
        if scope["type"] != "http" or not (path in {"/", ROOT} or path.startswith(f"{ROOT}/")):
            await self._api(scope, receive, send)
        elif path == f"{ROOT}/live":
            await self._stream_app(scope, receive, send)
        else:
            await self._pages(scope, receive, send)

    def close(self) -> None:
        """End what would not end by itself: the streams."""
        self._live.close()

    # -------------------------------------------------------------- for everybody

    async def _home(self, request: Request) -> Response:
        return RedirectResponse(f"{ROOT}/overview", status_code=303)

    async def _sign_in(self, request: Request) -> Response:
        problem, status = None, 200
        to = request.query_params.get("to", "")
        if request.method == "POST":
            refuse_other_sites(request)
            form = await read_form(request)
            to = form.get("to", "")
            name, token = form.get("name", "").strip(), form.get("token", "").strip()
            now_us = self._context.wall_us()
            try:
                secret = await sign_in(self._context, name=name, token=token, now_us=now_us)
            except Refused as error:
                problem, status = "sign_in.busy", STATUS[error.problem.code]
            else:
                if secret is not None:
                    return welcome(request, secret, to)
                problem, status = "sign_in.wrong", 401
        is_plain = request.url.scheme == "http" and not is_loopback(request)
        return self._bare(
            request, "sign_in.html", status, problem=problem, to=to, is_plain=is_plain
        )

    async def _sign_out(self, request: Request) -> Response:
        await _read_own_form(request)
        return await sign_out(request, self._context)

    async def _choose(self, request: Request) -> Response:
        refuse_other_sites(request)
        form = await read_form(request)
        return choose(
            request,
            language=form.get("language", ""),
            theme=form.get("theme", ""),
            to=form.get("to", ""),
        )

    # -------------------------------------------------------------- for those signed in

    def _guarded(self, page: Page) -> Handler:
        async def answer(request: Request) -> Response:
            credential = await self._identify(request)
            if credential is None:
                return _to_sign_in(request)
            if not credential.may(page.action):
                raise Refused("forbidden", f"the role {credential.role} may not {page.action}")
            hold_to(credential.scope)
            return await page.answer(await self._visit(request, credential))

        return answer

    async def _visit(self, request: Request, credential: Credential) -> Visit:
        form = await _read_own_form(request) if request.method == "POST" else {}
        return Visit(
            request=request,
            context=self._context,
            credential=credential,
            taste=taste_of(request),
            views=self._views,
            glances=self._glances,
            form_token=token_of_forms(request.cookies[COOKIE]),
            now_us=self._context.wall_us(),
            form=form,
        )

    async def _identify(self, request: Request) -> Credential | None:
        secret = request.cookies.get(COOKIE, "")
        if not secret:
            return None
        now_us = self._context.wall_us()
        return await self._context.database.read(
            partial(find_session, secret=secret, now_us=now_us)
        )

    async def _stream(self, request: Request) -> Response:
        if await self._identify(request) is None:
            raise Refused("unauthorised", "the session has ended")
        if self._live.is_full:
            raise Refused("busy", "too many pages are open; come again")

        async def who() -> AsyncIterator[Credential]:
            while (credential := await self._identify(request)) is not None:
                yield credential

        return StreamingResponse(
            self._live.stream(who),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    # -------------------------------------------------------------- refusals

    def _refusals(self) -> dict[type[Exception], Callable[[Request, Exception], Response]]:
        return {
            Refused: self._refused,
            HTTPException: self._http,
            ValueRefused: self._value_refused,
            StoreError: self._unavailable,
        }

    def _refused(self, request: Request, error: Exception) -> Response:
        if not isinstance(error, Refused):
            raise AssertionError(f"registered for Refused, called for {type(error).__name__}")
        return self._problem(request, error.problem.code, error.problem.message)

    def _http(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return self._problem(request, {405: "method_not_allowed"}.get(status, "not_found"), "")

    def _value_refused(self, request: Request, error: Exception) -> Response:
        logger.warning("value refused", extra={"action": "value_refused", "reason": str(error)})
        return self._problem(request, "malformed", "")

    def _unavailable(self, request: Request, error: Exception) -> Response:
        logger.error("store failed", extra={"action": "store_failed", "reason": str(error)})
        return self._problem(request, "unavailable", "")

    def _tell(self, scope: Scope, problem: Problem, headers: Mapping[str, str]) -> Response:
        """What went wrong beneath all handlers, for people."""
        response = self._problem(Request(scope), problem.code, "")
        response.headers.update(headers)
        return response

    def _problem(self, request: Request, code: str, detail: str) -> Response:
        key = f"error.{code}" if code in _WORDS_FOR else "error.other"
        return self._bare(request, "problem.html", STATUS[code], key=key, detail=detail)

    def _bare(self, request: Request, template: str, status: int, **values: object) -> Response:
        """A page without the navigation, for whoever asks."""
        html = self._views.render(
            template, taste=taste_of(request), path=request.url.path, **values
        )
        headers = {"Cache-Control": "no-store"}
        return Response(html, status, headers=headers, media_type="text/html")


async def _read_own_form(request: Request) -> dict[str, str]:
    """The fields of a form that we made for this session. Raises Refused for any other."""
    refuse_other_sites(request)
    form = await read_form(request)
    expected = token_of_forms(request.cookies.get(COOKIE, ""))
    if not hmac.compare_digest(form.pop("form_token", "").encode(), expected.encode()):
        raise Refused("forbidden", "the form is not one of this session")
    return form


def _to_sign_in(request: Request) -> Response:
    to = request.url.path
    if request.url.query:
        to += f"?{request.url.query}"
    where = f"{ROOT}/sign-in?to={quote(to if request.method == 'GET' else '')}"
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"HX-Redirect": where})
    return RedirectResponse(where, status_code=303)


def put_in_front(api: FastAPI) -> Front:
    """The pages in front of the cloud's API, on the same database."""
    context = api.state.context
    if not isinstance(context, Context):
        raise AssertionError("the application was made without a context")
    return Front(api, context)
