"""Pins the box's pages as a server: who may look and change, what a foreign page or name gets,
that hostile words stay words, and that slow or greedy clients are hung up on."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from gateway.errors import GatewayError, JournalError
from gateway.journal.durable import SECRET, put_file
from gateway.ops.pages.exchange import BODY_BYTES_MAX, Limits, Server
from gateway.ops.pages.sessions import KEPT_IN, SESSION_S, Sessions, digest_of, new_token
from gateway.ops.pages.site import Site, SiteOptions, Sources
from tests.rigs.guard import GUARD_S

HOSTILE = '<img src=x onerror="alert(1)"></script>'
TOKEN = new_token()
OPTIONS = SiteOptions(
    hosts=frozenset({"127.0.0.1", "box.local"}),
    is_open=True,
    is_tls=False,
    language="en",
    websocket_port=8884,
    pda={"warehouse": "J1"},
)


class Box:
    """What the pages are told, and what was asked of the gateway."""

    def __init__(self) -> None:
        self.is_running = True
        self.reinjected: list[int] = []

    def sources(self) -> Sources:
        return Sources(
            report=self._report,
            files=lambda why: self._say({"is_running": False, "why": why}),
            shelf=lambda: self._say({"items": {}, "lots": []}),
            quarantine=lambda before: self._say({"messages": [], "more": False, "asked": before}),
            message=self._message,
            reinject=self._reinject,
            metrics=lambda: self._text("forepost_up 1\n"),
            bundle=None,
        )

    async def _report(self) -> Mapping[str, object]:
        if not self.is_running:
            raise GatewayError("no gateway answers here")
        return {"gateway": "gw-1", "devices": [{"name": HOSTILE}], "stock": [{"item": "1"}]}

    async def _say(self, content: Mapping[str, object]) -> Mapping[str, object]:
        return content

    async def _text(self, text: str) -> str:
        return text

    async def _message(self, id_: int) -> Mapping[str, object]:
        if id_ != 1:
            raise JournalError(f"no message {id_} in quarantine")
        return {"id": 1, "raw": HOSTILE.encode().hex()}

    async def _reinject(self, id_: int) -> None:
        if id_ != 1:
            raise JournalError("it stays where it is")
        self.reinjected.append(id_)


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@contextlib.asynccontextmanager
async def serving(
    directory: Path,
    box: Box | None = None,
    options: SiteOptions = OPTIONS,
    limits: Limits | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of pages that are served on a loopback port."""
    put_file(directory / KEPT_IN, digest_of(TOKEN).encode(), mode=SECRET)
    sessions = Sessions(directory / KEPT_IN, clock or Clock())
    site = Site(options, (box or Box()).sources(), sessions)
    server = Server(site.answer, limits or Limits())
    async with (
        server.listening("127.0.0.1", 0, None) as port,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=GUARD_S, trust_env=False
        ) as client,
    ):
        yield client


async def sign_in(client: httpx.AsyncClient) -> dict[str, str]:
    """The headers that a change has to carry."""
    done = await client.post("/api/session", json={"token": TOKEN})
    assert done.status_code == 200
    return {"X-Forepost-Guard": done.json()["guard"]}


