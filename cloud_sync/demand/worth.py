"""What is at stake in a piece of an item: lost, wasted, or held for a day (docs/demand.md).

A piece that is wasted costs what the supplier asks for it; one that is held, the interest on that.
A sale that is lost costs what it would have earned, the price without VAT less the supplier's; or,
where a share of all units is planned, whatever it takes to serve that, which the forecaster finds.

Costs and prices are compared in one currency: the one in which most of what is kept is bought.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from cloud_sync.contract.levels import BY_MARGIN, BY_SERVICE
from cloud_sync.contract.master import Price, Stocking, Supply
from cloud_sync.demand.keeping import Stakes

WHOLE: Final = 10_000
"""A rate of one, in basis points."""
YEAR_DAYS: Final = 365.0


def best_terms(supplies: Iterable[Supply]) -> dict[str, Supply]:
    """By item the terms that are asked for first: the preferred supplier's, then the cheapest."""
    best: dict[str, Supply] = {}
    for supply in supplies:
        known = best.get(supply.gtin)
        if known is None or _rank(supply) < _rank(known):
            best[supply.gtin] = supply
    return best


def stakes_of(
    supplies: Mapping[str, Supply],
    prices: Mapping[str, Price],
    vat_basis_points: Mapping[str, int],
    stocking: Stocking,
) -> dict[str, Stakes]:
    """By item; of those whose worth is not known nothing is said, and they go by service.

    supplies: the terms of each item. prices: those of the warehouse's market. vat_basis_points:
    by item, where its rate there is known.
    """
    currency = _currency(supplies.values())
    if stocking.lost_sale == BY_SERVICE or currency is None:
        return {}
    per_day = stocking.holding_basis_points_per_year / WHOLE / YEAR_DAYS
    found: dict[str, Stakes] = {}
    for gtin, supply in supplies.items():
        cost, lost = float(supply.cost_minor), 1.0
        if supply.currency != currency:
            continue
        if stocking.lost_sale == BY_MARGIN:
            price = prices.get(gtin)
            if price is None or price.currency != currency:
                continue
            net = net_price(price, vat_basis_points.get(gtin))
            if net is None:
                continue
            lost = net - cost
        if lost > 0:  # what earns nothing is kept for another reason than money
            found[gtin] = (lost, cost, cost * per_day)
    return found


def _rank(supply: Supply) -> tuple[bool, int, str]:
    return not supply.preferred, supply.cost_minor, supply.supplier


def _currency(supplies: Iterable[Supply]) -> str | None:
    counted = Counter(it.currency for it in supplies)
    return min(counted, key=lambda it: (-counted[it], it), default=None)


def net_price(price: Price, vat_basis_points: int | None) -> float | None:
    """A price without VAT; None where that is in it and nobody says how much."""
    if not price.includes_vat:
        return float(price.price_minor)
    if vat_basis_points is None:
        return None
    return price.price_minor * WHOLE / (WHOLE + vat_basis_points)
