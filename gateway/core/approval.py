"""Whether a plan may go without a person's word: the network document's own limits.

    "approval": {"kg_max": 500, "units_max": 2000, "lines_max": 100, "value_max": 5000.0,
                 "fallback": true}

A limit that is not named is none, and a network without `approval` lets every plan go. Limits that
cannot be read let none go: a typing mistake must not become a blank cheque.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from cloud_sync.contract.plans import ApprovalLimits, OrderLine
from gateway.core.facts import Facts
from gateway.core.messages import message


def needs_a_person(
    facts: Facts, lines: Sequence[OrderLine], *, is_fallback: bool, language: str
) -> str | None:
    """Why a person must approve these lines, as a sentence; None if they may go."""
    asked = (facts.network or {}).get("approval")
    if asked is None:
        return None
    try:
        limits = ApprovalLimits.model_validate(asked)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        return f"network: approval: {problem['loc']}: {problem['msg']}"
    if is_fallback and not limits.fallback:
        return message("plan_over_fallback", language)
    for name, value, limit in _measures(facts, lines, limits):
        if limit is not None and value > limit:
            shown = f"{value:.0f}" if value == round(value) else f"{value:.2f}"
            return message(f"plan_over_{name}", language, value=shown, limit=f"{limit:g}")
    return None


def _measures(
    facts: Facts, lines: Sequence[OrderLine], limits: ApprovalLimits
) -> Iterator[tuple[str, float, float | None]]:
    prices = _prices_per_kg(facts)
    kg = value = 0.0
    for line in lines:
        item = facts.items[line.item]
        weight = line.quantity * item.grams_per_unit / 1000
        kg += weight
        value += weight * prices.get(item.zone, 0.0)
    yield "kg", kg, limits.kg_max
    yield "units", sum(line.quantity for line in lines), limits.units_max
    yield "lines", len(lines), limits.lines_max
    yield "value", value, limits.value_max


def _prices_per_kg(facts: Facts) -> dict[str, float]:
    """What a kg of each zone's goods costs: `purchase_price`, by default `unit_cost`."""
    products = (facts.network or {}).get("products")
    prices: dict[str, float] = {}
    for product in products if isinstance(products, list) else []:
        price = product.get("purchase_price", product.get("unit_cost", 0.0))
        prices[str(product.get("id"))] = float(price)
    return prices
