# Pins the operating pages on a cloud with a day's life in it: what they show, to whom, that names
# are text and nothing else, and that a resolution is the API's own.

import asyncio
import json
import re
from collections.abc import AsyncIterator
from functools import partial
from html import unescape
from pathlib import Path

import httpx
import pytest

from cloud_sync.contract import documents as doc
from cloud_sync.store.documents import EVERYBODY, Draft, put_documents
from cloud_sync.store.exception_lists import RESOLVED, Wanted, read_exceptions
from cloud_sync.store.ports import Database
from tests.rigs.made_once import made_once
from tests.rigs.patterns import opened_cloud
from tests.rigs.reader import Reader
from tests.rigs.shown_cloud import ShownCloud, gtin_of

PAGES = (
    "/ui/overview",
    "/ui/warehouses",
    "/ui/warehouses/W2",
    "/ui/warehouses/W2/lots",
    "/ui/warehouses/W2/climate",
    "/ui/warehouses/W2/movements",
    "/ui/warehouses/W2/work",
    "/ui/items",
    f"/ui/items/{gtin_of(4)}",
    "/ui/exceptions",
    "/ui/exceptions?state=resolved",
    "/ui/orders",
)
NOW_US = 1_800_000_000_000_000
HOSTILE = "<script>alert(1)</script>\"'&{{ 7 * 7 }}"


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with such a cloud's database, and the tokens of its users."""
    return made_once(tmp_path_factory, "shown-cloud", lambda it: asyncio.run(fill(it)))


async def fill(directory: Path) -> None:
    async with opened_cloud(str(directory / "cloud.db")) as database:
        cloud = ShownCloud(database, NOW_US, n_items=40)
        await cloud.fill()
    (directory / "tokens.json").write_text(json.dumps(cloud.tokens))


