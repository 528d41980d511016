"""Pins the status socket at its end: who is still asking is hung up on before anything goes that
the answer would be made of, and nothing of it is left."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.errors import GatewayError
from gateway.ops.status import ask_status, serve_status
from tests.rigs.guard import GUARD_S


async def test_a_report_that_is_being_made_ends_with_the_gateway(tmp_path: Path) -> None:
    path, has_begun, outcome = tmp_path / "status.sock", asyncio.Event(), []

    async def report() -> dict[str, object]:
        has_begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            outcome.append("ended")
        return {}

    async with asyncio.timeout(GUARD_S):
        async with serve_status(path, report):
            reader, writer = await asyncio.open_unix_connection(path)
            await has_begun.wait()
        assert outcome == ["ended"], "before the context was left"
        assert await reader.read() == b""
        writer.close()
    assert not path.exists()


async def test_who_asks_is_answered_and_later_told_that_nobody_is_there(tmp_path: Path) -> None:
    path = tmp_path / "status.sock"

    async def report() -> dict[str, object]:
        return {"gateway": "gw-W1"}

    async with serve_status(path, report):
        assert await ask_status(path) == {"gateway": "gw-W1"}
    with pytest.raises(GatewayError, match="no gateway answers"):
        await ask_status(path)
