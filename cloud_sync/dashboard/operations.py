"""The pages by which the work is watched: overview, warehouses, items, exceptions, orders."""

from __future__ import annotations

from typing import Final

from cloud_sync.dashboard import climate, exceptions, items, overview, warehouse
from cloud_sync.dashboard.page import Page

PAGES: Final[tuple[Page, ...]] = (
    *overview.PAGES,
    *warehouse.PAGES,
    *climate.PAGES,
    *items.PAGES,
    *exceptions.PAGES,
)
