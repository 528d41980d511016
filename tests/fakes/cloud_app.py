"""The cloud's application for tests: the product's own, whose routes are built once a process.

FastAPI works out what each of a hundred routes takes when the first request of an application
comes: three tenths of a second of processor time. It is the same for every application, and
nearly every test of the cloud makes one of its own on a database of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fastapi import FastAPI
from starlette.routing import BaseRoute

from cloud_sync.service import app as product
from cloud_sync.service.signing import Signer
from cloud_sync.store.ports import Database

_routes: Final[list[BaseRoute]] = []


def make_app(
    database: Database,
    *,
    wall_us: Callable[[], int],
    deadline_s: float = product.REQUEST_DEADLINE_S,
    signer: Signer | None = None,
) -> FastAPI:
    """`cloud_sync.service.app.make_app`, with the routes of the first application that it made.

    They know of no database: a handler asks the application that was called for its context.
    """
    app = product.make_app(database, wall_us=wall_us, deadline_s=deadline_s, signer=signer)
    if not _routes:
        _routes.extend(app.router.routes)
    app.router.routes[:] = _routes
    return app
