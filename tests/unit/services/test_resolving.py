"""Pins that what a person says about an exception is taken in once and done once, at the gateway,
and that a word of the cloud's does the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.inventory.exceptions import Word
from cloud_sync.inventory.stock import StockKey
from gateway.__main__ import main
from gateway.journal.exception_table import SELECT, WORDS, queue_of
from gateway.journal.store import JournalStore
from gateway.ports import Draft, Entry
from gateway.services import resolving as module
from gateway.services.following import event_of
from gateway.services.projector import Projector
from gateway.services.resolving import DIRECTORY, Resolving, leave_word, words_in
from gateway.services.supervisor import Heartbeats
from tests.fakes.clock import FakeClock
from tests.fakes.trigger_watch import watch
from tests.rigs.exceptions import keeper
from tests.rigs.guard import GUARD_S
from tests.rigs.journal import opened

ITEM = "09506000134352"
KEY = ("J1", "R-1", ITEM, "L1", "available", "EA")


def name(number: int) -> str:
    return f"00000000-0000-7000-8000-{number:012x}"


class Site:
    """A journal, its projector, and a person with a file."""

    def __init__(self, store: JournalStore, state_dir: Path) -> None:
        self.store = store
        self.state_dir = state_dir
        self.clock = FakeClock()
        self.done = 0
        self._numbers = count(1)
        self.start()

    def start(self) -> None:
        """The projector of a gateway that was just started."""
        self.projector = Projector(
            journal=self.store,
            warehouse="J1",
            watch=watch(self.clock),
            exceptions=keeper(self.store, self.clock),
            heartbeats=Heartbeats(self.clock),
        )

    async def happen(self, event_type: str, *flags: str, **members: object) -> str:
        """Journal an event; gives its id. members: of the event, or of its body."""
        own = {it: members.pop(it) for it in ("lines", "documents") if it in members}
        event = ev.Event(
            event_id=name(next(self._numbers)), type=event_type, version=1, flags=flags,
            occurred_at_us=self.clock.wall_us(), received_at_us=self.clock.wall_us(),
            warehouse="J1", body=members, **own,  # type: ignore[arg-type]  # as the test says
        )  # fmt: skip
        draft = Draft(event.event_id, event.type, event.occurred_at_us, ev.encode_event(event))
        await self.store.append([Entry((draft,))])
        self.clock.forward(1)
        return event.event_id

    async def fold(self) -> list[ev.Event]:
        """Let the projector fold all there is, its own events included; gives the new rows."""
        await self.projector.load()
        found = []
        while rows := await self.store.read(after_seq=self.done, limit=1000):
            await self.projector.take(rows)
            self.done = rows[-1].seq
            found += [event_of(row) for row in rows]
        return found

    async def queue(self) -> list[tuple[object, object]]:
        rows = await self.store.query(SELECT)
        return [(it["kind"], it["n_events"]) for it in queue_of(rows)]

    async def say(self, said: Word) -> list[ev.Event]:
        """Say it at the gateway; gives the events behind it."""
        leave_word(self.state_dir / DIRECTORY, said)
        await self.take_words()
        return await self.fold()

    async def take_words(self) -> None:
        service = Resolving(
            journal=self.store, warehouse="J1", state_dir=self.state_dir, clock=self.clock,
            heartbeats=Heartbeats(self.clock),
        )  # fmt: skip
        async with asyncio.TaskGroup() as group:
            task = group.create_task(service.run())
            async with asyncio.timeout(GUARD_S):
                while words_in(self.state_dir / DIRECTORY):
                    await asyncio.sleep(0)
            task.cancel()


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr(module, "TICK_S", 0.0)
    async with opened(tmp_path, clock=FakeClock()) as store:
        yield Site(store, tmp_path)


def word(kind: str, action: str, *evidence: str, key: tuple[str, ...] = (ITEM, "L1")) -> Word:
    return Word(name(0xF00), 0, kind, key, evidence, action, "looked at it", "w17")


def line(source: str, target: str, quantity: int, **members: object) -> ev.Line:
    return ev.Line(
        item=ITEM, lot="L1", from_location=source, to_location=target, quantity=quantity,
        **members,  # type: ignore[arg-type]  # as the test says
    )  # fmt: skip


async def held(site: Site) -> str:
    """A lot that the cold chain took out of sale."""
    name_ = await site.happen(ev.LOT_HELD, item=ITEM, lot="L1", reason="exposure", verdict="hold")
    await site.fold()
    assert await site.queue() == [("exposure", 1)]
    return name_


async def test_a_release_releases_the_lot_and_the_word_is_kept(site: Site) -> None:
    evidence = await held(site)
    said, done = await site.say(word("exposure", "release", evidence))
    assert (said.type, said.event_id) == (ev.EXCEPTION_RESOLVED, name(0xF00))
    assert (done.type, done.body["item"], done.body["lot"]) == (ev.LOT_RELEASED, ITEM, "L1")
    assert (done.body["author"], done.body["resolves"]) == ("w17", said.event_id)
    assert await site.queue() == []
    ((kept, *_),) = await site.store.query(WORDS)
    assert kept == said.event_id
    assert (ITEM, "L1") not in site.projector.facts.flows.holds


async def test_a_word_that_was_taken_before_the_power_went_is_not_taken_again(site: Site) -> None:
    said = word("exposure", "release", await held(site))
    await site.say(said)
    site.start()
    assert await site.say(said) == []


async def test_of_two_words_on_one_event_the_first_is_done_and_both_are_kept(site: Site) -> None:
    evidence = await held(site)
    told = doc.Resolution(
        warehouse="J1", kind="exposure", key=[ITEM, "L1"], evidence=[evidence], action="release",
        reason="looked at it", author="ann", at_us=5,
    )  # fmt: skip
    await site.happen(
        ev.DOCUMENT_CHANGED, kind=doc.RESOLUTION, key="k1", version=1, deleted=False,
        data=told.model_dump(exclude_none=True),
    )  # fmt: skip
    here = await site.say(word("exposure", "release", evidence))
    assert [it.type for it in here] == [
        ev.DOCUMENT_CHANGED, ev.EXCEPTION_RESOLVED, ev.LOT_RELEASED,
    ]  # fmt: skip
    assert {row[0] for row in await site.store.query(WORDS)} == {"k1", name(0xF00)}


async def test_waste_takes_all_of_the_lot_that_lies_here(site: Site) -> None:
    for place, quantity in (("R-1", 4), ("R-2", 3)):
        await site.happen(ev.GOODS_RECEIVED, lines=(line("@supplier", place, quantity),))
    await site.happen(ev.GOODS_PICKED, lines=(line("R-2", "R-3", 5),))
    evidence = await held(site)
    _, done = await site.say(word("exposure", "waste", evidence))
    assert done.type == ev.STOCK_WASTED
    assert [(it.from_location, it.to_location, it.quantity) for it in done.lines] == [
        ("R-1", "@waste", 4), ("R-3", "@waste", 5),
    ]  # fmt: skip


async def test_a_correction_turns_round_what_shows_it_once(site: Site) -> None:
    received = line("@supplier", "R-1", 4)
    evidence = await site.happen(
        ev.GOODS_RECEIVED, "over_receipt", lines=(received,),
        documents=(ev.Document(type="asn", id="A-1"),),
    )  # fmt: skip
    await site.fold()
    said = word("over_receipt", "correct", evidence, key=("A-1", ITEM))
    _, done = await site.say(said)
    assert (done.type, done.corrects) == (ev.EVENT_CORRECTED, evidence)
    assert (done.lines[0].from_location, done.lines[0].to_location) == ("R-1", "@supplier")
    assert done.body["corrects_type"] == ev.GOODS_RECEIVED
    again = await site.say(said._replace(word=name(0xF01)))
    assert [it.type for it in again] == [ev.EXCEPTION_RESOLVED]
    assert {key.location: n for key, n in site.projector.facts.stock.items() if n} == {}


async def stale(site: Site) -> str:
    """A count that its device sent four days late."""
    now_us = site.clock.wall_us()
    event = ev.Event(
        event_id=name(0xA00), type=ev.COUNT_OBSERVED, version=1, warehouse="J1",
        occurred_at_us=now_us - 4 * 86_400_000_000, received_at_us=now_us,
        device=ev.DeviceMark(id="pda", boot="b", seq=1, clock="trusted", error_us=0),
        body={"assertions": [{"item": ITEM, "lot": "L1", "location": "R-1", "quantity": 2}]},
    )  # fmt: skip
    draft = Draft(event.event_id, event.type, event.occurred_at_us, ev.encode_event(event))
    await site.store.append([Entry((draft,))])
    site.clock.forward(1)
    return event.event_id


async def test_an_adjustment_counts_what_is_said_to_be_there(site: Site) -> None:
    await site.happen(ev.GOODS_RECEIVED, lines=(line("@supplier", "R-1", 9),))
    evidence = await stale(site)
    await site.fold()
    assert await site.queue() == [("count_stale", 1)]
    said = word("count_stale", "adjust", evidence, key=KEY)._replace(quantity=7)
    _, done = await site.say(said)
    assert done.type == ev.COUNT_OBSERVED
    assert site.projector.facts.stock[StockKey(*KEY)] == 7
    assert await site.queue() == []


async def test_the_next_count_ends_what_was_doubtful(site: Site) -> None:
    await stale(site)
    await site.fold()
    assert await site.queue() == [("count_stale", 1)]
    await site.happen(
        ev.COUNT_OBSERVED,
        assertions=[{"item": ITEM, "lot": "L1", "location": "R-1", "quantity": 2}],
    )
    await site.fold()
    assert await site.queue() == []


async def test_a_tag_at_two_doors_at_once_is_told_and_not_told_again(site: Site) -> None:
    async def see(door: str) -> str:
        return await site.happen(ev.TAG_ARRIVED, read_point=door, gtin=ITEM, serial="S1", epc="30")

    first, second = await see("d-1"), await see("d-2")
    await site.fold()
    assert await site.queue() == [("duplicate_epc", 2)]
    await site.say(word("duplicate_epc", "accept", first, second, key=(ITEM, "S1")))
    assert await site.queue() == []
    await see("d-3")
    await site.fold()
    assert await site.queue() == [("duplicate_epc", 1)], "with what is new, and nothing else"


@pytest.mark.parametrize(
    "bad",
    [
        word("exposure", "forget", name(1)),
        word("exposure", "release"),
        word("negative_stock", "recount", name(1), key=KEY),
        word("count_stale", "adjust", name(1), key=KEY),
        word("exposure", "release", name(1))._replace(reason=""),
        word("exposure", "release", name(1))._replace(author="no id"),
    ],
)
async def test_a_word_that_nobody_can_act_on_is_not_taken(site: Site, bad: Word) -> None:
    assert await site.say(bad) == []


async def test_a_file_that_is_no_word_is_taken_away(site: Site) -> None:
    (site.state_dir / DIRECTORY).mkdir()
    (site.state_dir / DIRECTORY / name(1)).write_text("[1]")
    (site.state_dir / DIRECTORY / name(2)).write_bytes(b"\xff")
    await site.take_words()
    assert await site.fold() == []


async def test_the_command_leaves_a_word_and_shows_what_the_balances_say(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    picked = await site.happen(ev.GOODS_PICKED, lines=(line("R-1", "@customer", 3),))
    await held(site)
    config = site.state_dir / "gateway.toml"
    config.write_text(
        '[gateway]\nid = "gw"\nwarehouse = "J1"\nlanguage = "zh"\n'
        f'state_dir = "{site.state_dir}"\n'
    )
    where = ["--config", str(config)]

    def run(*words: str) -> int:
        return main(["exceptions", *words, *where])

    assert await asyncio.to_thread(run, "list") == 0
    exposure, negative = capsys.readouterr().out.splitlines()
    assert f"{ITEM} L1  (1 events)  inspect or waste or release" in exposure
    assert "过热" in exposure
    assert f"J1 R-1 {ITEM} L1 available EA  (-3 EA)  recount" in negative
    assert await asyncio.to_thread(run, "show", "negative_stock", "--json") == 0
    (piece,) = json.loads(capsys.readouterr().out)["evidence"]
    assert (piece["event_id"], piece["detail"]) == (picked, "-3 EA")
    by = ["--reason", "it is fine", "--author", "w17"]
    for action, code in (("forget", 1), ("release", 0)):
        said = ["resolve", "exposure", ITEM, "L1", "--action", action, *by]
        assert await asyncio.to_thread(run, *said) == code
    counted = ["resolve", "negative_stock", *KEY, "--action", "recount", *by]
    assert await asyncio.to_thread(run, *counted) == 0
    assert (
        await asyncio.to_thread(run, "resolve", "exposure", "x", "--action", "release", *by) == 1
    )
    await site.take_words()
    assert [it.type for it in await site.fold()] == [
        ev.EXCEPTION_RESOLVED, ev.EXCEPTION_RESOLVED, ev.LOT_RELEASED,
    ]  # fmt: skip
    capsys.readouterr()
    assert await asyncio.to_thread(run, "words", "--json") == 0
    words = [json.loads(it) for it in capsys.readouterr().out.splitlines()]
    assert {(it["kind"], it["action"], it["author"]) for it in words} == {
        ("exposure", "release", "w17"), ("negative_stock", "recount", "w17"),
    }  # fmt: skip
