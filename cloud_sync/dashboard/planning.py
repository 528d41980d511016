"""The planner's pages: plans, what-if, tracing, reports."""

from __future__ import annotations

from typing import Final

from cloud_sync.dashboard import plan_pages, report_pages, trace_pages, what_if_pages
from cloud_sync.dashboard.page import Page

PAGES: Final[tuple[Page, ...]] = (
    *plan_pages.PAGES,
    *what_if_pages.PAGES,
    *trace_pages.PAGES,
    *report_pages.PAGES,
)
