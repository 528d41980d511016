"""The (s, S) policy: what to order by the stock levels alone, when no plan was made.

Order up to S whenever the inventory position is at or below s; optimal for fixed and linear costs
(Scarf 1960, "The Optimality of (S, s) Policies in the Dynamic Inventory Problem"). Needs nothing
but whole numbers, so it works where the solver has failed.
"""

from __future__ import annotations

from cloud_sync.contract.values import named_value


@named_value
class StockLevels:
    """What to keep of one item, in its unit (pieces, or g), on one warehouse's shelves.

    safety_stock: of the reorder point, what stands against chance. order_up_to: S, which is what
    sells within its life where that is less (`is_capped`).
    """

    item: str
    safety_stock: int
    reorder_point: int
    order_up_to: int
    is_capped: bool = False


def order_units(
    levels: StockLevels, *, position: int, case_pack: int = 1, minimum: int = 0
) -> int:
    """Units to order now, in whole case packs: 0 above the reorder point.

    position: on hand (usable) + on order - backorders. Where the level is capped by the goods'
    life, packs are cut down to it and not up: what does not sell is not ordered, and a minimum
    order that would not sell is none.
    """
    if position > levels.reorder_point or position >= levels.order_up_to:
        return 0
    wanted = max(levels.order_up_to - position, minimum)
    if not levels.is_capped:
        return -(-wanted // case_pack) * case_pack
    packs = (levels.order_up_to - position) // case_pack * case_pack
    return packs if packs >= minimum else 0