async def test_every_answer_carries_the_policy(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        paths = [
            "/",
            "/pda/",
            "/static/box.js",
            "/pda/dom.js",
            "/words/zh.json",
            "/no",
            "/api/report",
        ]
        for path in paths:
            answer = await client.get(path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'self'" in policy
            assert "unsafe" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-frame-options"] == "DENY"
        assert (
            "ws://127.0.0.1:8884" in (await client.get("/pda/")).headers["content-security-policy"]
        )
        assert "ws:" not in (await client.get("/")).headers["content-security-policy"]


async def test_no_page_has_script_or_style_of_its_own(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        for path in ("/", "/pda/"):
            text = (await client.get(path)).text
            assert "<style" not in text
            assert " style=" not in text
            assert " onclick=" not in text
            assert text.count("<script") == text.count('<script type="module" src="')


async def test_hostile_names_are_data_and_never_a_page(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        answer = await client.get("/api/report")
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["report"]["devices"][0]["name"] == HOSTILE
        odd = await client.get("/<script>alert(1)</script>")
        assert odd.status_code == 404
        assert odd.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "path", ["/static/../site.py", "/static/%2e%2e/site.py", "/index.html", "/pda"]
)
async def test_only_the_pages_own_files_are_served(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path) as client:
        assert (await client.get(path)).status_code == 404


async def test_a_file_that_did_not_change_is_not_sent_again(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        tag = (await client.get("/static/box.css")).headers["etag"]
        again = await client.get("/static/box.css", headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")


async def test_another_name_than_the_boxs_own_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        for host, status in (("evil.example", 421), ("box.local:80", 200), ("[::1]:80", 421)):
            assert (await client.get("/", headers={"Host": host})).status_code == status


async def test_a_gateway_that_is_down_is_told_and_no_error(tmp_path: Path) -> None:
    box = Box()
    async with serving(tmp_path, box) as client:
        assert (await client.get("/api/report")).json()["running"] is True
        box.is_running = False
        said = (await client.get("/api/report")).json()
        assert said["running"] is False
        assert said["reason"] == said["report"]["why"] == "no gateway answers here"


async def test_the_stock_comes_where_it_is_asked_for(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        assert "stock" not in (await client.get("/api/report")).json()["report"]
        assert (await client.get("/api/report?stock=1")).json()["report"]["stock"]


async def test_only_who_is_signed_in_changes_something(tmp_path: Path) -> None:
    box = Box()
    async with serving(tmp_path, box) as client:
        path = "/api/quarantine/1/reinject"
        assert (await client.post(path)).status_code == 401
        headers = await sign_in(client)
        assert (await client.post(path)).status_code == 403, "the guard is missing"
        assert box.reinjected == []
        assert (await client.post(path, headers=headers)).status_code == 202
        assert box.reinjected == [1]
        refused = await client.post("/api/quarantine/2/reinject", headers=headers)
        assert refused.status_code == 409
        assert "stays where it is" in refused.json()["error"]["message"]
        assert (await client.delete("/api/session", headers=headers)).status_code == 200
        assert (await client.post(path, headers=headers)).status_code == 401


@pytest.mark.parametrize(
    "foreign",
    [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}],
    ids=lambda it: next(iter(it)),
)
async def test_a_foreign_page_changes_nothing(tmp_path: Path, foreign: dict[str, str]) -> None:
    box = Box()
    async with serving(tmp_path, box) as client:
        headers = await sign_in(client)
        path = "/api/quarantine/1/reinject"
        assert (await client.post(path, headers=headers | foreign)).status_code == 403
        assert box.reinjected == []


async def test_the_cookie_is_for_this_box_and_no_script(tmp_path: Path) -> None:
    async with serving(tmp_path, options=replace(OPTIONS, is_tls=True)) as client:
        done = await client.post("/api/session", json={"token": TOKEN})
        cookie = done.headers["set-cookie"]
        for part in ("HttpOnly", "SameSite=Strict", "Secure", "Path=/"):
            assert part in cookie


async def test_from_elsewhere_only_who_has_the_token_may_look(tmp_path: Path) -> None:
    async with serving(tmp_path, options=replace(OPTIONS, is_open=False)) as client:
        kept = ["/api/report", "/api/shelf", "/api/quarantine", "/api/quarantine/1", "/metrics"]
        for path in kept:
            assert (await client.get(path)).status_code == 401, path
            wrong = {"Authorization": "Bearer wrong"}
            assert (await client.get(path, headers=wrong)).status_code == 401
            right = {"Authorization": f"Bearer {TOKEN}"}
            assert (await client.get(path, headers=right)).status_code == 200, path
        for path in ("/", "/pda/", "/pda/config.json", "/api/session"):
            assert (await client.get(path)).status_code == 200, path
        await sign_in(client)
        assert (await client.get("/api/report")).status_code == 200


async def test_tokens_cannot_be_tried_one_after_the_other(tmp_path: Path) -> None:
    clock = Clock()
    async with serving(tmp_path, clock=clock) as client:
        wrong = [await client.post("/api/session", json={"token": f"{n}"}) for n in range(20)]
        assert {it.status_code for it in wrong} == {401, 429}
        assert wrong[-1].status_code == 429
        clock.now_s += 3600
        await sign_in(client)


async def test_a_new_token_and_time_end_a_session(tmp_path: Path) -> None:
    clock = Clock()
    async with serving(tmp_path, clock=clock) as client:
        await sign_in(client)
        assert (await client.get("/api/session")).json()["signed_in"] is True
        put_file(tmp_path / KEPT_IN, digest_of(new_token()).encode(), mode=SECRET)
        assert (await client.get("/api/session")).json()["signed_in"] is False
        put_file(tmp_path / KEPT_IN, digest_of(TOKEN).encode(), mode=SECRET)
        await sign_in(client)
        clock.now_s += SESSION_S + 1
        assert (await client.get("/api/session")).json()["signed_in"] is False


async def test_a_quarantine_page_is_asked_for_by_a_number(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        assert (await client.get("/api/quarantine?before=7")).json()["asked"] == 7
        assert (await client.get("/api/quarantine?before=x")).status_code == 400
        assert (await client.get("/api/quarantine/1")).json()["id"] == 1
        assert (await client.get("/api/quarantine/2")).status_code == 404
        assert (await client.get("/api/quarantine/%00")).status_code == 404


@pytest.mark.parametrize("body", [b"", b"[]", b'{"token":1}', b"[" * 5000, b"\xff"])
async def test_rubbish_is_refused(tmp_path: Path, body: bytes) -> None:
    async with serving(tmp_path) as client:
        assert (await client.post("/api/session", content=body)).status_code == 400


async def test_metrics_are_in_prometheus_form(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        answer = await client.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert answer.text == "forepost_up 1\n"


async def test_a_body_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        answer = await client.post("/api/session", content=b"x" * (BODY_BYTES_MAX + 1))
        assert answer.status_code == 413


async def raw(client: httpx.AsyncClient, *parts: bytes) -> bytes:
    """All that is answered to these bytes, until the server hangs up."""
    url = client.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    answer = b""
    async with asyncio.timeout(GUARD_S):
        with contextlib.suppress(ConnectionResetError):  # hung up on, in the harder way
            for part in parts:
                writer.write(part)
                await writer.drain()
            while more := await reader.read(65_536):
                answer += more
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"NONSENSE\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 60_000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
    ],
    ids=["no HTTP", "endless header", "no host", "two lengths"],
)
async def test_what_is_no_request_is_refused(tmp_path: Path, sent: bytes, status: bytes) -> None:
    async with serving(tmp_path) as client:
        assert (await raw(client, sent)).split()[1] == status


async def test_who_sends_drop_by_drop_is_hung_up_on_and_others_are_served(tmp_path: Path) -> None:
    limits = Limits(request_s=0.2, idle_s=0.2)
    async with serving(tmp_path, limits=limits) as client:
        async with asyncio.TaskGroup() as group:
            slow = group.create_task(raw(client, b"GET / HTTP/1.1\r\nHost: 127"), name="slow")
            idle = group.create_task(raw(client), name="idle")
            assert (await client.get("/api/report")).status_code == 200
        assert (slow.result(), idle.result()) == (b"", b"")


async def test_one_connection_too_many_is_hung_up_on(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=Limits(connections=1)) as client:
        await client.get("/api/session")  # kept open by the client
        assert await raw(client, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") == b""


async def test_requests_that_come_at_once_are_answered_in_turn(tmp_path: Path) -> None:
    one = b"GET /api/session HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    last = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    async with serving(tmp_path) as client:
        answer = await raw(client, one + one + last)
        assert answer.count(b"HTTP/1.1 200") == 3


async def test_head_has_no_body(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        answer = await client.head("/")
        assert (answer.status_code, answer.content) == (200, b"")
        assert int(answer.headers["content-length"]) > 100


async def test_the_words_of_the_workers_are_among_the_pages(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        words = json.loads((await client.get("/words/zh.json")).content)
        assert {
            "box_overview",
            "pda_scan_goods",
            "exception_lot_held",
            "action_waste",
        } <= words.keys()
        assert (await client.get("/pda/words/zh.json")).json() == words
        assert (await client.get("/words/xx.json")).status_code == 404
