"""Pins two live gateways under one id: the second is kept out, told so, and loses nothing.

They stand on two boxes, each with its own broker and handheld. Once the first is silent for the
lease, the second comes in as a journal of its own; the first is then told that it was followed.
Control: without the lease the second drives the first out in the middle of its work.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.rigs import tier
from tests.rigs.broker import Mosquitto, running_mosquitto
from tests.rigs.fault_site import CONFIG, GATEWAY, PATIENCE_S, Site, receive, running_site
from tests.rigs.gateway import GatewayProcess, Status
from tests.rigs.guard import GUARD_S
from tests.rigs.handheld import Handheld, handheld

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

N_SCANS = 10


class Second:
    """The other box."""

    def __init__(self, directory: Path, site: Site, broker: Mosquitto) -> None:
        self.broker = broker
        self.state = directory / "state"
        self.log = directory / "devices.jsonl"
        config = CONFIG.format(
            gateway=GATEWAY, state=self.state, port=broker.port, url=site.cloud.url,
            token=site.token_file,
        )  # fmt: skip
        self.gateway = GatewayProcess(directory, config)
        self.gateway.alteration = "other_machine"

    def must_have_kept(self, pda: Handheld) -> None:
        """Every receipt of its handheld is in its journal."""
        with closing(sqlite3.connect(f"file:{self.state}/journal.db?mode=ro", uri=True)) as db:
            kept = {seq for (seq,) in db.execute("select seq from receipt")}
        assert pda.receipted
        assert pda.receipted <= kept


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running_site(tmp_path) as it:
        it.open_office(is_planning=False)
        yield it


@pytest.fixture
def second(tmp_path: Path, site: Site) -> Iterator[Second]:
    directory = tmp_path / "second"
    (directory / "broker").mkdir(parents=True)
    with running_mosquitto(directory / "broker") as broker:
        it = Second(directory, site, broker)
        yield it
        if it.gateway._process is not None and it.gateway.process.poll() is None:
            it.gateway.kill()


def refusal(status: Status) -> str:
    alarms = status["alarms"]
    assert isinstance(alarms, list)
    return "".join(alarm["text"] for alarm in alarms if alarm["name"] == "sync_refused")


def epochs(site: Site) -> list[str]:
    """The journals whose rows the cloud holds."""
    with closing(sqlite3.connect(f"file:{site.cloud.database}?mode=ro", uri=True)) as cloud:
        sql = "select distinct epoch from received order by epoch"
        return [epoch for (epoch,) in cloud.execute(sql)]


def exceptions(site: Site) -> set[str]:
    """What the cloud has for people to look into."""
    found = httpx.get(
        f"{site.cloud.url}/v1/gateways/troubles",
        headers={"Authorization": f"Bearer {site.admin}"},
        timeout=GUARD_S,
    ).json()
    return {each["kind"] for each in found["troubles"]}


def work(site: Site, pda: Handheld) -> None:
    """Scan until the first gateway has told the cloud: it is heard of now."""
    for _ in range(N_SCANS):
        receive(pda)
    pda.settle(PATIENCE_S)
    site.until_drained()


def test_a_second_gateway_is_kept_out_and_loses_nothing(site: Site, second: Second) -> None:
    site.gateway.start()
    site.until_papers_are_there()
    with (
        handheld(site.broker.port, "pda-1", site.log, journal=site.journal) as pda,
        handheld(second.broker.port, "pda-2", second.log) as other,
    ):
        work(site, pda)
        second.gateway.start()
        receive(other, 3)
        other.settle(PATIENCE_S)
        work(site, pda)
        status = second.gateway.until(lambda report: bool(refusal(report)), PATIENCE_S)
        assert "another machine" in refusal(status)
        assert exceptions(site) == {"in_use"}
        assert len(epochs(site)) == 1, "rows of two journals under one id"
        assert status["sync"]["acknowledged_seq"] == 0  # type: ignore[index]
        second.must_have_kept(other)
        if tier.chosen() != "quick":
            take_over(site, second, pda, other)
        else:
            second.gateway.kill()
            site.write_truth(pda)
    assert site.gateway.stop() == 0
    site.cloud.terminate()
    if tier.chosen() == "quick":
        audited = site.audit()
        assert audited.returncode == 0, audited.stdout + audited.stderr
    tier.record("two gateways, one id", faults=1, lost=0, acknowledged=2 * N_SCANS + 1)


def take_over(site: Site, second: Second, pda: Handheld, other: Handheld) -> None:
    """The first falls silent; after the lease the second is let in, and the first kept out."""
    assert site.gateway.stop() == 0
    second.gateway.until(lambda report: not refusal(report), PATIENCE_S)
    second.gateway.until(
        lambda report: report["sync"]["lag_events"] == 0, PATIENCE_S  # type: ignore[index]
    )  # fmt: skip
    assert len(epochs(site)) == 2
    held = httpx.get(
        f"{site.cloud.url}/v1/stock",
        headers={"Authorization": f"Bearer {site.admin}"},
        timeout=GUARD_S,
    ).json()["stock"]
    total = sum(pda.books.values()) + sum(other.books.values())
    assert sum(row["quantity"] for row in held) == total, json.dumps(held)
    assert second.gateway.stop() == 0
    site.gateway.start()
    receive(pda)
    pda.settle(PATIENCE_S)
    status = site.gateway.until(lambda report: bool(refusal(report)), PATIENCE_S)
    assert "was ended by epoch" in refusal(status)


@pytest.mark.full
def test_control_without_the_lease_the_first_is_driven_out(site: Site, second: Second) -> None:
    site.cloud.terminate()
    site.cloud.alteration = "no_lease"
    site.cloud.start()
    site.gateway.start()
    site.until_papers_are_there()
    with handheld(site.broker.port, "pda-1", site.log) as pda:
        work(site, pda)
        second.gateway.start()
        second.gateway.until(
            lambda report: report["sync"]["is_connected"] and report["sync"]["lag_events"] == 0,  # type: ignore[index]
            PATIENCE_S,
        )
        receive(pda)
        pda.settle(PATIENCE_S)
        status = site.gateway.until(lambda report: bool(refusal(report)), PATIENCE_S)
    assert "was ended by epoch" in refusal(status)
    assert len(epochs(site)) == 2
    tier.record("two gateways, one id", faults=1, lost=1, control="no lease")
