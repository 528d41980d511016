"""Pins that a gateway believes of what comes down only what its own cloud signed for it, now:
the real gate and the real service, and between them somebody who may change whatever he likes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import httpx
import pytest

from cloud_sync.client.http import CloudClient
from cloud_sync.contract.documents import COUNT, ChangePage
from cloud_sync.contract.signing import HEADER
from cloud_sync.service.signing import Signer, make_key, rotate_key
from cloud_sync.store.documents import Draft, put_documents
from cloud_sync.store.ports import Database
from gateway.errors import BatchRefused, CloudUnavailable, ConfigError
from gateway.services.cloud_gate import CloudGate
from gateway.services.cloud_token import CloudToken
from gateway.services.cloud_trust import CloudTrust, read_trust
from gateway.services.uplink import UNSIGNED
from gateway.settings import CloudSettings
from tests.fakes.clock import FakeClock
from tests.fakes.cloud_app import make_app
from tests.fakes.http_words import NOW_US, bearer
from tests.rigs.guard import GUARD_S

Meddle = Callable[[httpx.Request, httpx.Response], httpx.Response]


@pytest.fixture
def database_name(tmp_path: Path) -> str:
    """What is signed is the same from any store: the quicker one will do."""
    return str(tmp_path / "cloud.db")


class Between(httpx.AsyncBaseTransport):
    """The line, and whoever sits on it. asked: every question that went through."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.meddle: Meddle = lambda request, response: response
        self.divert: Callable[[httpx.Request], httpx.Request] = lambda request: request
        self.asked: list[httpx.URL] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url)
        response = await self._inner.handle_async_request(self.divert(request))
        body = await response.aread()
        whole = httpx.Response(response.status_code, headers=response.headers, content=body)
        told = self.meddle(request, whole)
        return httpx.Response(
            told.status_code, headers=told.headers, stream=httpx.ByteStream(told.content)
        )


class Line:
    """A gateway's gate to a cloud that has a signer or none."""

    def __init__(self, directory: Path, database: Database, token: str) -> None:
        self.file = directory / "state/cloud/cloud-key"
        self.file.parent.mkdir(parents=True)
        self._directory, self._database, self._token = directory, database, token
        self.between: Between | None = None

    @contextlib.asynccontextmanager
    async def open(
        self, signer: Signer | None, *, gateway: str = "gw-W1", is_pinned: bool = True
    ) -> AsyncIterator[tuple[CloudGate, Between]]:
        app = make_app(self._database, wall_us=lambda: NOW_US, signer=signer)
        between = Between(httpx.ASGITransport(app, raise_app_exceptions=True))
        trust = CloudTrust(self.file, gateway=gateway) if is_pinned else None
        async with httpx.AsyncClient(
            transport=between, base_url="http://cloud", headers=bearer(self._token)
        ) as http:
            client = CloudClient(http, deadline_s=GUARD_S)
            token = CloudToken(
                client, path=self.file, key=None, gateway=gateway, clock=FakeClock()
            )
            yield CloudGate(client, token, trust), between


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return make_key(tmp_path / "signing-key")


@pytest.fixture
async def line(tmp_path: Path, database: Database, tokens: dict[str, str], signer: Signer) -> Line:
    await put(database, "COUNT-1")
    it = Line(tmp_path, database, tokens["gw-W1"])
    it.file.write_text(signer.public)
    return it


async def put(database: Database, name: str) -> None:
    content = {"id": name, "warehouse": "W1", "status": "open"}
    await database.transact(partial(put_documents, drafts=[Draft(COUNT, name, "W1", content)]))


def names(page: ChangePage) -> list[str]:
    return [change.key for change in page.changes]


async def refused(gate: CloudGate, cursor: int = 0) -> str:
    with pytest.raises(BatchRefused) as error:
        await gate.fetch_changes(cursor, 10)
    assert error.value.code == UNSIGNED
    return str(error.value)


async def test_what_the_cloud_signed_is_believed(line: Line, signer: Signer) -> None:
    async with line.open(signer) as (gate, _):
        page = await gate.fetch_changes(0, 10)
        assert names(page) == ["COUNT-1"]
        assert (await gate.fetch_changes(page.next_cursor, 10, page.mark)).changes == []


async def test_no_byte_of_it_can_be_changed_on_the_way(line: Line, signer: Signer) -> None:
    async with line.open(signer) as (gate, between):
        size = 0

        def flip(i: int, request: httpx.Request, response: httpx.Response) -> httpx.Response:
            nonlocal size
            raw = bytearray(response.content)
            size = len(raw)
            raw[i % size] ^= 1
            return httpx.Response(200, headers=response.headers, content=bytes(raw))

        for i in range(0, 400, 9):
            between.meddle = partial(flip, i)
            await refused(gate)
        assert 100 < size < 400


async def test_yesterdays_answer_is_worth_nothing_today(
    line: Line, signer: Signer, database: Database
) -> None:
    async with line.open(signer) as (gate, between):
        kept: list[httpx.Response] = []

        def keep(request: httpx.Request, response: httpx.Response) -> httpx.Response:
            kept.append(response)
            return response

        between.meddle = keep
        await gate.fetch_changes(0, 10)
        await put(database, "COUNT-2")
        between.meddle = lambda request, response: kept[0]
        assert "not that of this answer" in await refused(gate)


