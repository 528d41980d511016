"""Chinese (simplified)."""

from __future__ import annotations

from typing import Final

from cloud_sync.dashboard.languages.zh import frame, operations, planning, queue

MESSAGES: Final[dict[str, str]] = {
    **frame.MESSAGES,
    **operations.MESSAGES,
    **queue.MESSAGES,
    **planning.MESSAGES,
}
