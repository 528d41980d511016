"""Where the pages are found: the list at the side, and the keys that lead there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cloud_sync.dashboard.page import ROOT, Page


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list. key: the letter that leads there after `g`."""

    name: str
    path: str
    key: str


_GROUPS: Final = (
    (
        "nav.watch",
        (
            Entry("nav.overview", f"{ROOT}/overview", "o"),
            Entry("nav.warehouses", f"{ROOT}/warehouses", "w"),
            Entry("nav.items", f"{ROOT}/items", "i"),
            Entry("nav.exceptions", f"{ROOT}/exceptions", "e"),
            Entry("nav.orders", f"{ROOT}/orders", "a"),
        ),
    ),
    (
        "nav.plan",
        (
            Entry("nav.plans", f"{ROOT}/plans", "p"),
            Entry("nav.what_if", f"{ROOT}/what-if", "h"),
            Entry("nav.trace", f"{ROOT}/trace", "t"),
            Entry("nav.reports", f"{ROOT}/reports", "r"),
        ),
    ),
)


def navigation(pages: Iterable[Page]) -> list[tuple[str, list[Entry]]]:
    """The groups and their lines, of the pages that there are."""
    there = {it.path for it in pages}
    groups = [(name, [it for it in entries if it.path in there]) for name, entries in _GROUPS]
    return [(name, entries) for name, entries in groups if entries]
