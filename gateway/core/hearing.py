"""How long ago the cloud was heard of, and what is too old by that."""

from __future__ import annotations

from typing import Final

DAY_US: Final = 86_400_000_000


def age_us(heard_us: int | None, now_us: int) -> int | None:
    """How long ago its feed was read last; None if it never was.

    Where that lies ahead, one of the clocks was wrong, and for so long nobody vouches either.
    """
    return None if heard_us is None else abs(now_us - heard_us)


def days_too_old(heard_us: int | None, now_us: int, *, good_for_s: float) -> float | None:
    """How many days old a document may be that is good for less; None while it is good.

    What came when nobody was ever heard of was brought by hand, and is taken as it is.
    """
    age = age_us(heard_us, now_us)
    return age / DAY_US if age is not None and age > good_for_s * 1_000_000 else None
