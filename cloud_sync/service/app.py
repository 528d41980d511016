"""The application: routes, guards and what surrounds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.contract.version import CONTRACT_VERSION
from cloud_sync.service import (
    counting,
    enrolment,
    epcis_capture,
    epcis_events,
    epcis_http,
    epcis_named,
    exceptions,
    exchange,
    history,
    metrics,
    order_sheet,
    orders,
    periods,
    plans,
    promises,
    reading,
    records,
    reservations,
    sellable,
    sync,
    transit_rules,
    users,
    webhooks,
)
from cloud_sync.service.context import Context, context_of
from cloud_sync.service.heads import Heads
from cloud_sync.service.page import render_page
from cloud_sync.service.problems import add_handlers
from cloud_sync.service.shield import Shield
from cloud_sync.service.signing import Signer
from cloud_sync.store.ports import Database
from cloud_sync.store.queries import check_health

REQUEST_DEADLINE_S: Final = 30.0
_EPCIS: Final = (epcis_capture.router, epcis_events.router, epcis_named.router)


def make_app(
    database: Database,
    *,
    wall_us: Callable[[], int],
    deadline_s: float = REQUEST_DEADLINE_S,
    signer: Signer | None = None,
) -> FastAPI:
    """The cloud's HTTP application on an open database. signer: None: nothing is signed."""
    app = FastAPI(
        title="Forepost cloud",
        version=str(CONTRACT_VERSION),
        # FastAPI's own pages load scripts from elsewhere; ours is self-contained.
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = Context(database, wall_us, signer=signer)
    add_handlers(app)
    app.include_router(sync.router)
    app.include_router(enrolment.router)
    app.include_router(reading.router)
    app.include_router(plans.router)
    app.include_router(exceptions.router)
    app.include_router(transit_rules.router)
    app.include_router(counting.router)
    app.include_router(history.router)
    app.include_router(metrics.router)
    app.include_router(periods.router)
    app.include_router(records.router)
    app.include_router(exchange.router)
    app.include_router(order_sheet.router)
    app.include_router(users.router)
    app.include_router(webhooks.router)
    app.include_router(sellable.router)
    app.include_router(orders.router)
    app.include_router(reservations.router)
    app.include_router(promises.router)
    for router in (*_EPCIS, epcis_http.make_rest(*_EPCIS)):
        app.include_router(router)

    @app.get("/healthz", tags=["service"])
    async def healthz(request: Request) -> dict[str, str]:
        """Good if the database answers."""
        await context_of(request).database.read(check_health)
        return {"status": "ok"}

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        """This description for people."""
        return HTMLResponse(render_page(app.openapi()))

    app.add_middleware(Heads)
    app.add_middleware(Shield, deadline_s=deadline_s)
    return app
