"""The rounds that the cloud goes by itself: whatever ends one, the next one is tried."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from cloud_sync.store.ports import StoreError

logger = logging.getLogger(__name__)


async def go_for_ever(what: str, every_s: float, go: Callable[[], Awaitable[object]]) -> None:
    """Go round for ever, with a pause of `every_s` behind each round.

    A database that cannot do it now is told in a line, anything else with its trace.
    """
    while True:
        try:
            await go()
        except StoreError as error:
            fields = {"action": "round_failed", "round": what, "reason": str(error)}
            logger.warning("round not finished", extra=fields)
        except Exception:
            logger.exception("round failed", extra={"action": "round_failed", "round": what})
        await asyncio.sleep(every_s)
