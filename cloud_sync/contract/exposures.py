"""What lots have suffered from cold and heat, as it goes with them to another warehouse.

    exposure.carried, of the gateway that sends goods: `cause` the dispatch, `documents` its
    transfer, body {"lots": [CARRIED, …]}. It may be told again, with more, when the sender hears
    only later what the goods had suffered before they came to it.
    ASN: "exposures": [CARRIED, …], per item and lot the worst that was told.

Of two that were told of one lot the worst counts, part by part: so neither the order nor the
repeats of telling matter, and nothing is ever taken back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cloud_sync.contract import events as ev
from cloud_sync.contract.events import Gtin, Lot

SUM_MAX: Final = 2**53 - 1
"""What every reader of JSON takes as it is; in heat it is 50 °C too much for three weeks."""
VERDICTS: Final = ("", "hold", "waste")
"""Ascending."""

Sum = Annotated[int, Field(ge=0, le=SUM_MAX)]


class CarriedLot(BaseModel):
    """What a lot had suffered when it left.

    above_us, below_us: how long beyond the limits. heat_centi_c_us: 1/100 °C above the limit times
    µs. verdict: what stood against the lot for it there, if nobody had released it.
    """

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    item: Gtin
    lot: Lot | None = None
    above_us: Sum = 0
    below_us: Sum = 0
    heat_centi_c_us: Sum = 0
    verdict: Literal["", "hold", "waste"] = ""


def carried_lots(event: ev.Event) -> list[CarriedLot]:
    """What an event tells of lots; what is none of ours is left out."""
    told = event.body.get("lots")
    if event.type != ev.EXPOSURE_CARRIED or not isinstance(told, list):
        return []
    lots = []
    for each in told:
        try:
            lots.append(CarriedLot.model_validate(each))
        except ValidationError:
            continue  # a newer version's; the event itself is kept as it came
    return lots


def worst_of(told: Iterable[CarriedLot]) -> list[CarriedLot]:
    """Per item and lot the worst that was told of it, in their order."""
    found: dict[tuple[str, str], CarriedLot] = {}
    for each in told:
        key = each.item, each.lot or ""
        known = found.get(key, each)
        found[key] = each.model_copy(
            update={
                "above_us": max(known.above_us, each.above_us),
                "below_us": max(known.below_us, each.below_us),
                "heat_centi_c_us": max(known.heat_centi_c_us, each.heat_centi_c_us),
                "verdict": max(known.verdict, each.verdict, key=VERDICTS.index),
            }
        )
    return [found[key] for key in sorted(found)]
