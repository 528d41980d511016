"""Pins the gateway's exceptions queue: folded with the rows, settled for good, shown."""

import json
from pathlib import Path

import pytest

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from gateway.__main__ import main
from gateway.core.projection import effects_of
from gateway.journal.connection import FILE
from gateway.journal.exception_table import SELECT, count_exceptions, queue_of
from gateway.journal.read_model import effect_statements
from gateway.journal.store import JournalStore
from tests.rigs.journal import opened

ITEM = "09506000134352"


def event(number: int, event_type: str, *flags: str, **members: object) -> ev.Event:
    own = {name: it for name, it in members.items() if name in {"cause", "corrects", "zone"}}
    return ev.Event(
        event_id=name(number), type=event_type, version=1, occurred_at_us=number,
        received_at_us=number, warehouse="J1", device=ev.DeviceMark(id="pda-1"), flags=flags,
        body={key: it for key, it in members.items() if key not in own}, **own,
    )  # fmt: skip


def name(number: int) -> str:
    return f"00000000-0000-7000-8000-{number:012x}"


def word(number: int, kind: str, key: list[str], *evidence: int) -> ev.Event:
    said = doc.Resolution(
        warehouse="J1", kind=kind, key=key, evidence=[name(n) for n in evidence],
        action="accept", reason="agreed", author="ann",
    )  # fmt: skip
    return event(
        number, ev.DOCUMENT_CHANGED, kind=doc.RESOLUTION, key=f"w{number}", version=1,
        deleted=False, data=said.model_dump(),
    )  # fmt: skip


async def fold(journal: JournalStore, *events: ev.Event) -> list[tuple[object, object, object]]:
    """What is open after these rows were folded as well."""
    effects = effects_of([(n, it) for n, it in enumerate(events, 1)], "J1")
    await journal.advance("projector", to_seq=0, effects=effect_statements(effects, {}))
    found = queue_of(await journal.query(SELECT))
    assert len(found) == await count_exceptions(journal)
    return [(it["kind"], it["key"], it["n_events"]) for it in found]


RECEIVED = event(1, ev.GOODS_RECEIVED, "unknown_item", item=ITEM)
AGAIN = event(2, ev.GOODS_RECEIVED, "unknown_item", item=ITEM)
STUCK = event(3, ev.SENSOR_FAULT, kind="stuck", reason="unchanged")
OPEN = ("unknown_item", [ITEM], 1)


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ((RECEIVED,), [OPEN]),
        ((RECEIVED, RECEIVED), [OPEN]),
        ((RECEIVED, AGAIN), [("unknown_item", [ITEM], 2)]),
        ((RECEIVED, event(9, ev.EVENT_CORRECTED, corrects=name(1))), []),
        ((STUCK,), [("sensor_fault", ["pda-1", "stuck"], 1)]),
        ((STUCK, event(9, ev.SENSOR_RECOVERED, cause=name(3))), []),
        ((RECEIVED, AGAIN, word(9, "unknown_item", [ITEM], 1)), [OPEN]),
        ((RECEIVED, word(9, "unknown_item", ["other"], 1)), [OPEN]),
        ((RECEIVED, word(9, "unknown_item", [ITEM], 1, 2)), []),
        ((event(1, ev.CLIMATE_SAMPLED, "out_of_range"),), []),
    ],
)
async def test_the_queue_is_folded_with_the_rows(
    tmp_path: Path, events: tuple[ev.Event, ...], found: list[tuple[object, object, object]]
) -> None:
    """In one portion or one by one."""
    async with opened(tmp_path / "whole") as journal:
        assert await fold(journal, *events) == found
    async with opened(tmp_path / "parts") as journal:
        for it in events:
            left = await fold(journal, it)
        assert left == found


async def test_the_command_names_what_is_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(tmp_path) as journal:
        await fold(journal, RECEIVED, AGAIN, STUCK)
    assert (tmp_path / FILE).exists()
    config = tmp_path / "gateway.toml"
    config.write_text(f'[gateway]\nid = "gw"\nwarehouse = "J1"\nstate_dir = "{tmp_path}"\n')
    where = ["--config", str(config)]
    assert main(["exceptions", "list", *where]) == 0
    stuck, unknown = capsys.readouterr().out.splitlines()
    assert "pda-1 stuck" in stuck
    assert f"{ITEM}  (2 events)  enter_item or return or correct" in unknown
    assert main(["exceptions", "show", "unknown_item", "--json", *where]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [it["event_id"] for it in shown["evidence"]] == [name(1), name(2)]
    assert main(["exceptions", "show", "over_receipt", *where]) == 1
