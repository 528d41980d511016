"""When the certificates end that this box gave out, where the gateway can read it.

The authority is root's alone; the gateway, which is to say in time that a device will be shut
out, gets a list beside its configuration: name to end, in seconds since 1970.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

FILE: Final = "certificates.json"


def encode_listing(ends: Mapping[str, float]) -> bytes:
    """The file's content."""
    return json.dumps(dict(sorted(ends.items())), indent=1).encode() + b"\n"


def read_listing(path: Path) -> dict[str, float]:
    """What is listed; nothing where there is no list."""
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(told, Mapping):
        return {}
    return {
        str(name): float(end_s) for name, end_s in told.items() if isinstance(end_s, int | float)
    }
