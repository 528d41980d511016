"""What an order's lines come to, net and gross.

A line is one sum: quantity times price, of which the VAT is rounded once, half a minor unit
upwards, and the other amount is what is left. So net and VAT always add up to gross, and an
order's amounts are the sums of its lines' amounts; nothing is rounded twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cloud_sync.contract.master import Price
from cloud_sync.fulfilment.placed import CustomerOrder, PricedLine

_WHOLE: Final = 10_000
"""A rate of one, in basis points."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """Minor units of a currency; net and VAT make gross."""

    net_minor: int
    vat_minor: int

    @property
    def gross_minor(self) -> int:
        """What is to be paid."""
        return self.net_minor + self.vat_minor

    def told(self) -> dict[str, int]:
        """As JSON has it."""
        return {
            "net_minor": self.net_minor,
            "vat_minor": self.vat_minor,
            "gross_minor": self.gross_minor,
        }


def amounts_of(line: PricedLine) -> Amounts | None:
    """What a line comes to; None where its price or rate is not known."""
    if line.price_minor is None or line.includes_vat is None or line.vat_basis_points is None:
        return None
    total, rate = line.price_minor * line.quantity, line.vat_basis_points
    if line.includes_vat:
        vat = _rounded(total * rate, _WHOLE + rate)
        return Amounts(total - vat, vat)
    return Amounts(total, _rounded(total * rate, _WHOLE))


def _rounded(part: int, whole: int) -> int:
    """part / whole to the nearest integer, a half upwards; neither is negative."""
    return (2 * part + whole) // (2 * whole)


def totals_of(lines: Iterable[PricedLine]) -> list[tuple[int, Amounts]] | None:
    """By rate what all lines come to; None if one of them is not known."""
    totals: dict[int, Amounts] = {}
    for line in lines:
        found = amounts_of(line)
        if found is None or line.vat_basis_points is None:
            return None
        known = totals.get(line.vat_basis_points, Amounts(0, 0))
        totals[line.vat_basis_points] = Amounts(
            known.net_minor + found.net_minor, known.vat_minor + found.vat_minor
        )
    return sorted(totals.items(), key=lambda each: each[0])


def with_prices(
    order: CustomerOrder, prices: Mapping[str, Price], rates: Mapping[str, int]
) -> CustomerOrder:
    """The order with what its lines leave out. prices, rates: by item, of the order's market.

    A price of the list is for a piece and in the list's currency. Prices that an order brings are
    as buyers see them, if neither it nor the list says otherwise.
    """

    def filled(line: PricedLine) -> PricedLine:
        listed = prices.get(line.item)
        price, includes_vat = line.price_minor, line.includes_vat
        if price is None and listed is not None and line.unit == "EA":
            if listed.currency != order.currency:
                return line
            price, includes_vat = listed.price_minor, listed.includes_vat
        rate = line.vat_basis_points
        if rate is None:
            rate = rates.get(line.item)
        if includes_vat is None and price is not None and rate is not None:
            includes_vat = True if listed is None else listed.includes_vat
        more = {"price_minor": price, "includes_vat": includes_vat, "vat_basis_points": rate}
        return line if price is None else line.model_copy(update=more)

    return order.model_copy(update={"lines": [filled(line) for line in order.lines]})
