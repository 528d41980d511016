"""Pins what the cloud makes of plans: carried out when approved by whomever, closed when dropped,
and never two ways at once, in whatever order gateways tell."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import httpx
import pytest

from cloud_sync.contract import events as ev
from cloud_sync.contract.documents import PlanWord
from cloud_sync.store.batches import take_batch
from cloud_sync.store.documents import read_documents
from cloud_sync.store.ports import Database
from tests.fakes.http_words import NOW_US, bearer, client_of, code_of
from tests.fakes.uploads import ITEM, Book, make_line

PLAN = "PL-1"
LINE = {"item": ITEM, "quantity": 24, "order_up_to_units": 30, "position_units": 6}


@pytest.fixture
async def http(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, lambda: NOW_US) as it:
        yield it


@pytest.fixture
def admin(tokens: dict[str, str]) -> dict[str, str]:
    return bearer(tokens["admin"])


class Site:
    """The two gateways that a plan concerns, and what the office sees of it."""

    def __init__(self, database: Database, http: httpx.AsyncClient, admin: dict[str, str]) -> None:
        self._database, self._http, self._admin = database, http, admin
        self._books = {"C1": Book(gateway="gw-C1", warehouse="C1"), "W1": Book()}

    async def propose(
        self, *, approval: str = "automatic", at_us: int = 10, source: str = "C1"
    ) -> None:
        body: dict[str, object] = {
            "plan_id": PLAN, "warehouse": "W1", "source": source, "triggers": [],
            "based_on_seq": 1, "computed_at_us": at_us, "objective": 1.0,
            "lines": [LINE], "network_plan": {},
            "approval": approval,
        }  # fmt: skip
        await self.tell("W1", ev.PLAN_PROPOSED, body, at_us=at_us)

    async def decide(self, decision: str, *, at_us: int = 20) -> None:
        body: dict[str, object] = {
            "decision": decision, "triggers": [], "based_on_seq": 2, "reason": "x",
            "plan_id": PLAN,
        }  # fmt: skip
        await self.tell("W1", ev.PLAN_DECIDED, body, at_us=at_us)

    async def dispatch(self) -> None:
        line = make_line("R-1", "@transit.TR-1", 24, lot="L1")
        await self.tell("C1", ev.TRANSFER_DISPATCHED, {}, line, document=("transfer", "TR-1"))

    async def receive(self) -> None:
        line = make_line("@transit.TR-1", "DOCK", 24, lot="L1")
        await self.tell("W1", ev.TRANSFER_RECEIVED, {}, line, document=("asn", "ASN-1"))

    async def tell(
        self,
        where: str,
        event_type: str,
        body: dict[str, object],
        *lines: ev.Line,
        document: tuple[str, str] = ("plan", PLAN),
        at_us: int = 30,
    ) -> None:
        book = self._books[where]
        named = (ev.Document(type=document[0], id=document[1]),)
        book.record(event_type, documents=named, lines=lines, body=body, at_us=at_us)
        script = partial(
            take_batch,
            gateway=book.gateway,
            warehouse=where,
            upload=book.upload(len(book.bodies)),
            now_us=1,
        )
        await self._database.transact(script)

    async def say(self, decision: str, *, plan: str = PLAN) -> httpx.Response:
        body = {"warehouse": "W1", "plan": plan, "decision": decision, "reason": "I looked"}
        return await self._http.post("/v1/plans/decide", json=body, headers=self._admin)

    async def state(self) -> object:
        answer = await self._http.get("/v1/plans", headers=self._admin)
        (plan,) = answer.json()["plans"]
        return plan["state"]

    async def transfer(self) -> dict[str, object] | None:
        found = await self._database.read(partial(read_documents, kind="transfer"))
        return found[0] if found else None


@pytest.fixture
def site(database: Database, http: httpx.AsyncClient, admin: dict[str, str]) -> Site:
    return Site(database, http, admin)


async def test_a_plan_that_goes_on_its_own_is_ordered_at_once(site: Site) -> None:
    await site.propose()
    transfer = await site.transfer()
    assert transfer is not None
    assert transfer["status"] == "ordered"
    assert await site.state() == "ordered"


async def test_one_that_waits_is_ordered_when_somebody_here_approves(
    site: Site, database: Database
) -> None:
    await site.propose(approval="needed")
    assert (await site.transfer(), await site.state()) == (None, "proposed")
    answer = await site.say("approved")
    assert (answer.status_code, answer.json()) == (200, {"plan": PLAN, "state": "ordered"})
    assert await site.transfer() is not None
    (told,) = await database.read(partial(read_documents, kind="plan", warehouse="W1"))
    (said,) = PlanWord.model_validate(told).said
    assert (said.decision, said.reason, said.at_us) == ("approved", "I looked", NOW_US)


async def test_one_that_waits_is_ordered_when_somebody_at_the_gateway_approves(site: Site) -> None:
    await site.propose(approval="needed")
    await site.decide("approved")
    assert (await site.state(), await site.transfer() is None) == ("ordered", False)


async def test_what_is_rejected_is_never_ordered(site: Site) -> None:
    await site.propose(approval="needed")
    assert (await site.say("rejected")).json()["state"] == "rejected"
    assert code_of(await site.say("approved")) == "ended"
    assert (await site.transfer(), await site.state()) == (None, "rejected")


async def test_a_plan_that_is_taken_back_before_goods_left_sends_none(site: Site) -> None:
    await site.propose()
    await site.decide("superseded")
    transfer = await site.transfer()
    assert transfer is not None
    assert (transfer["status"], transfer["closed"]) == ("received", "the plan was taken back")
    assert await site.state() == "superseded"


async def test_goods_that_left_are_in_transit_whatever_is_said_afterwards(site: Site) -> None:
    await site.propose()
    await site.dispatch()
    assert code_of(await site.say("rejected")) == "ended"
    await site.decide("superseded")
    transfer = await site.transfer()
    assert transfer is not None
    assert (transfer["status"], transfer.get("closed")) == ("dispatched", None)
    assert await site.state() == "in_transit"
    await site.receive()
    assert await site.state() == "received"
    await site.decide("closed", at_us=40)
    assert await site.state() == "closed"


@pytest.mark.parametrize("dispatched_before", [0, 1, 2])
async def test_what_two_gateways_tell_gives_one_state_in_any_order(
    site: Site, dispatched_before: int
) -> None:
    ours: list[Callable[[], Awaitable[None]]] = [
        site.propose,
        partial(site.decide, "superseded"),
    ]
    for step in [*ours[:dispatched_before], site.dispatch, *ours[dispatched_before:]]:
        await step()
    assert await site.state() == "in_transit"
    transfer = await site.transfer()
    assert transfer is not None
    assert transfer["status"] == "dispatched"


async def test_what_a_central_warehouse_is_to_buy_becomes_a_delivery_and_no_transfer(
    site: Site, database: Database
) -> None:
    await site.propose(source="@supplier", approval="needed")
    assert await database.read(partial(read_documents, kind="asn")) == []
    answer = await site.say("approved")
    assert answer.json() == {"plan": PLAN, "state": "ordered"}
    (asn,) = await database.read(partial(read_documents, kind="asn"))
    assert (asn["source"], asn["plan"], await site.transfer()) == ("@supplier", PLAN, None)


async def test_a_decision_that_only_a_newer_gateway_knows_stops_nothing(site: Site) -> None:
    await site.propose(approval="needed")
    await site.decide("postponed")
    assert (await site.state(), await site.transfer()) == ("proposed", None)


async def test_a_plan_that_nobody_proposed_cannot_be_decided(site: Site) -> None:
    assert code_of(await site.say("approved", plan="PL-9")) == "not_found"
