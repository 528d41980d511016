"""Pins what people decide over the cloud's API: carried out once or not at all.

The service is killed right before and right after the commit of a decision, whose answer is then
never sent, and its disk is full. The same request is sent until it is answered, and whoever asks
is told in one line.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from cloud_sync.contract import events as ev
from cloud_sync.inventory.findings import OVER_RECEIPT
from tests.fakes.http_words import BATCHES, bearer
from tests.fakes.queue_events import flagged
from tests.fakes.uploads import ITEM, Book, event_id
from tests.rigs.cloud_load import LoggedCloud
from tests.rigs.full_disk import fill
from tests.rigs.guard import GUARD_S
from tests.rigs.mounts import NEEDS_ROOT, small_disk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RECEIPT = 1
"""The event of which too much came."""
REQUESTS: Mapping[str, Mapping[str, object]] = {
    "/v1/plans/decide": {
        "warehouse": "W1", "plan": "PL-1", "decision": "approved", "reason": "it is right",
    },
    "/v1/exceptions/resolve": {
        "warehouse": "W1", "kind": OVER_RECEIPT, "key": ["ASN-1", ITEM], "action": "accept",
        "evidence": [event_id(RECEIPT)], "reason": "counted",
    },
}  # fmt: skip
EFFECTS = {
    "/v1/plans/decide": (
        "select count(*) from plan_steps where name = 'approve'",
        "select count(*) from documents where kind = 'transfer'",
    ),
    "/v1/exceptions/resolve": ("select count(*) from documents where kind = 'resolution'",),
}


class Office:
    """A cloud with a plan that waits for a word and an exception, and somebody who decides."""

    def __init__(self, directory: Path) -> None:
        self.cloud = LoggedCloud(directory)
        self.admin = self.cloud.token("tokens", "create", "ana", "--role", "admin")
        self._gateway = self.cloud.token("gateways", "enrol", "gw-W1", "--warehouse", "W1")

    def hear_of_it(self) -> None:
        """The batch of the gateway."""
        book = Book()
        book.write(ev.encode_event(flagged(RECEIPT, OVER_RECEIPT)))
        plan: dict[str, object] = {
            "plan_id": "PL-1", "warehouse": "W1", "source": "C1", "triggers": [],
            "based_on_seq": 1, "computed_at_us": 1, "network_plan": {}, "approval": "needed",
            "lines": [{"item": ITEM, "quantity": 6, "order_up_to_units": 6, "position_units": 0}],
        }  # fmt: skip
        book.record(ev.PLAN_PROPOSED, body=plan, documents=(ev.Document(type="plan", id="PL-1"),))
        headers = bearer(self._gateway)
        sent = httpx.post(
            self.cloud.url + BATCHES, content=book.batch(), headers=headers, timeout=GUARD_S
        )
        assert sent.status_code == 200, sent.text

    def ask(self, path: str) -> httpx.Response:
        """The request, each time under its key."""
        headers = {**bearer(self.admin), "Idempotency-Key": path.replace("/", "-")}
        return httpx.post(
            self.cloud.url + path, json=REQUESTS[path], headers=headers, timeout=GUARD_S
        )

    def effects(self, path: str) -> set[int]:
        """How often it was done, by everything that it does."""
        with closing(sqlite3.connect(self.cloud.database)) as database:
            return {database.execute(sql).fetchone()[0] for sql in EFFECTS[path]}


@pytest.mark.parametrize(
    ("path", "moment", "n_done"),
    [
        ("/v1/plans/decide", "after", 1),
        pytest.param("/v1/plans/decide", "before", 0, marks=pytest.mark.full),
        pytest.param("/v1/exceptions/resolve", "after", 1, marks=pytest.mark.full),
        pytest.param("/v1/exceptions/resolve", "before", 0, marks=pytest.mark.full),
    ],
)
def test_a_decision_is_taken_once_wherever_the_service_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, moment: str, n_done: int
) -> None:
    monkeypatch.setenv("FOREPOST_DIES_AT", f"{moment}:{tmp_path / 'now'}")
    office = Office(tmp_path)
    office.cloud.alteration = "dies_at_commit"
    office.cloud.start()
    office.hear_of_it()
    (tmp_path / "now").touch()
    with pytest.raises(httpx.TransportError):
        office.ask(path)
    office.cloud.kill()
    assert office.effects(path) == {n_done}
    (tmp_path / "now").unlink()
    office.cloud.start()
    try:
        answers = [office.ask(path) for _ in range(2)]
    finally:
        assert office.cloud.terminate() == 0
    assert [it.status_code for it in answers] == [200, 200], answers[0].text
    assert answers[0].content == answers[1].content
    assert "Idempotent-Replayed" in answers[1].headers
    assert ("Idempotent-Replayed" in answers[0].headers) == bool(n_done)
    assert office.effects(path) == {1}


@NEEDS_ROOT[0]
@NEEDS_ROOT[1]
def test_a_full_disk_is_told_in_a_line_and_nothing_is_decided(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "40m") as disk:
        office = Office(disk)
        office.cloud.start()
        office.hear_of_it()
        try:
            for path in REQUESTS:
                filler = fill(disk)
                refused = office.ask(path)
                assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
                told = refused.json()["error"]
                assert (told["code"], len(told["message"].splitlines())) == ("unavailable", 1)
                os.truncate(filler, 0)
                assert office.effects(path) == {0}
                assert office.ask(path).status_code == 200
                assert office.effects(path) == {1}
        finally:
            assert office.cloud.terminate() == 0
        assert "request_failed" not in office.cloud.actions, "it was answered as a fault of ours"
