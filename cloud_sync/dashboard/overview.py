"""All warehouses at a glance."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from cloud_sync.dashboard.page import Page, get
from cloud_sync.dashboard.visit import Visit


async def overview(visit: Visit) -> Response:
    """What stands well and what does not, everywhere in the reader's scope."""
    return await visit.render("overview.html")


PAGES: Final[tuple[Page, ...]] = (get("/overview", overview),)
