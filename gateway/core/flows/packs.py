"""Pack levels: cases that a warehouse opens, and keeps as the pieces in them.

A case is an item of its own GTIN, and its document says what is in it. Where the policy of the
pieces says `opens_cases`, a case comes as it was announced and is opened where it stands, by an
exact `goods.transformed`; in every other task the scan of a case means its pieces.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from gateway.core.flows import kinds
from gateway.core.flows.checks import line
from gateway.core.flows.floor import Floor
from gateway.core.flows.goods import Goods
from gateway.core.flows.verdict import Deed, Request, Told
from gateway.core.tasks import Movement

PIECES_MAX: Final = 1_000_000
"""More than this is no case: somebody wrote its document wrong, and it stays closed."""


def pieces_in(goods: Goods, quantity: int, floor: Floor) -> tuple[Goods, int]:
    """Goods as they are kept here: themselves, or the innermost pieces that are kept open."""
    kept, item, n = (goods, quantity), goods.item, quantity
    known = floor.item(item)
    if known is None or known.contains is None or goods.unit != "EA":
        return kept
    seen = {item}
    while known is not None and known.contains is not None:
        contains = known.contains
        if contains.item in seen or n * contains.units > PIECES_MAX:
            break
        item, n = contains.item, n * contains.units
        seen.add(item)
        known = floor.item(item)
        policy = floor.facts.policies.get(item)
        if policy is not None and policy.opens_cases:
            kept = Goods(item, goods.lot, "EA"), n
    return kept


def opened(
    told: Told, request: Request, place: str, floor: Floor, *, status: str = kinds.GOOD
) -> Told:
    """What was received, and its cases opened where they stand. The receipt bears the flags."""
    pieces, n = pieces_in(request.goods, request.quantity, floor)
    if pieces == request.goods:
        return told
    away = Movement(ev.GOODS_TRANSFORMED, place, keys.TRANSFORMED, place)
    back = Movement(ev.GOODS_TRANSFORMED, keys.TRANSFORMED, place, place)
    deed = Deed(
        type=ev.GOODS_TRANSFORMED,
        place=place,
        lines=(
            line(request.goods, request.quantity, away, from_status=status),
            line(pieces, n, back, from_status=status),
        ),
    )
    return replace(told, deeds=(*told.deeds, deed), main=len(told.deeds) - 1)
