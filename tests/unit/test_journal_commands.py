"""Pins `forepost-gateway journal …`: answers, exit codes, a running writer left alone."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.__main__ import main
from gateway.journal.connection import FILE
from gateway.journal.ledger_tables import must_refold
from tests.rigs.guard import GUARD_S
from tests.rigs.journal import entry, opened, rubbish
from tests.unit.test_journal_start import body_edited, edit, first_page_lost, row_deleted

pytestmark = pytest.mark.slow


@pytest.fixture
async def journal(tmp_path: Path) -> Path:
    state_dir = tmp_path / "state"
    async with opened(state_dir) as store:
        await store.append([entry(n) for n in range(1, 2501)])
        await store.append([rubbish(b"\x00\xff rubbish")])
        await store.advance("uplink", to_seq=2000)
    return state_dir / FILE


def run(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", "journal", *map(str, arguments)],
        capture_output=True,
        check=False,
        timeout=GUARD_S,
    )


def answer(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["journal", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_inspect_shows_what_is_in_it(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = answer(capsys, "inspect", "--journal", journal, "--json")
    report = json.loads(out)
    assert code == 0
    assert (report["gateway"], report["rows"], report["last_seq"]) == ("gw-J1", 2500, 2500)
    assert report["cursors"] == {"uplink": 2000}
    assert report["types"] == {"goods.moved": 2500}
    assert report["quarantine"] == {"malformed": 1}
    _, text, _ = answer(capsys, "inspect", "--journal", journal)
    assert "goods.moved 2500" in text


def test_the_journal_is_found_by_the_configuration(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'[gateway]\nid = "gw-J1"\nwarehouse = "J1"\nstate_dir = "{journal.parent}"\n'
    )
    code, out, _ = answer(capsys, "verify", "--config", config)
    assert (code, "sound: 2500 rows up to 2500" in out) == (0, True)


def configured(journal: Path, tmp_path: Path) -> Path:
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'[gateway]\nid = "gw-J1"\nwarehouse = "J1"\nstate_dir = "{journal.parent}"\n'
    )
    return config


def test_a_refold_is_asked_of_the_next_start(journal: Path, tmp_path: Path) -> None:
    """That the start does it is pinned in tests/property/test_ledger_at_the_edge.py."""

    async def fold(state_dir: Path) -> None:
        time = "insert into ledger_time(id, time_us, horizon) values (1, 0, '')"
        async with opened(state_dir) as store:
            await store.advance("projector", to_seq=2500, effects=[(time, [()])])
            assert not await must_refold(store)

    async def is_asked(state_dir: Path) -> tuple[bool, int]:
        async with opened(state_dir) as store:
            return await must_refold(store), await store.cursor("projector")

    asyncio.run(fold(journal.parent))
    found = run("refold", "--config", configured(journal, tmp_path))
    assert (found.returncode, b"from 2500 rows" in found.stdout) == (0, True), found.stderr
    assert asyncio.run(is_asked(journal.parent)) == (True, 2500)


def test_a_journal_whose_first_rows_are_gone_is_not_folded_again(
    journal: Path, tmp_path: Path
) -> None:
    async def prune(state_dir: Path) -> None:
        async with opened(state_dir) as store:
            gone = "update meta set value = '7' where key = 'base_seq'"
            await store.advance("projector", to_seq=2500, effects=[(gone, [()])])

    asyncio.run(prune(journal.parent))
    found = run("refold", "--config", configured(journal, tmp_path))
    assert (found.returncode, b"cannot be folded again" in found.stderr) == (1, True)


def test_a_refold_needs_a_journal(tmp_path: Path) -> None:
    found = run("refold", "--config", configured(tmp_path / "none" / FILE, tmp_path))
    assert (found.returncode, b"no journal there" in found.stderr) == (1, True)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (body_edited, "row 3 does not fit its checksum"),
        (row_deleted, "row 2 is missing"),
        (first_page_lost, "not a database"),
    ],
)
def test_verify_names_every_damage_and_exits_1(
    journal: Path,
    damage: object,
    complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if not callable(damage):
        raise AssertionError(damage)
    damage(journal.parent)
    code, out, err = answer(capsys, "verify", "--journal", journal)
    assert code == 1
    assert complaint in out + err
    assert (out + err).count("\n") == 1


def test_verify_goes_on_after_a_bad_row(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body_edited(journal.parent)
    edit(journal.parent, "delete from journal where seq between 100 and 105")
    edit(journal.parent, "delete from journal where seq = 2000")
    code, out, _ = answer(capsys, "verify", "--journal", journal, "--json")
    verdict = json.loads(out)
    assert (code, verdict["sound"], verdict["last_seq"]) == (1, False, 2500)
    assert verdict["problems"] == [
        "row 3 does not fit its checksum",
        "rows 100 to 105 are missing",
        "row 2000 is missing",
    ]


def test_export_gives_the_events_own_bytes(journal: Path) -> None:
    done = run("export", "--journal", journal, "--after-seq", 2497, "--limit", 2)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["seq"], line["event"]) for line in lines] == [
        (2498, {"n": 2498}),
        (2499, {"n": 2499}),
    ]
    assert b'"event": {"n": 2498}}' in done.stdout
    assert {line["gateway"] for line in lines} == {"gw-J1"}


def test_export_of_everything_ends_quietly_when_the_reader_leaves(journal: Path) -> None:
    everything = run("export", "--journal", journal)
    assert everything.stdout.count(b"\n") == 2500
    command = f"{sys.executable} -m gateway journal export --journal {journal} | head -1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, check=False, timeout=GUARD_S
    )
    assert (done.stdout.count(b"\n"), done.stderr) == (1, b"")


def test_export_stops_at_damage(journal: Path) -> None:
    body_edited(journal.parent)
    done = run("export", "--journal", journal)
    assert done.returncode == 1
    assert b"row 3 does not fit its checksum" in done.stderr


def test_export_after_a_row_that_is_not_there_is_refused(journal: Path) -> None:
    done = run("export", "--journal", journal, "--after-seq", 9999)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"no row 9999" in done.stderr


def test_a_backup_opens_as_the_journal_it_was(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy.db"
    assert answer(capsys, "backup", copy, "--journal", journal)[0] == 0
    reports = [
        json.loads(answer(capsys, "verify", "--journal", path, "--json")[1])
        for path in (journal, copy)
    ]
    assert reports[0] == reports[1]
    code, _, err = answer(capsys, "backup", copy, "--journal", journal)
    assert (code, "exists already" in err) == (1, True)


def test_a_backup_of_a_damaged_journal_gets_no_name(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body_edited(journal.parent)
    code, _, err = answer(capsys, "backup", tmp_path / "copy.db", "--journal", journal)
    assert (code, "not sound" in err) == (1, True)
    assert not (tmp_path / "copy.db").exists()


def test_quarantine_lists_and_gives_back_the_bytes(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = answer(capsys, "quarantine", "--journal", journal, "--json")
    (kept,) = [json.loads(line) for line in out.splitlines()]
    assert (kept["id"], bytes.fromhex(kept["raw_hex"])) == (1, b"\x00\xff rubbish")
    assert "not JSON" in answer(capsys, "quarantine", "--journal", journal)[1]
    assert run("quarantine", "--journal", journal, "--raw", 1).stdout == b"\x00\xff rubbish"
    assert run("quarantine", "--journal", journal, "--raw", 2).returncode == 1


@pytest.mark.parametrize("what", ["inspect", "verify", "export", "quarantine"])
def test_what_is_no_journal_is_one_line(
    tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty.db"
    empty.write_bytes(b"")
    for path in (tmp_path / "none.db", empty, Path(__file__)):
        code, out, err = answer(capsys, what, "--journal", path)
        assert (code, out, err.count("\n")) == (1, "", 1)


async def test_a_running_writer_is_not_disturbed(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    async with opened(state_dir) as store:
        await store.append([entry(n) for n in range(1, 101)])
        log = state_dir / f"{FILE}-wal"
        before = log.read_bytes()
        for what in (["inspect"], ["verify"], ["export"], ["backup", tmp_path / "copy.db"]):
            assert run(*what, "--journal", state_dir / FILE).returncode == 0
        assert log.read_bytes() == before, "a reader has checkpointed or emptied the log"
        assert await store.append([entry(101)]) == 101
