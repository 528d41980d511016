"""Pins when the gateway asks for its next token, and that no number is signed twice."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cloud_sync.client.errors import Refused, Unavailable
from cloud_sync.contract.enrolment import RenewAnswer, RenewRequest
from gateway.errors import SyncError
from gateway.services.box_key import BoxKey, make_box_key
from gateway.services.cloud_token import LOOK_EVERY_S, RENEW_AFTER_S, RETRY_S, CloudToken
from tests.fakes.clock import START_US, FakeClock


@dataclass
class Cloud:
    """Gives tokens by number, or what it is told to raise."""

    error: Exception | None = None
    asked: list[RenewRequest] = field(default_factory=list)
    used: list[str] = field(default_factory=list)

    async def renew(self, asked: RenewRequest) -> RenewAnswer:
        self.asked.append(asked)
        if self.error is not None:
            raise self.error
        return RenewAnswer(token=f"fp_{len(self.asked)}", expires_at_us=1)

    def use_token(self, token: str) -> None:
        self.used.append(token)


class Box:
    """A gateway whose token was written just now."""

    def __init__(self, directory: Path, *, has_key: bool = True) -> None:
        self.clock, self.cloud = FakeClock(), Cloud()
        self.file = directory / "cloud/token"
        key = make_box_key(directory / "cloud/key")
        self.file.write_text("fp_0")
        os.utime(self.file, (START_US / 1e6, START_US / 1e6))
        self.token = CloudToken(
            self.cloud,
            path=self.file,
            key=key if has_key else None,
            gateway="gw-W1",
            clock=self.clock,
        )


async def test_a_token_is_renewed_when_it_is_a_week_old(tmp_path: Path) -> None:
    box = Box(tmp_path)
    await box.token.keep()
    box.clock.forward(RENEW_AFTER_S - LOOK_EVERY_S)
    await box.token.keep()
    assert box.cloud.asked == []
    box.clock.forward(LOOK_EVERY_S + 1)
    await box.token.keep()
    assert box.cloud.used == ["fp_1"]
    assert box.file.read_text() == "fp_1"
    assert box.file.stat().st_mode & 0o077 == 0


async def test_without_a_line_it_stays_and_is_tried_again_later(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.cloud.error = Unavailable("no line")
    box.clock.forward(RENEW_AFTER_S + 1)
    for _ in range(3):
        await box.token.keep()
    assert (len(box.cloud.asked), box.file.read_text()) == (1, "fp_0")
    box.cloud.error = None
    box.clock.forward(LOOK_EVERY_S)
    await box.token.keep()
    assert box.cloud.used == ["fp_2"]


async def test_a_clock_before_the_token_renews_it(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.clock.jump(-30 * 365 * 86_400)
    await box.token.keep()
    assert box.cloud.used == ["fp_1"]


async def test_a_refused_token_is_replaced_now_and_then_not_in_a_storm(tmp_path: Path) -> None:
    box = Box(tmp_path)
    assert await box.token.replace()
    assert not await box.token.replace()
    box.clock.forward(RETRY_S)
    box.cloud.error = Refused("not signed by the box that is this gateway", code="unauthorised")
    assert not await box.token.replace()
    assert box.file.read_text() == "fp_1"


async def test_a_box_without_a_key_asks_for_nothing(tmp_path: Path) -> None:
    box = Box(tmp_path, has_key=False)
    box.clock.forward(2 * RENEW_AFTER_S)
    await box.token.keep()
    assert not await box.token.replace()
    assert box.cloud.asked == []


def test_no_number_is_signed_twice_whatever_the_clock_says(tmp_path: Path) -> None:
    path = tmp_path / "cloud/key"
    make_box_key(path)
    numbers = [
        BoxKey(path).sign_renewal("gw-W1", now_us).number
        for now_us in (START_US, START_US, START_US - 10**15, 1, START_US + 5)
    ]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    ("name", "content"), [("key", b"no key"), ("key.number", b"many"), ("key.number", b"\xff")]
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    make_box_key(tmp_path / "cloud/key")
    (tmp_path / "cloud" / name).write_bytes(content)
    with pytest.raises(SyncError, match=name):
        BoxKey(tmp_path / "cloud/key").sign_renewal("gw-W1", START_US)
