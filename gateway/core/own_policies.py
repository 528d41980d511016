"""The policies of the cloud, and this gateway's own numbers in their place while it has any.

The cloud says which items are kept and how they are supplied; demand and stock levels are this
warehouse's own where it has forecast them itself (contract/own_policies). An item of which the
cloud says nothing has no policy, whatever it sells.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cloud_sync.contract import documents as doc
from cloud_sync.contract.levels import Levels
from cloud_sync.contract.own_policies import OwnPolicy, OwnPolicyPage


@dataclass(slots=True)
class PolicyBook:
    """told: the cloud's, by item. pages: this gateway's own. made_at_us: when those were made."""

    told: dict[str, doc.Policy] = field(default_factory=dict)
    pages: dict[str, dict[str, OwnPolicy]] = field(default_factory=dict)
    made_at_us: int | None = None

    def tell(self, gtin: str, data: dict[str, object] | None) -> None:
        """Take the cloud's word on an item."""
        if data is None:
            self.told.pop(gtin, None)
        else:
            self.told[gtin] = doc.Policy.model_validate(data)

    def put_page(self, change: doc.Change) -> set[str]:
        """Take a page of our own numbers, or its end; gives the items that it named or names."""
        was = self.pages.pop(change.key, {})
        if change.deleted or change.data is None:
            if not self.pages:
                self.made_at_us = None
            return set(was)
        page = OwnPolicyPage.model_validate(change.data)
        self.pages[change.key] = dict(page.rows())
        self.made_at_us = max(self.made_at_us or 0, page.made_at_us)
        return set(was) | set(page.items)

    def policy(self, gtin: str) -> doc.Policy | None:
        """What counts for an item."""
        told = self.told.get(gtin)
        own = next((page[gtin] for page in self.pages.values() if gtin in page), None)
        if told is None or own is None:
            return told
        return told.model_copy(
            update={
                "demand_units_per_day": own.demand_per_day,
                "demand_sd_units_per_day": own.demand_sd_per_day,
                "reorder_point_units": own.reorder_point,
                "levels": _levels(told, own),
            }
        )


def _levels(told: doc.Policy, own: OwnPolicy) -> Levels | None:
    """Up to what it is filled; nothing by a page that says nothing of that."""
    if own.cycle_days <= 0:
        return None
    return Levels(
        order_up_to_units=own.order_up_to,
        cycle_days=own.cycle_days,
        by=own.levels_by,
        worth=None if told.levels is None else told.levels.worth,
    )