@pytest.fixture
async def database(filled: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """A copy of it for each test."""
    path = tmp_path / "cloud.db"
    path.write_bytes((filled / "cloud.db").read_bytes())
    async with opened_cloud(str(path)) as it:
        yield it


@pytest.fixture
def tokens(filled: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((filled / "tokens.json").read_text())
    return found


async def come(reader: Reader, tokens: dict[str, str], name: str) -> Reader:
    fields = {"name": name, "token": tokens[name]}
    assert (await reader.http.post("/ui/sign-in", data=fields)).status_code == 303
    return reader


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_every_page_shows_its_part_of_the_day(
    language: str, reader: Reader, tokens: dict[str, str]
) -> None:
    await come(reader, tokens, "admin")
    reader.http.cookies.set("forepost_language", language)
    said = {path: await reader.see(path) for path in PAGES}
    milk = "全脂牛奶 250 g" if language == "zh" else "Whole milk 250 g"
    assert "München" in said["/ui/overview"]
    assert milk in said["/ui/warehouses/W2"]
    assert milk in said["/ui/warehouses/W2/lots"]
    assert milk in said["/ui/warehouses/W2/movements"]
    assert "count-W2" in said["/ui/warehouses/W2/work"]
    assert milk in said["/ui/items"]
    assert "Berlin Ost" in said[f"/ui/items/{gtin_of(4)}"]
    assert said["/ui/exceptions"].count('class="exception"') > 3
    assert 'class="exception"' not in said["/ui/exceptions?state=resolved"]
    assert "web-004" in said["/ui/orders"]


async def test_who_has_one_warehouse_sees_no_other(reader: Reader, tokens: dict[str, str]) -> None:
    await come(reader, tokens, "berlin")
    assert (await reader.get("/ui/warehouses")).headers["location"] == "/ui/warehouses/W1"
    overview = await reader.see("/ui/overview")
    assert "Berlin Ost" in overview
    assert "München" not in overview
    for tail in ("", "/lots", "/climate", "/climate.json", "/movements", "/work"):
        assert (await reader.get(f"/ui/warehouses/W2{tail}")).status_code == 403, tail
    assert (await reader.get("/ui/exceptions?warehouse=W2")).status_code == 403
    for path in ("/ui/exceptions", "/ui/items", f"/ui/items/{gtin_of(4)}", "/ui/orders"):
        assert "München" not in await reader.see(path), path
    item = await reader.see(f"/ui/items/{gtin_of(4)}")
    assert "Rotterdam" not in item


async def test_costs_are_shown_to_those_only_who_may_read_them(
    reader: Reader, tokens: dict[str, str]
) -> None:
    for name, sees in (("ana", False), ("bo", True)):
        await come(reader, tokens, name)
        for path in ("/ui/overview", "/ui/warehouses/W2", f"/ui/items/{gtin_of(4)}"):
            assert ("EUR" in await reader.see(path)) == sees, (name, path)


async def test_names_are_text_whatever_is_in_them(
    reader: Reader, tokens: dict[str, str], database: Database
) -> None:
    item = doc.Item(gtin=gtin_of(4), names={"en": HOSTILE}, zone="refrigerated", grams_per_unit=1)
    draft = Draft(doc.ITEM, item.gtin, EVERYBODY, item.model_dump(exclude_none=True))
    await database.transact(partial(put_documents, drafts=[draft]))
    await come(reader, tokens, "admin")
    for path in PAGES:
        text = await reader.see(path)
        assert "<script>" not in text, path
        assert "49" not in re.findall(r"&amp;(..)", text)
    assert HOSTILE in unescape(await reader.see("/ui/warehouses/W2"))


async def test_lots_stand_in_the_order_of_their_last_days(
    reader: Reader, tokens: dict[str, str]
) -> None:
    await come(reader, tokens, "ana")
    found = await reader.see("/ui/warehouses/W2/lots")
    days = re.findall(r'<td class="tight" data-value="([0-9-]+)">', found)
    assert len(days) > 40
    assert days == sorted(days)


async def test_the_charts_get_numbers_and_limits(reader: Reader, tokens: dict[str, str]) -> None:
    await come(reader, tokens, "ana")
    told = (await reader.get("/ui/warehouses/W2/climate.json?hours=24")).json()["zones"]
    cold = told["refrigerated"]
    assert (cold["low"], cold["high"]) == (0, 6)
    assert cold["at_s"] == sorted(cold["at_s"])
    assert all(len(it["values"]) == len(cold["at_s"]) for it in cold["series"])
    assert max(cold["series"][1]["values"]) > 6, "it was too warm for hours"
    assert (await reader.get("/ui/warehouses/W2/climate.json?hours=5000")).status_code == 422


def form_of(page: str, kind: str) -> dict[str, str]:
    """The fields of the first form of an exception of a kind."""
    for form in re.findall(
        r"<form method=\"post\" action=\"/ui/exceptions.*?</form>", page, re.DOTALL
    ):
        fields = dict(re.findall(r'name="([a-z_]+)" value="([^"]*)"', form))
        about = unescape(fields["about"])
        if f'"kind": "{kind}"' in about:
            return {**fields, "about": about}
    raise AssertionError(f"no form for {kind}")


async def post(reader: Reader, fields: dict[str, str]) -> httpx.Response:
    return await reader.http.post("/ui/exceptions?warehouse=W2", data=fields)


async def test_an_exception_is_resolved_with_one_click(
    reader: Reader, tokens: dict[str, str], database: Database
) -> None:
    await come(reader, tokens, "ana")
    fields = form_of(await reader.see("/ui/exceptions"), "excursion")
    answer = await post(reader, {**fields, "action": "inspect", "reason": "door stood open"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/ui/exceptions?warehouse=W2"
    wanted = Wanted(within=None, state=RESOLVED, limit=10, kind="excursion")
    (entry,), _ = await database.read(partial(read_exceptions, wanted=wanted))
    (piece,) = entry["evidence"]  # type: ignore[misc]
    (said,) = piece["said"]
    assert (said["action"], said["reason"], said["author"]) == (
        "inspect",
        "door stood open",
        "ana",
    )
    assert "door stood open" in await reader.see("/ui/exceptions?state=resolved")


async def test_who_presses_twice_means_it_once(
    reader: Reader, tokens: dict[str, str], database: Database
) -> None:
    await come(reader, tokens, "ana")
    fields = form_of(await reader.see("/ui/exceptions"), "negative_stock")
    for _ in range(2):
        answer = await post(reader, {**fields, "action": "recount"})
        assert answer.status_code == 303, answer.text
    rows = await database.read(
        lambda tx: tx.fetch("select key from documents where kind = 'count'")
    )
    assert len([key for (key,) in rows if not str(key).startswith("count-")]) == 1


async def test_a_refusal_is_told_above_the_queue(reader: Reader, tokens: dict[str, str]) -> None:
    await come(reader, tokens, "ana")
    fields = form_of(await reader.see("/ui/exceptions"), "excursion")
    for wrong in ({"action": "release"}, {"action": ""}, {"action": "inspect", "about": "{}"}):
        answer = await post(reader, {**fields, **wrong})
        assert answer.status_code == 422, wrong
        assert 'role="alert"' in answer.text
    assert (await post(reader, {**fields, "about": "[]"})).status_code == 422


async def test_a_refusal_of_the_api_itself_is_told_each_time(
    reader: Reader, tokens: dict[str, str]
) -> None:
    await come(reader, tokens, "ana")
    fields = form_of(await reader.see("/ui/exceptions"), "excursion")
    about = json.loads(fields["about"])
    nobodys = "00000000-0000-7000-8000-ffffffffffff"
    fields["about"] = json.dumps({**about, "evidence": [nobodys]})
    for _ in range(2):  # the second is answered with the refusal that was kept
        answer = await post(reader, {**fields, "action": "inspect"})
        assert answer.status_code == 422
        assert nobodys in answer.text


async def test_who_may_not_resolve_is_offered_no_form(
    reader: Reader, tokens: dict[str, str]
) -> None:
    await come(reader, tokens, "ana")
    fields = form_of(await reader.see("/ui/exceptions"), "excursion")
    await come(reader, tokens, "bo")
    page = await reader.see("/ui/exceptions")
    assert 'name="about"' not in page
    token = re.search(r'name="form_token" value="([0-9a-f]+)"', page)
    assert token is not None
    answer = await post(reader, {**fields, "form_token": token[1], "action": "inspect"})
    assert answer.status_code == 403
