"""How a day's demand is spread over the hours of a warehouse's clock."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field


def _sells(profile: list[int]) -> list[int]:
    if not any(profile):
        raise ValueError("expected an hour in which something is sold")
    return profile


DayProfile = Annotated[
    list[Annotated[int, Field(ge=0, le=10**6)]],
    Field(min_length=24, max_length=24),
    AfterValidator(_sells),
]
"""24 numbers from midnight on, of which the ratios count; forecasts write thousandths."""
