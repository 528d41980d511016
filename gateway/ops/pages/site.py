"""What the box's pages answer.

    GET  /  /pda/  /static/…            the pages: files, the same for everybody
    GET  /words/LANGUAGE.json           all words, in one language; the same at /pda/words/
    GET  /pda/config.json               what the PDA page has to know of this warehouse
    GET  /api/session                   {"signed_in", "guard"?, "language", "may_read"}
    POST /api/session  {"token"}        sign in;  DELETE: sign out
    GET  /api/report[?stock=1]          {"running", "report", "reason"?}: `status --json`
    GET  /api/shelf                     {"items", "lots"}: names and expiry days of the stock
    GET  /api/quarantine?before=ID      {"messages", "more"}, the newest first
    GET  /api/quarantine/ID             one message, whole
    POST /api/quarantine/ID/reinject    signed in
    POST /api/bundle                    signed in: the support bundle
    GET  /metrics                       for Prometheus

On the box itself anybody may look. From elsewhere (a listener that is not on loopback) one has to
be signed in, or to send the token as `Authorization: Bearer`. Whatever changes something needs a
session and its guard in `X-Forepost-Guard`, from a page of our own.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from gateway.errors import GatewayError, JournalError
from gateway.ops.pages.exchange import Handler, Request, Response, as_json, refusal
from gateway.ops.pages.languages import words_of
from gateway.ops.pages.sessions import SESSION_S, Session, Sessions
from gateway.ops.pages.static_files import static_files, whole_tag

COOKIE: Final = "forepost-box"
GUARD_HEADER: Final = "x-forepost-guard"
PAGES: Final = {"/": "index.html", "/pda/": "pda/index.html"}
LANGUAGES: Final = ("en", "zh")
_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

Rows = Awaitable[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the pages have it from; each may raise GatewayError.

    report: the running gateway's; files: what its files say where it does not run, and why not.
    reinject: leaves a request with the running gateway. bundle: file name and content; None
    where this program makes none.
    """

    report: Callable[[], Rows]
    files: Callable[[str], Rows]
    shelf: Callable[[], Rows]
    quarantine: Callable[[int | None], Rows]
    message: Callable[[int], Rows]
    reinject: Callable[[int], Awaitable[None]]
    metrics: Callable[[], Awaitable[str]]
    bundle: Callable[[], Awaitable[tuple[str, bytes]]] | None


@dataclass(frozen=True, slots=True)
class SiteOptions:
    """What the site is.

    hosts: by what names it may be called; another one is somebody's trick with DNS.
    is_open: anybody who gets here may look. websocket_port: of the broker; None: no PDA page.
    pda: what /pda/config.json says besides.
    """

    hosts: frozenset[str]
    is_open: bool
    is_tls: bool
    language: str
    websocket_port: int | None
    pda: Mapping[str, object]


