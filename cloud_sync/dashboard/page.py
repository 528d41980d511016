"""What a page is: a path, who may see it, and the function that answers a visit.

Each room of pages lists its own in a tuple PAGES, made with `get` and `post`; dashboard/front.py
gathers them. The tests go through the same lists, so that no page is without its guard.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

from starlette.responses import Response

from cloud_sync.contract import rights
from cloud_sync.dashboard.visit import Visit

Answer = Callable[[Visit], Awaitable[Response]]

ROOT: Final = "/ui"
"""Under which all pages are; the API has the rest."""


@dataclass(frozen=True, slots=True)
class Page:
    """One path and method. action: the right it takes, of contract/rights.py."""

    method: Literal["GET", "POST"]
    path: str
    answer: Answer
    action: str


def get(path: str, answer: Answer, *, action: str = rights.READ) -> Page:
    """A page to look at; path: under ROOT, with {parameters}."""
    return Page("GET", ROOT + path, answer, action)


def post(path: str, answer: Answer, *, action: str) -> Page:
    """What a form does. It is guarded against other sites before `answer` is called."""
    return Page("POST", ROOT + path, answer, action)
