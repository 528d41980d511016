"""Why a plan is as it is (docs/planning.md), as far as it can be read: a gateway may be of another
version, and what its plan explains in another way is left out of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

_SHOWN: Final = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Bound(BaseModel):
    """A limit that is reached: of a zone with how far, or of a number of items."""

    model_config = _SHOWN

    limit: str
    zone: str | None = None
    used_kg: float = 0.0
    of_kg: float = 0.0
    n_items: int | None = None


class Changed(BaseModel):
    """What is another than in the last network plan."""

    model_config = _SHOWN

    zone: str
    what: str
    was: float | str | None = None
    now: float | str | None = None


class RunsOut(BaseModel):
    """An item and for how many days it lasts."""

    model_config = _SHOWN

    item: str
    days: float


class Without(BaseModel):
    """What would be short before the next round."""

    model_config = _SHOWN

    n_out: int
    short_units: int
    out: list[RunsOut] = []


class Dark(BaseModel):
    """A warehouse that was not heard of, for so many days; None: never."""

    model_config = _SHOWN

    warehouse: str
    days: float | None = None
    units: int = 0


class OldNetwork(BaseModel):
    """By how much the network document is too old."""

    model_config = _SHOWN

    days: float


class Explanation(BaseModel):
    """The parts that a page shows."""

    model_config = _SHOWN

    binding: list[Bound] = []
    changed: list[Changed] = []
    without: Without | None = None
    dark: list[Dark] = []
    old_network: OldNetwork | None = None


def read_explanation(told: Mapping[str, object]) -> Explanation:
    """The parts that can be read; each is left out by itself."""
    parts: dict[str, object] = {}
    for name in Explanation.model_fields:
        if name in told:
            try:
                Explanation.model_validate({name: told[name]})
            except ValidationError:
                continue
            parts[name] = told[name]
    return Explanation.model_validate(parts)
