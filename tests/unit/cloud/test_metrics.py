"""Pins the cloud's metrics: a gateway's last contact, its rows and its troubles, in Prometheus'
text format, for a reader's token and within its scope."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from cloud_sync.contract.metrics import CONTENT_TYPE, encode_family
from cloud_sync.service.metrics import render_metrics
from cloud_sync.store.credentials import create_token, put_user
from cloud_sync.store.ports import Database
from tests.fakes.cloud_app import make_app
from tests.fakes.http_words import BATCHES, NOW_US, bearer
from tests.fakes.uploads import Book


@pytest.fixture
def database_name(tmp_path: Path) -> str:
    return str(tmp_path / "cloud.db")


@pytest.fixture
async def http(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app(database, wall_us=lambda: NOW_US, deadline_s=30)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://cloud"
    ) as it:
        yield it


async def test_a_gateway_is_measured_for_who_may_see_it(
    http: httpx.AsyncClient, database: Database, tokens: dict[str, str]
) -> None:
    book = Book()
    book.record()
    sent = await http.post(BATCHES, content=book.batch(), headers=bearer(tokens[book.gateway]))
    assert sent.status_code == 200, sent.text
    answer = await http.get("/v1/metrics", headers=bearer(tokens["reader"]))
    assert (answer.status_code, answer.headers["content-type"]) == (200, CONTENT_TYPE)
    labels = f'{{gateway="{book.gateway}",warehouse="{book.warehouse}"}}'
    assert f"forepost_cloud_gateway_rows_total{labels} 1\n" in answer.text
    assert f"forepost_cloud_gateway_last_contact_time_seconds{labels} " in answer.text
    wanted = partial(put_user, name="else", role="read-only", scope=["ELSE"], now_us=1)
    await database.transact(wanted)
    elsewhere = await database.transact(
        partial(create_token, name="else", role="read-only", now_us=1)
    )
    narrow = await http.get("/v1/metrics", headers=bearer(elsewhere))
    assert book.gateway not in narrow.text
    assert "forepost_cloud_gateways 0\n" in narrow.text
    nobody = await http.get("/v1/metrics")
    assert nobody.status_code == 401


def test_troubles_are_counted_by_kind_and_the_unknown_is_left_out() -> None:
    gateway = {"gateway": "g", "warehouse": "W", "last_contact_us": None, "acknowledged_seq": 0}
    troubles = [{"gateway": "g", "kind": "forked"}] * 2
    told = render_metrics([gateway], troubles)
    assert 'forepost_cloud_gateway_troubles{gateway="g",kind="forked"} 2\n' in told
    assert "last_contact" not in told


def test_a_family_is_written_as_the_format_says() -> None:
    told = encode_family("a_total", "counter", "About.", [((("x", 'b"\\\n'),), 1.5), ((), None)])
    assert told == '# HELP a_total About.\n# TYPE a_total counter\na_total{x="b\\"\\\\\\n"} 1.5\n'
    assert encode_family("a", "gauge", "About.", [((), None)]) == ""
