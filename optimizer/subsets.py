"""Sets of warehouses as numbers, bit j for warehouse j, and how central warehouses share them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from optimizer.integrals import Floats
from optimizer.network import Ints

BLOCK_BITS = 8
"""Sets of so many warehouses have 6561 parts in all: few enough to list."""


def members_of(n: int, sets: Ints | None = None) -> Floats:
    """(set, warehouse): 1 where the set holds the warehouse; None: every set, in order."""
    masks = np.arange(1 << n) if sets is None else sets
    return ((masks[:, None] >> np.arange(n)) & 1).astype(np.float64)


class Submasks:
    """All subsets of a set of bits, the set itself included."""

    def of(self, mask: int) -> Ints:
        parts = np.zeros(1, dtype=np.int64)
        while mask:
            bit = mask & -mask
            parts = np.concatenate([parts, parts | bit])
            mask ^= bit
        return parts

    def with_lowest(self, mask: int) -> Ints:
        """Those that contain the lowest bit of the set."""
        low = mask & -mask
        return self.of(mask ^ low) | low


def share_out(cost: Sequence[Floats]) -> list[int] | None:
    """The set each central warehouse serves so that all are served for the least money.

    cost: of each central warehouse, by the set it would serve. None where no shares are finite.
    """
    everyone = len(cost[0]) - 1
    shared = [cost[0]]
    for mine in cost[1:-1]:
        shared.append(_with_one_more(shared[-1], mine))
    left, shares = everyone, [0] * len(cost)
    for k in range(len(cost) - 1, 0, -1):
        parts = Submasks().of(left)
        total = shared[k - 1][left ^ parts] + cost[k][parts]
        if not np.isfinite(total.min()):
            return None
        shares[k] = int(parts[np.argmin(total)])
        left ^= shares[k]
    shares[0] = left
    return shares if np.isfinite(cost[0][left]) else None


def _with_one_more(before: Floats, mine: Floats) -> Floats:
    """Cheapest way to serve each set when one more central warehouse may take part of it.

    Sets are looked at block by block: all that have the same upper bits at once.
    """
    n = len(before).bit_length() - 1
    rest, part, start = _parts_of_all(1 << min(n, BLOCK_BITS))
    block = (-1, 1 << min(n, BLOCK_BITS))
    before, mine = before.reshape(block), mine.reshape(block)
    found = np.empty_like(before)
    for upper in range(len(found)):
        parts = Submasks().of(upper)
        total = before[upper ^ parts][:, rest]
        total += mine[parts][:, part]
        found[upper] = np.minimum.reduceat(total.min(axis=0), start)
    return found.reshape(-1)


@lru_cache(maxsize=1)
def _parts_of_all(n_sets: int) -> tuple[NDArray[np.int32], NDArray[np.int32], Ints]:
    """Every set's parts side by side, what each leaves of the set, and where each set begins."""
    rest, part = np.zeros(1, dtype=np.int32), np.zeros(1, dtype=np.int32)
    bit = 1
    while bit < n_sets:
        without, within = (
            np.stack([rest | bit, rest], axis=1),
            np.stack([part, part | bit], axis=1),
        )
        rest = np.concatenate([rest, without.reshape(-1)])
        part = np.concatenate([part, within.reshape(-1)])
        bit *= 2
    n_parts = np.int64(1) << np.bitwise_count(np.arange(n_sets)).astype(np.int64)
    return rest, part, np.cumsum(n_parts) - n_parts
