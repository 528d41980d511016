"""Pins accounting periods: a closed one never changes, and what comes late for it is told in the
open one, with the rows that say so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import httpx
import pytest

from cloud_sync.contract import events as ev
from cloud_sync.store.batches import take_batch
from cloud_sync.store.ports import Database
from tests.fakes.http_words import NOW_US, bearer, client_of, code_of
from tests.fakes.uploads import ITEM, Book, make_line

DAY_US = 86_400_000_000
NOVEMBER_US = NOW_US - 10 * DAY_US
"""Up to when the first period goes."""


class Clock:
    """The cloud's clock, as the test sets it."""

    def __init__(self) -> None:
        self.now_us = NOW_US


class Site:
    """A warehouse whose gateway tells what happened, at once or late, and an office that asks."""

    def __init__(self, database: Database, http: httpx.AsyncClient, clock: Clock) -> None:
        self.database, self.http, self.clock = database, http, clock
        self.book, self._sent = Book(), 0

    async def tell(self, quantity: int, at_us: int, *, known_us: int) -> int:
        """So many came at a time and are told at another; gives the row."""
        line = make_line("@supplier", "R-1", quantity)
        # A device that was away says when it was: the row stands at its own time.
        event = ev.Event(
            event_id=f"00000000-0000-7000-8000-{len(self.book.bodies) + 1:012x}",
            type=ev.GOODS_RECEIVED, version=1, occurred_at_us=at_us, received_at_us=known_us,
            warehouse="W1", lines=(line,),
            device=ev.DeviceMark(
                id="pda-1", boot="b", seq=len(self.book.bodies) + 1, clock="trusted", error_us=0
            ),
        )  # fmt: skip
        self.book.write(ev.encode_event(event))
        upload = self.book.upload(self._sent + 1)
        self._sent = len(self.book.bodies)
        await self.database.transact(
            partial(take_batch, gateway="gw-W1", warehouse="W1", upload=upload, now_us=known_us)
        )
        return self._sent

    async def close(self, name: str, until_us: int, *, now_us: int) -> httpx.Response:
        self.clock.now_us = now_us
        return await self.http.post("/v1/periods", json={"id": name, "until_us": until_us})

    async def shelf(self, period: str) -> tuple[int, int, int, int]:
        answer = await self.http.get(f"/v1/periods/{period}/stock?warehouse=W1")
        assert answer.status_code == 200, answer.text
        (row,) = (it for it in answer.json()["stock"] if it["location"] == "R-1")
        return row["opening"], row["late"], row["moved"], row["closing"]

    async def late(self, period: str) -> list[dict[str, object]]:
        answer = await self.http.get(f"/v1/periods/{period}/late?warehouse=W1&item={ITEM}")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, object]] = answer.json()["late"]
        return [it for it in found if it["location"] == "R-1"]


@pytest.fixture
async def site(database: Database, tokens: dict[str, str]) -> AsyncIterator[Site]:
    clock = Clock()
    async with client_of(database, lambda: clock.now_us) as http:
        http.headers.update(bearer(tokens["admin"]))
        yield Site(database, http, clock)


async def test_what_comes_late_for_a_closed_period_is_told_in_the_open_one(site: Site) -> None:
    await site.tell(20, NOVEMBER_US - DAY_US, known_us=NOVEMBER_US - DAY_US)
    await site.tell(3, NOVEMBER_US + DAY_US, known_us=NOVEMBER_US + DAY_US)
    closed = await site.close("2026-11", NOVEMBER_US, now_us=NOVEMBER_US + 2 * DAY_US)
    assert closed.status_code == 200, closed.text
    assert await site.shelf("2026-11") == (0, 0, 20, 20)
    row = await site.tell(7, NOVEMBER_US - 2 * DAY_US, known_us=NOVEMBER_US + 3 * DAY_US)
    assert await site.shelf("2026-11") == (0, 0, 20, 20), "closed is closed"
    assert await site.shelf("open") == (20, 7, 3, 30)
    (late,) = await site.late("open")
    assert (late["seq"], late["gateway"], late["quantity"]) == (row, "gw-W1", 7)
    assert late["at_us"] == NOVEMBER_US - 2 * DAY_US, "with its own time"
    assert await site.late("2026-11") == []


async def test_a_late_fact_belongs_to_the_period_in_which_it_became_known(site: Site) -> None:
    await site.tell(20, NOVEMBER_US - DAY_US, known_us=NOVEMBER_US - DAY_US)
    await site.close("first", NOVEMBER_US, now_us=NOVEMBER_US + 1)
    await site.tell(7, NOVEMBER_US - 1, known_us=NOVEMBER_US + DAY_US)
    await site.close("second", NOVEMBER_US + 2 * DAY_US, now_us=NOVEMBER_US + 2 * DAY_US + 1)
    assert await site.shelf("second") == (20, 7, 0, 27)
    assert await site.shelf("open") == (27, 0, 0, 27), "once"
    assert [it["quantity"] for it in await site.late("second")] == [7]
    assert await site.late("open") == []


async def test_a_batch_under_the_same_clock_as_the_closing_is_known_after_it(site: Site) -> None:
    at_us = NOVEMBER_US + 1
    await site.tell(20, NOVEMBER_US, known_us=NOVEMBER_US)
    await site.close("2026-11", NOVEMBER_US, now_us=at_us)
    await site.tell(7, NOVEMBER_US - DAY_US, known_us=at_us)
    await site.tell(1, NOVEMBER_US - DAY_US, known_us=at_us - 1)
    assert await site.shelf("2026-11") == (0, 0, 20, 20)
    assert await site.shelf("open") == (20, 8, 0, 28)


async def test_periods_follow_each_other_and_are_closed_once(site: Site) -> None:
    now_us = NOVEMBER_US + 5
    first = await site.close("2026-11", NOVEMBER_US, now_us=now_us)
    again = await site.close("2026-11", NOVEMBER_US, now_us=now_us + 1)
    assert again.json() == first.json(), "a repeat is told what was done"
    other = await site.close("2026-11", NOVEMBER_US + 1, now_us=now_us)
    assert (other.status_code, code_of(other)) == (409, "exists")
    before = await site.close("2026-10", NOVEMBER_US - DAY_US, now_us=now_us)
    assert (before.status_code, code_of(before)) == (409, "ended")
    ahead = await site.close("2026-12", now_us + 1, now_us=now_us)
    assert code_of(ahead) == "malformed"
    assert code_of(await site.close("open", NOVEMBER_US + 1, now_us=now_us)) == "malformed"
    told = (await site.http.get("/v1/periods")).json()["periods"]
    assert [it["id"] for it in told] == ["2026-11"]
    unknown = await site.http.get("/v1/periods/2031-01/stock?warehouse=W1")
    assert code_of(unknown) == "not_found"
