"""Pins how a delivery ends that is not sent whole: by its receiver's word or by the office's."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from functools import partial

import httpx
import pytest

from cloud_sync.contract import events as ev
from cloud_sync.store.batches import take_batch
from cloud_sync.store.ports import Database
from tests.fakes.http_words import NOW_US, bearer, client_of, code_of
from tests.fakes.uploads import ITEM, Book, make_line

pytestmark = pytest.mark.slow

TRANSFER = ev.Document(type="transfer", id="TR-1")
ASN = ev.Document(type="asn", id="ASN-1")
BODY = {
    "id": "TR-1",
    "source": "C1",
    "destination": "W1",
    "ordered": [{"item": ITEM, "quantity": 24}],
}


def in_every_order(n_steps: int) -> pytest.MarkDecorator:
    """All orders on one store; the other differs in its SQL and not in what comes when."""
    orders = list(itertools.permutations(range(n_steps)))
    cases = [("sqlite", it) for it in orders] + [("postgres", it) for it in orders[::5]]
    return pytest.mark.parametrize(("engine", "order"), cases)


@pytest.fixture
async def http(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, lambda: NOW_US) as it:
        yield it


@pytest.fixture
def admin(tokens: dict[str, str]) -> dict[str, str]:
    return bearer(tokens["admin"])


class Ends:
    """The two gateways of a transfer, telling one thing after the other."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._books = {"C1": Book(gateway="gw-C1", warehouse="C1"), "W1": Book()}

    async def dispatch(self, quantity: int) -> None:
        line = make_line("R-1", "@transit.TR-1", quantity, lot="L1")
        await self._tell("C1", ev.TRANSFER_DISPATCHED, (TRANSFER,), line)

    async def receive(self, quantity: int) -> None:
        line = make_line("@transit.TR-1", "DOCK", quantity, lot="L1")
        await self._tell("W1", ev.TRANSFER_RECEIVED, (ASN, TRANSFER), line)

    async def close(self) -> None:
        await self._tell("W1", ev.RECEIPT_CLOSED, (ASN,))

    async def take_back_closing(self) -> None:
        of = {"corrects_type": ev.RECEIPT_CLOSED, "of": {"lines": []}}
        await self._tell("W1", ev.EVENT_CORRECTED, (ASN,), body=of)

    async def receive_from_supplier(self, quantity: int) -> None:
        line = make_line("@supplier", "DOCK", quantity, lot="L1")
        await self._tell("W1", ev.GOODS_RECEIVED, (ASN,), line)

    async def take_back_delivery(self, quantity: int) -> None:
        line = make_line("DOCK", "@supplier", quantity, lot="L1")
        of = {"corrects_type": ev.GOODS_RECEIVED}
        await self._tell("W1", ev.EVENT_CORRECTED, (ASN,), line, body=of)

    async def take_back_dispatch(self, quantity: int, *, really: int = 0) -> None:
        lines = [make_line("@transit.TR-1", "R-1", quantity, lot="L1")]
        if really:
            lines.append(make_line("R-1", "@transit.TR-1", really, lot="L1"))
        of = {"corrects_type": ev.TRANSFER_DISPATCHED}
        await self._tell("C1", ev.EVENT_CORRECTED, (TRANSFER,), *lines, body=of)

    async def take_back_receipt(self, quantity: int, *, really: int = 0) -> None:
        lines = [make_line("DOCK", "@transit.TR-1", quantity, lot="L1")]
        if really:
            lines.append(make_line("@transit.TR-1", "DOCK", really, lot="L1"))
        of = {"corrects_type": ev.TRANSFER_RECEIVED}
        await self._tell("W1", ev.EVENT_CORRECTED, (ASN, TRANSFER), *lines, body=of)

    async def _tell(
        self,
        where: str,
        event_type: str,
        documents: tuple[ev.Document, ...],
        *lines: ev.Line,
        body: dict[str, object] | None = None,
    ) -> None:
        book = self._books[where]
        book.record(event_type, documents=documents, lines=lines, body=body)
        script = partial(
            take_batch,
            gateway=book.gateway,
            warehouse=where,
            upload=book.upload(len(book.bodies)),
            now_us=1,
        )
        await self._database.transact(script)


async def states(http: httpx.AsyncClient, admin: dict[str, str]) -> tuple[str, str]:
    transfer = (await http.get("/v1/transfers/TR-1", headers=admin)).json()["transfer"]
    asn = (await http.get("/v1/asns/ASN-1", headers=admin)).json()["asn"]
    return transfer["status"], asn["status"]


async def test_a_transfer_that_was_sent_short_ends_by_its_receivers_word_in_any_order(
    http: httpx.AsyncClient, admin: dict[str, str], database: Database
) -> None:
    assert (await http.put("/v1/transfers/TR-1", json=BODY, headers=admin)).status_code == 200
    ends = Ends(database)
    await ends.dispatch(20)
    await ends.receive(20)
    assert await states(http, admin) == ("dispatched", "dispatched"), "four may still come"
    await ends.close()
    assert await states(http, admin) == ("received", "received")


@in_every_order(3)
async def test_the_order_of_the_reports_does_not_matter(
    http: httpx.AsyncClient, admin: dict[str, str], database: Database, order: tuple[int, ...]
) -> None:
    ends = Ends(database)
    await http.put("/v1/transfers/TR-1", json=BODY, headers=admin)
    for i in order:
        await (partial(ends.dispatch, 20), partial(ends.receive, 19), ends.close)[i]()
    assert await states(http, admin) == ("received", "received")


