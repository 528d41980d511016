"""Pins that a box that is given away keeps nothing of what it knew or was, and that nothing is
wiped by mistake: not the wrong box, not one that runs, not what only this box has."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.__main__ import main
from gateway.clock import SystemClock
from gateway.journal.connection import state_lock
from gateway.journal.store import open_journal
from gateway.ports import Draft, Entry
from gateway.settings import JournalSettings

CONFIG = """
[gateway]
id = "gw-J1"
warehouse = "J1"
state_dir = "{state}"
"""
SECRET = "planted-5ecret-5ecret"


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A box with a journal, keys, an authority and a broker, and a secret in each file of them."""
    state = tmp_path / "state"
    for name in (
        "state/cloud/token", "state/cloud/key", "state/pages/token", "credentials/mqtt-key",
        "authority/ca.key", "authority/issued/pda-01.pem", "mosquitto/certs/forepost-broker.key",
        "mosquitto/conf.d/forepost.conf", "mosquitto/forepost.acl", "store/mosquitto.db",
        "store/mosquitto.db.bad", "mosquitto/mosquitto.conf", "elsewhere/photo",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SECRET)
    (state / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "gateway.toml").write_text(CONFIG.format(state=state))
    return tmp_path


async def write_row(state: Path) -> None:
    settings = JournalSettings()
    async with open_journal(
        state, gateway="gw-J1", settings=settings, clock=SystemClock(), has_cloud=True
    ) as journal:
        draft = Draft("0190b4f4-0000-7000-8000-000000000001", "x.happened", 1, SECRET.encode())
        await journal.append([Entry(drafts=(draft,))])


def wipe(box: Path, *more: str, confirm: str = "gw-J1") -> int:
    where = []
    for name in ("authority", "mosquitto", "credentials"):
        where += [f"--{name}", str(box / name)]
    config = str(box / "gateway.toml")
    store = str(box / "store")
    return main(
        [
            "wipe",
            "--no-stop",
            "--config",
            config,
            *where,
            "--broker-store",
            store,
            "--confirm",
            confirm,
            *more,
        ]
    )


def files_with_secret(box: Path) -> set[str]:
    return {
        str(path.relative_to(box))
        for path in box.rglob("*")
        if path.is_file() and SECRET.encode() in path.read_bytes()
    }


def test_nothing_of_the_box_is_left_and_nothing_else_is_gone(box: Path) -> None:
    assert len(files_with_secret(box)) == 13
    assert wipe(box) == 0
    assert files_with_secret(box) == {"mosquitto/mosquitto.conf", "elsewhere/photo"}
    assert [path.name for path in (box / "state").iterdir()] == ["lock"]
    assert not (box / "gateway.toml").exists()


def test_the_wrong_name_wipes_nothing(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert wipe(box, confirm="gw-J2") == 2
    assert "this box is gw-J1, not gw-J2" in capsys.readouterr().err
    assert len(files_with_secret(box)) == 13


def test_a_gateway_that_runs_is_not_wiped(box: Path) -> None:
    with state_lock(box / "state"):
        assert wipe(box) == 1
    assert len(files_with_secret(box)) == 13


def test_what_only_this_box_has_is_given_up_by_name_only(
    box: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(write_row(box / "state"))
    assert wipe(box) == 1
    assert "rows are not in the cloud" in capsys.readouterr().err
    assert "state/cloud/token" in files_with_secret(box)
    assert wipe(box, "--lose-unsent") == 0
    assert files_with_secret(box) == {"mosquitto/mosquitto.conf", "elsewhere/photo"}


def test_a_journal_that_cannot_be_read_counts_as_unsent(box: Path) -> None:
    (box / "state/journal.db").write_text("no database")
    assert wipe(box) == 1
    assert (box / "state/journal.db").exists()
