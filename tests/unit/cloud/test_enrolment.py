"""Pins how a box becomes a gateway by a code and stays it by its key, on both stores: one box a
code, one use a signature, and nothing left to whoever was shut out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.contract.enrolment import CODE_CHARACTERS, RenewRequest, plain_code, show_code
from cloud_sync.service.strangers import BURST
from cloud_sync.store.credentials import hash_token
from cloud_sync.store.enrolment import OVERLAP_US, TOKEN_US, shut_out
from cloud_sync.store.ports import Database, Transaction
from gateway.services.box_key import BoxKey, make_box_key
from tests.fakes.http_words import NOW_US, Wall, bearer, client_of, code_of

HOUR_US = 3_600_000_000
Answer = dict[str, object]


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
async def http(database: Database, wall: Wall) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, wall) as it:
        yield it


@pytest.fixture
def box(tmp_path: Path) -> BoxKey:
    return make_box_key(tmp_path / "cloud/key")


async def invite(http: httpx.AsyncClient, tokens: dict[str, str], gateway: str = "gw-N1") -> str:
    response = await http.post(
        f"/v1/gateways/{gateway}/invitations",
        json={"warehouse": "N1", "hours": 24},
        headers=bearer(tokens["admin"]) | {"Idempotency-Key": f"{gateway}-{id(http)}"},
    )
    assert response.status_code == 200, response.text
    return str(response.json()["code"])


async def enrol(http: httpx.AsyncClient, code: str, box: BoxKey) -> httpx.Response:
    return await http.post("/sync/v1/enrol", json={"code": code, "box_key": box.public})


async def renew(http: httpx.AsyncClient, asked: RenewRequest) -> httpx.Response:
    return await http.post("/sync/v1/renew", json=asked.model_dump())


async def is_known(http: httpx.AsyncClient, token: object) -> bool:
    """Whether a gateway gets its changes by a token."""
    response = await http.get("/sync/v1/changes", headers=bearer(str(token)))
    return response.status_code == 200


async def test_a_box_becomes_the_gateway_it_was_invited_to_be(
    http: httpx.AsyncClient, tokens: dict[str, str], box: BoxKey
) -> None:
    answer = (await enrol(http, await invite(http, tokens), box)).json()
    assert (answer["gateway"], answer["warehouse"]) == ("gw-N1", "N1")
    assert answer["expires_at_us"] == NOW_US + TOKEN_US
    assert await is_known(http, answer["token"])


async def test_a_box_that_did_not_hear_the_answer_asks_again_and_another_is_refused(
    http: httpx.AsyncClient, tokens: dict[str, str], box: BoxKey, tmp_path: Path
) -> None:
    code = await invite(http, tokens)
    first = (await enrol(http, code, box)).json()
    again = (await enrol(http, code, box)).json()
    assert await is_known(http, again["token"])
    assert not await is_known(http, first["token"]), "nobody has it"
    other = await enrol(http, code, make_box_key(tmp_path / "other/key"))
    assert other.status_code == 401
    assert "another box" in other.text
    assert await is_known(http, again["token"])


async def test_of_two_boxes_with_one_code_one_becomes_it(
    http: httpx.AsyncClient, tokens: dict[str, str], tmp_path: Path
) -> None:
    code = await invite(http, tokens)
    boxes = [make_box_key(tmp_path / f"{n}/key") for n in range(4)]
    answers = await asyncio.gather(*(enrol(http, code, box) for box in boxes))
    assert sorted(it.status_code for it in answers) == [200, 401, 401, 401]


async def test_a_code_ends(
    http: httpx.AsyncClient, tokens: dict[str, str], box: BoxKey, wall: Wall
) -> None:
    code = await invite(http, tokens)
    wall.now_us = NOW_US + 24 * HOUR_US
    late = await enrol(http, code, box)
    assert late.status_code == 401
    assert "has ended" in late.text


async def test_a_new_box_ends_what_the_old_one_had(
    http: httpx.AsyncClient, tokens: dict[str, str], box: BoxKey, tmp_path: Path
) -> None:
    old = (await enrol(http, await invite(http, tokens), box)).json()
    response = await http.post(
        "/v1/gateways/gw-N1/invitations",
        json={"warehouse": "N1"},
        headers=bearer(tokens["admin"]) | {"Idempotency-Key": "second"},
    )
    new = make_box_key(tmp_path / "new/key")
    answer = (await enrol(http, response.json()["code"], new)).json()
    assert await is_known(http, answer["token"])
    assert not await is_known(http, old["token"])
    assert (await renew(http, box.sign_renewal("gw-N1", NOW_US))).status_code == 401


async def test_a_box_gets_its_next_token_by_its_key_and_the_last_one_stays_a_while(
    http: httpx.AsyncClient, tokens: dict[str, str], box: BoxKey, wall: Wall
) -> None:
    first = (await enrol(http, await invite(http, tokens), box)).json()
    second = (await renew(http, box.sign_renewal("gw-N1", NOW_US))).json()
    assert await is_known(http, second["token"])
    wall.now_us = NOW_US + OVERLAP_US - 1
    assert await is_known(http, first["token"])
    wall.now_us = NOW_US + OVERLAP_US
    assert not await is_known(http, first["token"])
    assert await is_known(http, second["token"])


async def test_a_box_whose_token_ended_in_the_dark_comes_back(
    http: httpx.AsyncClient, tokens: dict[str, str], box: BoxKey, wall: Wall
) -> None:
    first = (await enrol(http, await invite(http, tokens), box)).json()
    wall.now_us = NOW_US + 3 * TOKEN_US
    assert not await is_known(http, first["token"])
    # Its own clock may say anything.
    second = (await renew(http, box.sign_renewal("gw-N1", 1))).json()
    assert await is_known(http, second["token"])


async def test_a_signature_is_good_once_and_for_its_words_alone(
    http: httpx.AsyncClient, tokens: dict[str, str], box: BoxKey, tmp_path: Path
) -> None:
    await enrol(http, await invite(http, tokens), box)
    earlier = box.sign_renewal("gw-N1", NOW_US)
    asked = box.sign_renewal("gw-N1", NOW_US)
    assert (await renew(http, asked)).status_code == 200
    for old in (asked, earlier):
        response = await renew(http, old)
        assert (response.status_code, code_of(response)) == (409, "exists")
    other = make_box_key(tmp_path / "other/key").sign_renewal("gw-N1", NOW_US + 9)
    forged = [
        asked.model_copy(update={"number": asked.number + 1}),
        asked.model_copy(update={"gateway": "gw-W1"}),
        other,
    ]
    for it in forged:
        assert (await renew(http, it)).status_code == 401


async def test_who_is_shut_out_has_no_way_back(
    http: httpx.AsyncClient, database: Database, tokens: dict[str, str], box: BoxKey
) -> None:
    code = await invite(http, tokens)
    token = (await enrol(http, code, box)).json()["token"]

    async def script(tx: Transaction) -> int:
        return await shut_out(tx, "gw-N1", NOW_US)

    assert await database.transact(script) == 1
    assert not await is_known(http, token)
    assert (await renew(http, box.sign_renewal("gw-N1", NOW_US))).status_code == 401
    assert (await enrol(http, code, box)).status_code == 401


async def test_a_name_of_another_warehouse_is_not_given(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    response = await http.post(
        "/v1/gateways/gw-W1/invitations",
        json={"warehouse": "N1"},
        headers=bearer(tokens["admin"]) | {"Idempotency-Key": "k"},
    )
    assert (response.status_code, code_of(response)) == (409, "exists")


async def test_neither_codes_nor_tokens_lie_in_the_database(
    http: httpx.AsyncClient, database: Database, tokens: dict[str, str], box: BoxKey
) -> None:
    code = await invite(http, tokens)
    token = str((await enrol(http, code, box)).json()["token"])

    async def script(tx: Transaction) -> list[object]:
        found: list[object] = []
        for table in ("invitations", "credentials", "box_keys"):
            found += [value for row in await tx.fetch(f"select * from {table}") for value in row]
        return found

    held = [bytes(it) if isinstance(it, memoryview) else it for it in await database.read(script)]
    assert hash_token(token) in held
    text = repr(held)
    for secret in (code, plain_code(code), token):
        assert secret not in text


async def test_strangers_are_counted_before_anything_is_done(
    http: httpx.AsyncClient, tokens: dict[str, str], box: BoxKey, wall: Wall
) -> None:
    code = await invite(http, tokens)
    told = [(await enrol(http, f"{n}", box)).status_code for n in range(BURST + 5)]
    assert told == [401] * BURST + [429] * 5
    wall.now_us += 1_000_000
    assert (await enrol(http, code, box)).status_code == 200


@given(st.integers(0, 2**80 - 1), st.booleans())
def test_a_code_is_read_as_it_was_meant(digits: int, is_sloppy: bool) -> None:
    shown = show_code(digits)
    typed = shown
    if is_sloppy:
        typed = f" {shown.lower().replace('-', ' ').replace('0', 'o').replace('1', 'l')}"
    assert plain_code(typed) == shown.replace("-", "")
    assert len(plain_code(shown)) == CODE_CHARACTERS
    assert show_code(digits ^ 1) != shown
