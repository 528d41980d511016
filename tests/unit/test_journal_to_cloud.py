"""Pins that a salvaged or restored journal reaches the cloud, each event once."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.contract.batches import BatchAnswer, encode_batch
from cloud_sync.inbox.wire import parse_upload
from cloud_sync.store import queries
from cloud_sync.store.batches import Taken, take_batch
from cloud_sync.store.credentials import enrol_gateway
from cloud_sync.store.ports import Database
from gateway.__main__ import main
from gateway.journal.connection import FILE
from gateway.journal.salvage import read_salvage
from gateway.journal.store import JournalStore
from gateway.journal.switch import NOTE
from gateway.ports import Draft, Entry
from tests.fakes.uploads import event_id, make_line
from tests.rigs.journal import GATEWAY, opened
from tests.rigs.patterns import opened_cloud
from tests.unit.test_journal_start import edit

N_ROWS = 60
SENT = 40


def receipt_of(n: int) -> Entry:
    """Goods come in: one more piece per event, so that each event shows in the sum."""
    event = ev.Event(
        event_id=event_id(n),
        type=ev.GOODS_RECEIVED,
        version=1,
        occurred_at_us=1_000 + n,
        received_at_us=1_000 + n,
        warehouse="W1",
        lines=(make_line("@supplier", "DOCK", 2**n % 1_000_003),),
    )
    return Entry(
        (Draft(event.event_id, event.type, event.occurred_at_us, ev.encode_event(event)),)
    )


def worth(numbers: Sequence[int]) -> int:
    return sum(2**n % 1_000_003 for n in numbers)


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Database]:
    async with opened_cloud(str(tmp_path / "cloud.db")) as database:
        enrol = partial(enrol_gateway, gateway=GATEWAY, warehouse="W1", now_us=1)
        await database.transact(enrol)
        yield database


async def send(cloud: Database, store: JournalStore, up_to: int) -> BatchAnswer:
    """Rows from the journal's beginning, as the uplink sends them."""
    rows = await store.read(after_seq=0, limit=up_to)
    body = encode_batch(
        gateway=GATEWAY,
        epoch=store.epoch,
        instance=hashlib.sha256(b"box").hexdigest()[:32],
        first_seq=1,
        chain_before=await store.link(0),
        chain_after=rows[-1].chain,
        bodies=[row.body for row in rows],
    )
    take = partial(
        take_batch, gateway=GATEWAY, warehouse="W1", upload=parse_upload(body), now_us=10
    )
    outcome = await cloud.transact(take)
    assert isinstance(outcome, Taken), outcome
    return outcome.answer


async def stock(cloud: Database) -> Mapping[str, object]:
    wanted = partial(queries.read_stock, warehouse=None, item=None, with_virtual=False)
    return {str(row["location"]): row["quantity"] for row in await cloud.read(wanted)}


async def test_salvaged_rows_reach_the_cloud_once(tmp_path: Path, cloud: Database) -> None:
    state_dir = tmp_path / "state"
    async with opened(state_dir) as store:
        await store.append([receipt_of(n) for n in range(1, N_ROWS + 1)])
        await send(cloud, store, SENT)
        await store.advance("uplink", to_seq=SENT)
    edit(state_dir, "update journal set body = x'7b7d' where seq in (7, 50)")
    (state_dir / NOTE).write_text("by the test\n")
    async with opened(state_dir) as store:
        assert store.last_seq == N_ROWS - 2
        answer = await send(cloud, store, N_ROWS)
    assert answer.acknowledged_seq == N_ROWS - 2
    assert [event.status for event in answer.events] == (
        ["duplicate"] * (SENT - 1) + ["accepted"] * (N_ROWS - SENT - 1)
    )
    # Row 7 was in the cloud before it was damaged here; row 50 was only here.
    held = [n for n in range(1, N_ROWS + 1) if n != 50]
    assert await stock(cloud) == {"DOCK": worth(held)}
    report = read_salvage(state_dir / FILE)
    assert (report.missing, report.n_lost) == (((7, 7), (50, 50)), 1)


async def test_a_backup_goes_on_under_a_new_epoch(
    tmp_path: Path, cloud: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    state_dir, backup = tmp_path / "state", tmp_path / "backup.db"
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'[gateway]\nid = "{GATEWAY}"\nwarehouse = "W1"\nstate_dir = "{state_dir}"\n'
    )
    async with opened(state_dir) as store:
        await store.append([receipt_of(n) for n in range(1, SENT + 1)])
        assert main(["journal", "backup", str(backup), "--config", str(config)]) == 0
        await store.append([receipt_of(n) for n in range(SENT + 1, N_ROWS + 1)])
        await send(cloud, store, N_ROWS)
        epoch = store.epoch
        assert main(["journal", "restore", str(backup), "--config", str(config)]) == 1
        assert "in use by process" in capsys.readouterr().err
    assert main(["journal", "restore", str(backup), "--config", str(config)]) == 1
    assert "never overwritten" in capsys.readouterr().err
    for part in state_dir.glob(FILE + "*"):
        part.unlink()
    assert main(["journal", "restore", str(backup), "--config", str(config)]) == 0
    async with opened(state_dir) as store:
        assert (store.epoch != epoch, store.last_seq) == (True, SENT)
        await store.append([receipt_of(N_ROWS + 1)])
        answer = await send(cloud, store, N_ROWS)
    assert [event.status for event in answer.events] == ["duplicate"] * SENT + ["accepted"]
    assert await stock(cloud) == {"DOCK": worth(range(1, N_ROWS + 2))}


async def test_only_a_sound_backup_of_this_gateway_is_restored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state_dir, backup_dir = tmp_path / "state", tmp_path / "backup"
    config = tmp_path / "gateway.toml"
    text = f'[gateway]\nid = "ID"\nwarehouse = "W1"\nstate_dir = "{state_dir}"\n'
    async with opened(backup_dir) as store:
        await store.append([receipt_of(n) for n in range(1, 5)])
    config.write_text(text.replace("ID", "another"))
    command = ["journal", "restore", str(backup_dir / FILE), "--config", str(config)]
    assert main(command) == 1
    assert "belongs to gateway" in capsys.readouterr().err
    config.write_text(text.replace("ID", GATEWAY))
    edit(backup_dir, "update journal set body = x'7b7d' where seq = 2")
    assert main(command) == 1
    assert "row 2 does not fit" in capsys.readouterr().err
    assert not (state_dir / FILE).exists()
