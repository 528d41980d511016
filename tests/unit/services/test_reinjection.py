"""Pins the way out of quarantine: the normal path, once, however often it is asked for."""

import asyncio
import json
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

import pytest

from cloud_sync.contract import events as ev
from gateway.__main__ import main
from gateway.ports import Entry, Quarantined
from gateway.services import reinjection as reinjection_module
from gateway.services.reinjection import _HOPELESS, DIRECTORY, Hopeless, Reinjection, read_again
from gateway.services.supervisor import Heartbeats
from tests.fakes.clock import FakeClock
from tests.fakes.memory_journal import MemoryJournal
from tests.rigs.guard import GUARD_S
from tests.rigs.journal import GATEWAY, opened
from tests.unit.services.test_intake import GTIN, Bench, running

SCAN: Final = json.dumps(
    {"v": 1, "device": "pda", "boot": "b", "seq": 7, "data": f"01{GTIN}10L1"}
    | {"task": {"type": "receive"}}
).encode()


class QuarantinedJournal(MemoryJournal):
    """The fake journal, with a quarantine that can be read."""

    async def read_quarantine(self, *, after_id: int, limit: int) -> list[tuple[int, Quarantined]]:
        numbered = list(enumerate(self.quarantine, 1))
        return [each for each in numbered if each[0] > after_id][:limit]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reinjection_module, "TICK_S", 0.0)


async def taken(bench: Bench, journal: QuarantinedJournal, state_dir: Path, id_: int) -> None:
    """Ask for a message and wait until the request is gone."""
    service = Reinjection(
        journal=journal,
        intake=bench.queue,
        state_dir=state_dir,
        heartbeats=Heartbeats(FakeClock()),
    )
    (state_dir / DIRECTORY).mkdir(exist_ok=True)
    request = state_dir / DIRECTORY / str(id_)
    request.touch()
    async with running(bench), asyncio.TaskGroup() as group:
        task = group.create_task(service.run())
        async with asyncio.timeout(GUARD_S):
            while request.exists():
                await asyncio.sleep(0)
        task.cancel()


def bench_on(journal: QuarantinedJournal) -> Bench:
    return Bench(journal)


async def test_a_message_is_taken_in_once_however_often_it_is_asked_for(tmp_path: Path) -> None:
    journal = QuarantinedJournal()
    known_us = FakeClock().wall_us()
    journal.quarantine.append(Quarantined("pda", known_us, "unknown_item", "item", SCAN))
    for _ in range(3):
        await taken(bench_on(journal), journal, tmp_path, 1)
    types = [row.type for row in journal.rows]
    assert types == ["lot.created", "goods.received"]
    event = ev.parse_event(journal.rows[-1].body)
    assert event.device is not None
    assert (event.device.boot, event.device.seq) == ("quarantine", 1)
    assert event.received_at_us == known_us


@pytest.mark.parametrize("id_", [1, 5])
async def test_what_cannot_be_read_stays_and_the_request_leaves(tmp_path: Path, id_: int) -> None:
    journal = QuarantinedJournal()
    journal.quarantine.append(Quarantined("pda", 1, "json", "rubbish", b"\x00\xff"))
    await taken(bench_on(journal), journal, tmp_path, id_)
    assert journal.rows == []
    assert len(journal.quarantine) == 1


def test_the_channel_is_known_by_what_is_said() -> None:
    def kind(raw: bytes) -> str:
        return type(read_again(3, Quarantined("pda", 1, "k", "r", raw))).__name__

    assert kind(SCAN) == "Scan"
    assert kind(b"[]") == "Hopeless"


@pytest.mark.parametrize(
    ("kind", "raw", "told"),
    [
        ("journal.row", SCAN, "nothing proves"),
        ("line", b"\x80 torn", "scanned again"),
        ("m100", b"\xbb\x02\x22", "by itself"),
        ("uhfreader18", b"\x05\x00", "by itself"),
        ("llrp", b"\x04\x3e", "by itself"),
        ("impinj", b'{"eventType":"x"}', "by itself"),
        ("zebra-fx", b"{}", "by itself"),
        ("zebra-rfd", b"{}", "by itself"),
        ("datawedge", b"{}", "scanned again"),
        ("item", b"0109506000134352", "have it scanned again"),
        ("json", b"\x00\xff", "no message of a device: the reason then"),
        ("contract", b"{}", "no message of a device: the reason then"),
        ("a kind of tomorrow", b"?", "have it scanned again"),
    ],
)
def test_what_can_never_be_taken_in_says_why(kind: str, raw: bytes, told: str) -> None:
    refused = read_again(3, Quarantined("pda", 1, kind, "the reason then", raw))
    assert isinstance(refused, Hopeless)
    assert told in refused.reason


def test_every_driver_whose_bytes_may_be_set_aside_is_known_here() -> None:
    """Under its own name; those named here set aside under the contract's kinds, or nothing."""
    others = {"pda", "mqtt-climate", "serial-scanner", "xy-md02"}
    drivers = {point.name for point in entry_points(group="gateway.drivers")}
    assert drivers - others <= _HOPELESS.keys()


@pytest.fixture
async def config(tmp_path: Path) -> Path:
    state_dir = tmp_path / "state"
    async with opened(state_dir) as store:
        await store.append(
            [
                Entry(quarantined=Quarantined("pda", 1, "unknown_item", "item", SCAN)),
                Entry(quarantined=Quarantined("pda", 2, "json", "rubbish", b"\x00\xff")),
            ]
        )
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'[gateway]\nid = "{GATEWAY}"\nwarehouse = "J1"\nstate_dir = "{state_dir}"\n'
    )
    return config


def test_the_command_lists_shows_and_asks(
    config: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    ask: Callable[..., int] = lambda *words: main(  # noqa: E731 -- three words shorter
        ["quarantine", *words, "--config", str(config)]
    )
    assert ask("list") == 0
    listed = capfdbinary.readouterr().out
    assert b"pda  unknown_item: item" in listed
    assert listed.count(b"\n") == 2
    assert ask("show", "1") == 0
    assert capfdbinary.readouterr().out == SCAN
    assert ask("reinject", "1") == 0
    assert (config.parent / "state" / DIRECTORY / "1").exists()
    assert ask("reinject", "2") == 1
    assert ask("show", "3") == 1
    assert not (config.parent / "state" / DIRECTORY / "2").exists()
