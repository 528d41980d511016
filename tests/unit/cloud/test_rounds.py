"""Pins that a round of the cloud's that fails is told, and does not end the rounds."""

from __future__ import annotations

import logging

import pytest

from cloud_sync.service.rounds import go_for_ever
from cloud_sync.store.ports import StoreError


class Enough(BaseException):
    """Ends what goes on for ever."""


async def test_whatever_ends_a_round_the_next_one_is_tried(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ends: list[BaseException] = [StoreError("locked"), ValueError("a mistake"), Enough()]

    async def go() -> None:
        raise ends.pop(0)

    with caplog.at_level(logging.WARNING), pytest.raises(Enough):
        await go_for_ever("tests", 0.0, go)
    assert [(it.levelname, it.exc_info is None) for it in caplog.records] == [
        ("WARNING", True), ("ERROR", False),
    ]  # fmt: skip
    assert {getattr(it, "round") for it in caplog.records} == {"tests"}  # noqa: B009 -- extra field