class Site:
    """Answers requests."""

    def __init__(self, options: SiteOptions, sources: Sources, sessions: Sessions) -> None:
        self._options, self._sources, self._sessions = options, sources, sessions
        self._static = static_files()
        self._pda_tag = whole_tag(self._static, "")
        self._words = {it: as_json(words_of(it)) for it in LANGUAGES}
        self._readers: dict[str, Handler] = {
            "/api/report": self._report,
            "/api/shelf": self._shelf,
            "/api/quarantine": self._quarantine,
            "/metrics": self._metrics,
        }

    async def answer(self, request: Request) -> Response:
        """The answer to a request."""
        host = _host_of(request.headers.get("host", ""))
        if host not in self._options.hosts:
            return self._finish(refusal(421, f"{host}: not a name of this box"), request)
        try:
            answer = await self._answer(request)
        except GatewayError as error:
            answer = refusal(503, str(error), Retry_After="2")
        return self._finish(answer, request)

    async def _answer(self, request: Request) -> Response:
        match request.method:
            case "GET" | "HEAD":
                return await self._look(request)
            case "POST" | "DELETE":
                return await self._change(request)
            case _:
                return refusal(405, f"{request.method}: not here", Allow="GET, HEAD, POST, DELETE")

    def _finish(self, answer: Response, request: Request) -> Response:
        connect = "'self'"
        if request.path.startswith("/pda/") and self._options.websocket_port is not None:
            # The broker is on the same box at another port, and so another origin.
            scheme = "wss" if self._options.is_tls else "ws"
            named = request.headers.get("host", "").rpartition("]")
            host = (named[0] + "]") if named[0] else named[2].partition(":")[0]
            connect += f" {scheme}://{host}:{self._options.websocket_port}"
        policy = (
            f"default-src 'self'; connect-src {connect};"
            " object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )
        fixed = {"Cache-Control": "no-store", "Content-Security-Policy": policy, **_ALWAYS}
        return replace(answer, headers={**fixed, **answer.headers})

    # ------------------------------------------------------------ looking

    async def _look(self, request: Request) -> Response:
        path = request.path
        if path == "/api/session":
            return self._session(request)
        if path == "/pda/config.json":
            return as_json(self._pda_config())
        if path.startswith(("/words/", "/pda/words/")):
            language = path.rpartition("/")[2].removesuffix(".json")
            return self._words.get(language) or refusal(404, f"{language}: no such language")
        if path in self._readers or path.startswith("/api/quarantine/"):
            if not self._may_read(request):
                return refusal(401, "sign in first", WWW_Authenticate="Bearer")
            return await self._readers.get(path, self._message)(request)
        return self._file(request)

    def _file(self, request: Request) -> Response:
        name = PAGES.get(request.path) or request.path.removeprefix("/static/").lstrip("/")
        if name == request.path.lstrip("/") and not name.startswith("pda/"):
            return refusal(404, "there is no such page")
        found = self._static.get(name)
        if found is None:
            return refusal(404, "there is no such page")
        headers = {"ETag": found.tag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == found.tag:
            return Response(304, b"", found.content_type, headers)
        return Response(200, found.body, found.content_type, headers)

    def _pda_config(self) -> dict[str, object]:
        return {
            **self._options.pda,
            "websocket_port": self._options.websocket_port,
            "version": self._pda_tag,
            "language": self._options.language,
        }

    def _may_read(self, request: Request) -> bool:
        if self._options.is_open or self._session_of(request) is not None:
            return True
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        # 160 bits are not guessed, however often it is tried.
        return self._sessions.is_token(token)

    def _session_of(self, request: Request) -> Session | None:
        return self._sessions.find(request.cookie(COOKIE))

    def _session(self, request: Request) -> Response:
        session = self._session_of(request)
        said: dict[str, object] = {
            "signed_in": session is not None,
            "may_read": self._may_read(request),
            "has_token": self._sessions.digest() is not None,
            "has_bundle": self._sources.bundle is not None,
            "language": self._options.language,
        }
        if session is not None:
            said["guard"] = session.guard
        return as_json(said)

    async def _report(self, request: Request) -> Response:
        try:
            report = dict(await self._sources.report())
            if request.query.get("stock") != "1":
                report.pop("stock", None)  # the greater part of it, and seldom looked at
            return as_json({"running": True, "report": report})
        except GatewayError as error:
            files = await self._sources.files(str(error))
            return as_json({"running": False, "reason": str(error), "report": files})

    async def _shelf(self, _request: Request) -> Response:
        return as_json(await self._sources.shelf())

    async def _quarantine(self, request: Request) -> Response:
        before = request.query.get("before")
        if before is not None and not _is_number(before):
            return refusal(400, "before: a number")
        return as_json(await self._sources.quarantine(None if before is None else int(before)))

    async def _message(self, request: Request) -> Response:
        number = request.path.removeprefix("/api/quarantine/")
        if not _is_number(number):
            return refusal(404, "there is no such message")
        try:
            return as_json(await self._sources.message(int(number)))
        except JournalError as error:
            return refusal(404, str(error))

    async def _metrics(self, _request: Request) -> Response:
        text = await self._sources.metrics()
        return Response(200, text.encode(), "text/plain; version=0.0.4; charset=utf-8")

    # ------------------------------------------------------------ changing

    async def _change(self, request: Request) -> Response:
        if not _is_from_our_page(request, is_tls=self._options.is_tls):
            return refusal(403, "only from a page of this box")
        if request.path == "/api/session" and request.method == "POST":
            return self._sign_in(request)
        session = self._session_of(request)
        if session is None:
            return refusal(401, "sign in first")
        if not _is_same(request.headers.get(GUARD_HEADER, ""), session.guard):
            return refusal(403, "this page is out of date: load it again")
        parts = request.path.split("/")
        match request.method, parts[1:]:
            case "DELETE", ["api", "session"]:
                self._sessions.end(request.cookie(COOKIE))
                return as_json({"signed_in": False}, Set_Cookie=self._cookie("", 0))
            case "POST", ["api", "quarantine", number, "reinject"] if _is_number(number):
                try:
                    await self._sources.reinject(int(number))
                except GatewayError as error:
                    return refusal(409, str(error))
                return as_json({"asked": int(number)}, 202)
            case "POST", ["api", "bundle"] if self._sources.bundle is not None:
                name, content = await self._sources.bundle()
                shown = {"Content-Disposition": f'attachment; filename="{name}"'}
                return Response(200, content, "application/octet-stream", shown)
            case _:
                return refusal(404, "there is no such thing to do")

    def _sign_in(self, request: Request) -> Response:
        try:
            said = json.loads(request.body)
        except (ValueError, RecursionError):
            said = None
        token = said.get("token") if isinstance(said, dict) else None
        if not isinstance(token, str):
            return refusal(400, "token: missing")
        if self._sessions.is_crowded():
            return refusal(429, "too many tries: wait a little", Retry_After="5")
        if not self._sessions.is_token(token):
            return refusal(401, "not the token of this box")
        name, session = self._sessions.begin()
        cookie = self._cookie(name, round(SESSION_S))
        return as_json({"signed_in": True, "guard": session.guard}, Set_Cookie=cookie)

    def _cookie(self, value: str, age_s: int) -> str:
        secure = "; Secure" if self._options.is_tls else ""
        return f"{COOKIE}={value}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}"


def _host_of(header: str) -> str:
    """The host of a Host header, without its port."""
    if header.startswith("["):
        return header.partition("]")[0].lstrip("[").lower()
    return header.partition(":")[0].lower()


def _is_from_our_page(request: Request, *, is_tls: bool) -> bool:
    """Whether a browser sends this from one of our pages. Programs say nothing of either."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    scheme = "https" if is_tls else "http"
    return origin is None or origin == f"{scheme}://{request.headers.get('host', '')}"


def _is_same(given: str, kept: str) -> bool:
    return hmac.compare_digest(given.encode(), kept.encode())


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16