@in_every_order(4)
async def test_a_closing_that_was_taken_back_is_none_in_any_order(
    http: httpx.AsyncClient, admin: dict[str, str], database: Database, order: tuple[int, ...]
) -> None:
    await http.put("/v1/transfers/TR-1", json=BODY, headers=admin)
    ends = Ends(database)
    steps = (partial(ends.dispatch, 24), partial(ends.receive, 20), ends.close,
             ends.take_back_closing)  # fmt: skip
    for i in order:
        await steps[i]()
    assert await states(http, admin) == ("dispatched", "dispatched"), "four may still come"
    await ends.close()
    assert await states(http, admin) == ("received", "received")


async def test_a_suppliers_delivery_follows_what_was_taken_back(
    http: httpx.AsyncClient, admin: dict[str, str], database: Database
) -> None:
    body = {"id": "ASN-1", "warehouse": "W1", "source": "@supplier", "status": "dispatched",
            "ordered": [{"item": ITEM, "quantity": 10}]}  # fmt: skip
    await http.put("/v1/asns/ASN-1", json=body, headers=admin)
    ends = Ends(database)

    async def status() -> str:
        return str((await http.get("/v1/asns/ASN-1", headers=admin)).json()["asn"]["status"])

    for told, taken_back in (
        (ends.close, ends.take_back_closing),
        (partial(ends.receive_from_supplier, 10), partial(ends.take_back_delivery, 10)),
    ):
        await told()
        assert await status() == "received"
        await taken_back()
        assert await status() == "dispatched"
    await ends.receive_from_supplier(10)
    assert await status() == "received"


async def shipped(http: httpx.AsyncClient, admin: dict[str, str]) -> int:
    transfer = (await http.get("/v1/transfers/TR-1", headers=admin)).json()["transfer"]
    return sum(line["quantity"] for line in transfer.get("shipped", ()))


@in_every_order(4)
async def test_what_is_corrected_is_not_sent_and_not_received_in_any_order(
    http: httpx.AsyncClient, admin: dict[str, str], database: Database, order: tuple[int, ...]
) -> None:
    await http.put("/v1/transfers/TR-1", json=BODY, headers=admin)
    ends = Ends(database)
    steps = (
        partial(ends.dispatch, 30),
        partial(ends.take_back_dispatch, 30, really=24),
        partial(ends.receive, 24),
        partial(ends.take_back_receipt, 24, really=23),
    )
    for i in order:
        await steps[i]()
    assert await shipped(http, admin) == 24
    assert await states(http, admin) == ("dispatched", "dispatched"), "one has not come"
    await ends.receive(1)
    assert await states(http, admin) == ("received", "received")


async def test_a_dispatch_that_was_undone_leaves_the_transfer_to_be_sent(
    http: httpx.AsyncClient, admin: dict[str, str], database: Database
) -> None:
    await http.put("/v1/transfers/TR-1", json=BODY, headers=admin)
    ends = Ends(database)
    await ends.dispatch(24)
    await ends.take_back_dispatch(24)
    transfer, _ = await states(http, admin)
    assert (transfer, await shipped(http, admin)) == ("ordered", 0)


async def test_closed_by_the_office_it_waits_for_what_is_on_its_way(
    http: httpx.AsyncClient, admin: dict[str, str], database: Database
) -> None:
    await http.put("/v1/transfers/TR-1", json=BODY, headers=admin)
    ends = Ends(database)
    await ends.dispatch(20)
    close = "/v1/transfers/TR-1/close"
    done = await http.post(close, json={"reason": "sold out"}, headers=admin)
    assert done.json() == {"changed": 1}
    assert await states(http, admin) == ("dispatched", "dispatched")
    await ends.receive(19)
    assert await states(http, admin) == ("dispatched", "dispatched")
    await ends.receive(1)
    assert await states(http, admin) == ("received", "received")


async def test_closed_by_the_office_before_anything_left_it_is_over(
    http: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    await http.put("/v1/transfers/TR-1", json=BODY, headers=admin)
    await http.post("/v1/transfers/TR-1/close", json={"reason": "not needed"}, headers=admin)
    assert await states(http, admin) == ("received", "received")


async def test_a_suppliers_delivery_can_be_closed_and_others_not(
    http: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    body = {"id": "ASN-1", "warehouse": "W1", "source": "@supplier", "status": "dispatched",
            "ordered": [{"item": ITEM, "quantity": 10}]}  # fmt: skip
    await http.put("/v1/asns/ASN-1", json=body, headers=admin)
    close = "/v1/asns/ASN-1/close"
    for bad in ({}, {"reason": ""}, {"reason": "x", "y": 1}):
        assert code_of(await http.post(close, json=bad, headers=admin)) == "malformed"
    assert (await http.post(close, json={"reason": "lost"}, headers=admin)).status_code == 200
    asn = (await http.get("/v1/asns/ASN-1", headers=admin)).json()["asn"]
    assert (asn["status"], asn["closed"]) == ("received", "lost")
    missing = await http.post("/v1/asns/ASN-9/close", json={"reason": "lost"}, headers=admin)
    assert code_of(missing) == "not_found"
