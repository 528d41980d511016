"""The version both sides speak.

A side accepts batches of its own version and of any older one it still has golden files for.
Adding a field or an event type is not a new version: unknown fields are kept and ignored,
unknown types pass through.
"""

from __future__ import annotations

from typing import Final

CONTRACT_VERSION: Final = 1
OLDEST_CONTRACT_VERSION: Final = 1
EVENT_VERSION: Final = 1
