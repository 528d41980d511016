"""Signing in and out, language and theme: what is there for those who are not signed in yet.

A user name and a token of the API become a session (store/sessions.py), whose secret the browser
keeps in a cookie that no script can read and no other site can have sent.
"""

from __future__ import annotations

import ipaddress
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from cloud_sync.contract import keys
from cloud_sync.dashboard.languages import LANGUAGES, Words, choose_language
from cloud_sync.dashboard.page import ROOT
from cloud_sync.dashboard.visit import THEMES, Taste
from cloud_sync.service.access import TOKEN_CHARACTERS_MAX
from cloud_sync.service.context import Context
from cloud_sync.service.problems import Refused
from cloud_sync.store import sessions

COOKIE: Final = "forepost_session"
LANGUAGE_COOKIE: Final = "forepost_language"
THEME_COOKIE: Final = "forepost_theme"
YEAR_S: Final = 365 * 86_400
HOME: Final = f"{ROOT}/overview"


def taste_of(request: Request) -> Taste:
    """Language and theme: of choice, else the browser's."""
    language = choose_language(
        request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", "")
    )
    theme = request.cookies.get(THEME_COOKIE)
    return Taste(Words(language), theme if theme in THEMES else None)


def refuse_other_sites(request: Request) -> None:
    """Raises Refused for a form that another site had sent: browsers say where one is from."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    host = request.headers.get("host")
    if site not in {None, "same-origin"} or (origin and urlsplit(origin).netloc != host):
        raise Refused("forbidden", "the form comes from another site")


async def sign_in(context: Context, *, name: str, token: str, now_us: int) -> str | None:
    """The secret of a new session; None if name and token are not both right."""
    if not context.strangers.allows(now_us):
        raise Refused("busy", "too many strangers; come again")
    if not keys.is_id(name) or not 0 < len(token) <= TOKEN_CHARACTERS_MAX:
        return None
    secret = sessions.make_secret()
    script = partial(sessions.open_session, name=name, token=token, secret=secret, now_us=now_us)
    return None if await context.database.transact(script) is None else secret


def welcome(request: Request, secret: str, to: str) -> Response:
    """On to a page of ours, with the cookie."""
    response = RedirectResponse(own_path(to), status_code=303)
    response.set_cookie(
        COOKIE,
        secret,
        max_age=sessions.SESSION_US // 1_000_000,
        path=ROOT,
        httponly=True,
        samesite="strict",
        secure=not is_loopback(request),
    )
    return response


async def sign_out(request: Request, context: Context) -> Response:
    """End the session, here and in the browser."""
    secret = request.cookies.get(COOKIE, "")
    await context.database.transact(partial(sessions.end_session, secret=secret))
    response = RedirectResponse(f"{ROOT}/sign-in", status_code=303)
    response.delete_cookie(COOKIE, path=ROOT, httponly=True, samesite="strict")
    return response


def choose(request: Request, *, language: str, theme: str, to: str) -> Response:
    """Keep a choice of language or theme, and back to the page."""
    response = RedirectResponse(own_path(to), status_code=303)
    chosen = ((LANGUAGE_COOKIE, language, LANGUAGES), (THEME_COOKIE, theme, (*THEMES, "auto")))
    for cookie, value, known in chosen:
        if value in known:
            response.set_cookie(
                cookie, value, max_age=YEAR_S, path=ROOT, httponly=True, samesite="strict",
                secure=not is_loopback(request),
            )  # fmt: skip
    return response


def own_path(to: str) -> str:
    """A path of ours to go on to; the first page for anything else, other sites above all."""
    parts = urlsplit(to)
    is_ours = not parts.scheme and not parts.netloc and to.startswith(f"{ROOT}/")
    return to if is_ours and to.isprintable() and "\\" not in to else HOME


def is_loopback(request: Request) -> bool:
    """Whether the browser is on this machine: only there a cookie may go unencrypted."""
    name = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
