"""The second wall between warehouses: the scope that the database itself holds a reader to.

Every question names the warehouses it is about (service/access.py). Should one forget to, the
database shows no more than the credential allows: while a request of somebody with a scope is
served, PostgreSQL answers its reading as a role of which row-level security knows the scope. The
scope comes from the credential alone, and ends with the request. SQLite has no such thing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Final

ROLE: Final = "forepost_scoped"
SETTING: Final = "forepost.scope"

_scope: ContextVar[frozenset[str] | None] = ContextVar("scope", default=None)


@contextlib.contextmanager
def around_request() -> Iterator[None]:
    """What is set inside ends here."""
    before = _scope.set(None)
    try:
        yield
    finally:
        _scope.reset(before)


def hold_to(scope: frozenset[str] | None) -> None:
    """Hold all that this task reads from now on to these warehouses; None: to none."""
    _scope.set(scope)


def scope_of_reader() -> str | None:
    """The warehouses as the database is told them; None: all there are."""
    scope = _scope.get()
    return None if scope is None else ",".join(sorted(scope))
