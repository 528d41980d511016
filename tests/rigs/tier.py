"""How many faults a run injects, and where it writes down what came of them.

FOREPOST_FAULTS chooses the tier: unset in `make test` (each method, a few times), `t1` in
`make test-faults`, `t2` in `make test-faults-long`. FOREPOST_RELIABILITY names a file to which
each headline appends one JSON line; scripts/reliability makes the table from it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

TIERS = ("quick", "t1", "t2")


def chosen() -> str:
    """The tier of this run. Raises ValueError for an unknown one."""
    tier = os.environ.get("FOREPOST_FAULTS", "quick")
    if tier not in TIERS:
        raise ValueError(f"FOREPOST_FAULTS: {tier!r} is none of {', '.join(TIERS)}")
    return tier


def count(quick: int, t1: int, t2: int) -> int:
    """How many faults in this run."""
    return (quick, t1, t2)[TIERS.index(chosen())]


def record(headline: str, *, faults: int, lost: int, **more: object) -> None:
    """Write down one headline's figures, if they are wanted."""
    path = os.environ.get("FOREPOST_RELIABILITY")
    if path:
        line = {"headline": headline, "tier": chosen(), "faults": faults, "lost": lost, **more}
        with Path(path).open("a") as file:
            file.write(json.dumps(line) + "\n")