async def test_nobody_leaves_changes_out_by_asking_for_a_later_place(
    line: Line, signer: Signer, database: Database
) -> None:
    await put(database, "COUNT-2")
    async with line.open(signer) as (gate, between):

        def later(request: httpx.Request) -> httpx.Request:
            url = request.url.copy_set_param("cursor", "1")
            return httpx.Request("GET", url, headers=request.headers)

        between.divert = later
        await refused(gate)


async def test_an_answer_to_another_gateway_is_not_ours(
    line: Line, signer: Signer, tokens: dict[str, str]
) -> None:
    async with line.open(signer) as (gate, between):

        def as_another(request: httpx.Request) -> httpx.Request:
            headers = {
                **request.headers,
                "authorization": bearer(tokens["gw-C1"])["Authorization"],
            }
            return httpx.Request("GET", request.url, headers=headers)

        between.divert = as_another
        await refused(gate)


async def test_a_cloud_that_does_not_sign_is_not_believed_once_one_did(
    line: Line, signer: Signer, tmp_path: Path
) -> None:
    async with line.open(None) as (gate, _):
        assert "not signed" in await refused(gate)
    async with line.open(make_key(tmp_path / "another")) as (gate, between):
        await refused(gate)
        assert [url.path for url in between.asked] == [
            "/sync/v1/changes", "/sync/v1/keys", "/sync/v1/changes"
        ]  # fmt: skip
    async with line.open(signer) as (gate, between):
        between.meddle = lambda request, response: httpx.Response(200, content=response.content)
        assert "not signed" in await refused(gate)


async def test_a_new_key_is_followed_by_the_old_ones_word_and_the_old_one_ends(
    line: Line, signer: Signer, tmp_path: Path
) -> None:
    newest = [rotate_key(tmp_path / "signing-key") for _ in range(2)][-1]
    async with line.open(newest) as (gate, _):
        assert names(await gate.fetch_changes(0, 10)) == ["COUNT-1"]
    assert line.file.read_text() == newest.public
    assert line.file.stat().st_mode & 0o077 == 0
    async with line.open(signer) as (gate, _):
        await refused(gate)
    assert line.file.read_text() == newest.public


async def test_a_thief_without_the_old_key_gets_nobody_to_follow(
    line: Line, tmp_path: Path
) -> None:
    make_key(tmp_path / "thiefs")
    thief = rotate_key(tmp_path / "thiefs")
    async with line.open(thief) as (gate, between):

        def lie(request: httpx.Request, response: httpx.Response) -> httpx.Response:
            if request.url.path != "/sync/v1/keys":
                return response
            known = request.url.params["after"]
            (said,) = thief.successions
            told = {"successions": [said.model_dump() | {"key": known}]}
            return httpx.Response(200, content=json.dumps(told).encode())

        before = line.file.read_text()
        between.meddle = lie
        assert "did not sign" in await refused(gate)
        assert line.file.read_text() == before


async def test_a_box_that_was_told_no_key_goes_by_tls_with_any_cloud(
    line: Line, signer: Signer
) -> None:
    for cloud in (signer, None):
        async with line.open(cloud, is_pinned=False) as (gate, between):
            assert names(await gate.fetch_changes(0, 10)) == ["COUNT-1"]
            assert "challenge" not in between.asked[0].params


async def test_a_gateway_that_does_not_ask_gets_the_same_bytes_without_a_signature(
    line: Line, signer: Signer, database: Database, tokens: dict[str, str]
) -> None:
    app = make_app(database, wall_us=lambda: NOW_US, signer=signer)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://cloud", headers=bearer(tokens["gw-W1"])
    ) as http:
        plain = await http.get("/sync/v1/changes")
        asked = await http.get("/sync/v1/changes", params={"challenge": "0" * 32})
    assert HEADER not in plain.headers
    assert asked.headers[HEADER].startswith(f"v1 {signer.public} ")
    assert plain.content == asked.content


def test_the_settings_say_whom_to_believe(tmp_path: Path) -> None:
    settings = CloudSettings(url="https://cloud", token_file=tmp_path / "token")
    assert read_trust(settings, gateway="gw-W1") is None
    file = tmp_path / "cloud-key"
    pinned = settings.model_copy(update={"cloud_key_file": file})
    for content in (None, "", "ab" * 31, "AB" * 32):
        if content is not None:
            file.write_text(content)
        with pytest.raises(ConfigError, match=r"cloud\.cloud_key_file"):
            read_trust(pinned, gateway="gw-W1")
    file.write_text("ab" * 32 + "\n")
    trust = read_trust(pinned, gateway="gw-W1")
    assert trust is not None
    assert trust.key == "ab" * 32
    let_go = pinned.model_copy(update={"require_signed": False})
    assert read_trust(let_go, gateway="gw-W1") is None


async def test_a_key_that_cannot_be_kept_is_not_believed(
    line: Line, signer: Signer, tmp_path: Path
) -> None:
    newest = rotate_key(tmp_path / "signing-key")
    async with line.open(newest) as (gate, _):
        line.file.unlink()
        line.file.mkdir()  # so that nothing can be put in its place
        with pytest.raises(CloudUnavailable):
            await gate.fetch_changes(0, 10)
        assert gate._trust is not None
        assert gate._trust.key == signer.public
