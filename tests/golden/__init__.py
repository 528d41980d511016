"""Other people's vectors: those that may be copied lie here, the rest beside the checkout.

`NOTICE.md` names every source and licence.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BESIDE = HERE.parents[1].parent / "shared" / "vectors"

Case = dict[str, object]


def cases(name: str) -> list[Case]:
    """The cases of a file such as `gs1/scan_process`."""
    return _read(HERE / f"{name}.json")


def outside_cases(name: str) -> list[Case]:
    """The cases of a file that may not be copied; skips the test where it is not there."""
    folder = Path(os.environ.get("FOREPOST_VECTORS", BESIDE))
    if not (folder / f"{name}.json").is_file():
        pytest.skip(f"no {name}.json beside the checkout nor in $FOREPOST_VECTORS")
    return _read(folder / f"{name}.json")


def _read(path: Path) -> list[Case]:
    found = json.loads(path.read_text(encoding="utf-8"))
    if len(found["cases"]) != found.get("count", len(found["cases"])):
        raise ValueError(f"{path.name} does not hold as many cases as it says")
    cases: list[Case] = found["cases"]
    return cases
