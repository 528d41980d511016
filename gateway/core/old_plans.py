"""Plans of which nothing is to come any more, and which are old: they leave the facts.

Their events stay as long as any do, and the cloud has them. What such a plan asked for and never
came leaves with it, or a delivery that was called off would count as expected again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cloud_sync.contract.plan_life import DROPPED
from cloud_sync.contract.plans import asn_id
from gateway.core.facts import Facts

ENDED: Final = DROPPED | {"closed"}
"""States in which a plan stays unless goods leave all the same."""


def old_plans(facts: Facts, *, before_us: int) -> list[str]:
    """The plans that have ended, and of which nothing was told since `before_us`."""
    return [
        plan.plan_id
        for plan in facts.plans.values()
        if plan.state in ENDED and all(it.at_us < before_us for it in plan.steps.values())
    ]


def called_off(facts: Facts, plan_ids: Iterable[str]) -> list[str]:
    """The deliveries of those of them that never came."""
    return [asn for asn in map(asn_id, plan_ids) if asn in facts.dropped]


def forget_plans(facts: Facts, plan_ids: Iterable[str]) -> None:
    """Take plans out of the facts, with the deliveries that were called off."""
    gone = list(plan_ids)
    for asn in called_off(facts, gone):
        for item, _ in facts.ordered.pop(asn, {}):
            facts.expecting[item].discard(asn)
        facts.dropped.discard(asn)
    for plan_id in gone:
        facts.plans.pop(plan_id, None)
