"""How long to wait before trying again: exponential, capped, full jitter.

Full jitter (Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015): uniform
between zero and the exponential bound, so that many gateways do not return at the same moment.
"""

from __future__ import annotations

from collections.abc import Callable


def full_jitter(
    attempt: int, *, base_s: float, cap_s: float, random: Callable[[], float]
) -> float:
    """Seconds to wait after the `attempt`-th failure (0, 1, 2 …); random is uniform in [0, 1)."""
    bound_s = min(cap_s, base_s * 2.0 ** min(attempt, 32))
    return bound_s * random()
