"""Pins what the pages read: one question to the gateway for all who ask at once, the shelf and the
quarantine from a real journal while it is written, and a token that nobody else can read."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.__main__ import main
from gateway.errors import GatewayError, JournalError
from gateway.ops.pages.sessions import KEPT_IN, Sessions
from gateway.ports import Entry, Quarantined
from gateway.services.pages_command import REPORT_S, Newest, sources_of
from gateway.settings import parse_settings
from tests.rigs.journal import opened
from tests.rigs.seeding import master_data, seed

CONFIG = """
[gateway]
id = "gw-J1"
warehouse = "J1"
state_dir = "{}"
[pages]
"""


async def test_many_pages_ask_the_gateway_once() -> None:
    now_s, n_asked = 0.0, 0

    async def ask() -> dict[str, object]:
        nonlocal n_asked
        n_asked += 1
        await asyncio.sleep(0)
        if n_asked == 3:
            raise GatewayError("gone")
        return {"n": n_asked}

    newest = Newest(ask, lambda: now_s)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(newest.report()) for _ in range(5)]
    assert [it.result() for it in tasks] == [{"n": 1}] * 5
    now_s += REPORT_S
    assert await newest.report() == {"n": 2}
    now_s += REPORT_S
    with pytest.raises(GatewayError):
        await newest.report()
    assert await newest.report() == {"n": 4}, "no failure is kept"


async def test_shelf_and_quarantine_are_read_while_the_gateway_writes(tmp_path: Path) -> None:
    state = tmp_path / "state"
    await seed(state, master_data())
    settings = parse_settings(CONFIG.format(state), source="test")
    sources = sources_of(settings, tmp_path / "gateway.toml")
    async with opened(state, gateway="gw-J1") as journal:
        raw = [bytes([n]) * 100 for n in range(1, 4)]
        for it in raw:
            await journal.append(
                [Entry((), quarantined=Quarantined("pda-1", 1, "json", "no", it))]
            )
        found = await sources.quarantine(None)
        messages = found["messages"]
        assert isinstance(messages, list)
        assert [it["id"] for it in messages] == [3, 2, 1], "the newest first"
        assert messages[0]["head"] == raw[2][:48].hex()
        assert messages[0]["n_bytes"] == 100
        older = (await sources.quarantine(2))["messages"]
        assert isinstance(older, list)
        assert [it["id"] for it in older] == [1]
        assert (await sources.message(2))["raw"] == raw[1].hex()
        with pytest.raises(JournalError):
            await sources.message(4)
        assert await sources.shelf() == {"items": {}, "lots": []}, "nothing is in stock"
    with pytest.raises(GatewayError):
        await sources.report()
    assert (await sources.files("it is off"))["is_running"] is False


def test_a_token_is_shown_once_and_kept_as_a_hash(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").mkdir()
    config = tmp_path / "gateway.toml"
    config.write_text(CONFIG.format(tmp_path / "state"))
    assert main(["pages", "token", "--config", str(config)]) == 0
    token = capsys.readouterr().out.strip()
    kept = tmp_path / "state" / KEPT_IN
    assert kept.stat().st_mode & 0o777 == 0o600
    assert token not in kept.read_text()
    sessions = Sessions(kept, lambda: 0.0)
    assert sessions.is_token(token)
    assert not sessions.is_token(token[:-1])
    assert main(["pages", "token", "--config", str(config)]) == 0
    assert not sessions.is_token(token), "a new one ends the one before"


@pytest.mark.parametrize(
    ("pages", "complaint"),
    [
        ('address = "0.0.0.0"', "needs cert_file"),
        ('address = "box.local"', "not an IP address"),
        ('cert_file = "/x"', "go together"),
    ],
)
def test_pages_that_would_be_open_to_all_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pages: str, complaint: str
) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(CONFIG.format(tmp_path) + pages)
    assert main(["pages", "run", "--config", str(config)]) == 2
    assert complaint in capsys.readouterr().err
