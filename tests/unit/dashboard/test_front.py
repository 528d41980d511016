# Pins who is let in to the pages: sessions and their ends, forms of our own only, a policy for
# browsers on every answer, and refusals that are pages.

from functools import partial

import pytest

from cloud_sync.contract import rights
from cloud_sync.dashboard.front import PAGES, POLICY
from cloud_sync.store.credentials import create_token, hash_token, revoke_token
from cloud_sync.store.ports import Database, Script, StoreError, T
from cloud_sync.store.sessions import SESSION_US
from tests.rigs.reader import Reader

HOME = "/ui/overview"


async def test_a_stranger_is_led_to_the_sign_in_and_back_to_the_page(reader: Reader) -> None:
    away = await reader.get(HOME + "?x=1")
    assert away.status_code == 303
    assert away.headers["location"] == "/ui/sign-in?to=/ui/overview%3Fx%3D1"
    there = await reader.get(away.headers["location"])
    assert 'name="to" value="/ui/overview?x=1"' in there.text


async def test_the_cookie_is_kept_from_scripts_and_other_sites(reader: Reader) -> None:
    welcomed = await reader.sign_in("ana", "supervisor")
    assert welcomed.status_code == 303
    assert welcomed.headers["location"] == HOME
    cookie = welcomed.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie, "127.0.0.1 has no certificate"
    assert reader.token not in cookie
    assert (await reader.get(HOME)).status_code == 200


async def test_elsewhere_than_on_the_machine_itself_the_cookie_wants_encryption(
    reader: Reader,
) -> None:
    await reader.sign_in("ana", "supervisor")
    fields = {"name": "ana", "token": reader.token}
    far = await reader.http.post("/ui/sign-in", data=fields, headers={"host": "cloud.example"})
    assert "secure" in far.headers["set-cookie"].lower()


@pytest.mark.parametrize("how", ["other name", "other token", "gateway"])
async def test_name_and_token_have_to_be_both_right(
    how: str, reader: Reader, database: Database
) -> None:
    await reader.sign_in("ana", "supervisor")
    reader.http.cookies.clear()
    fields = {"name": "ana", "token": reader.token}
    if how == "other name":
        fields["name"] = "bo"
    elif how == "other token":
        fields["token"] += "x"
    else:
        from cloud_sync.store.credentials import enrol_gateway

        fields["name"] = "gw-J1"
        fields["token"] = await database.transact(
            partial(enrol_gateway, gateway="gw-J1", warehouse="J1", now_us=1)
        )
    refused = await reader.http.post("/ui/sign-in", data=fields)
    assert refused.status_code == 401
    assert "do not belong together" in refused.text
    assert (await reader.get(HOME)).status_code == 303


async def test_a_session_ends_with_its_token_its_time_and_the_sign_out(
    reader: Reader, database: Database, now_us: list[int]
) -> None:
    await reader.sign_in("ana", "supervisor")
    token_id = hash_token(reader.token).hex()[:16]
    await database.transact(partial(revoke_token, token_id=token_id, now_us=now_us[0]))
    assert (await reader.get(HOME)).status_code == 303

    await reader.sign_in("ana", "supervisor")
    now_us[0] += SESSION_US - 1
    assert (await reader.get(HOME)).status_code == 200
    now_us[0] += 1
    assert (await reader.get(HOME)).status_code == 303

    await reader.sign_in("ana", "supervisor")
    cookies = dict(reader.http.cookies)
    assert (await reader.send("/ui/sign-out", {})).status_code == 303
    reader.http.cookies.update(cookies)
    assert (await reader.get(HOME)).status_code == 303, "a copied cookie is worth nothing"


async def test_a_form_is_taken_from_our_own_page_only(reader: Reader) -> None:
    await reader.sign_in("ana", "admin")
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        refused = await reader.http.post("/ui/sign-out", data={"x": ""}, headers=headers)
        assert refused.status_code == 403
    assert (await reader.http.post("/ui/sign-out", data={"x": ""})).status_code == 403
    wrong = {"form_token": "0" * 64}
    for page in PAGES:
        if page.method == "POST":
            path = page.path.replace("{", "").replace("}", "")
            assert (await reader.http.post(path, data={"x": ""})).status_code == 403, page.path
            assert (await reader.http.post(path, data=wrong)).status_code == 403, page.path
    assert (await reader.get(HOME)).status_code == 200


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "/v1/users", "/ui/\\x"])
async def test_the_sign_in_leads_to_no_other_site(to: str, reader: Reader) -> None:
    await reader.sign_in("ana", "admin")
    fields = {"name": "ana", "token": reader.token, "to": to}
    assert (await reader.http.post("/ui/sign-in", data=fields)).headers["location"] == HOME


async def test_every_page_is_for_those_with_its_right(reader: Reader) -> None:
    for role in rights.USER_ROLES:
        reader.http.cookies.clear()
        await reader.sign_in(f"as-{role}", role)
        for page in PAGES:
            if "{" in page.path or page.method != "GET":
                continue
            found = await reader.get(page.path)
            is_allowed = page.action in rights.RIGHTS[role]
            assert (found.status_code == 200) == is_allowed, (role, page.path)
            assert found.status_code in {200, 403}


async def test_every_answer_tells_browsers_to_run_nothing_of_others(reader: Reader) -> None:
    await reader.sign_in("ana", "admin")
    paths = [page.path for page in PAGES if page.method == "GET" and "{" not in page.path]
    for path in (*paths, "/", "/ui", "/ui/sign-in", "/ui/nothing", "/ui/static/frame.js"):
        found = await reader.get(path)
        assert found.headers["content-security-policy"] == POLICY, path
        assert "<script>" not in found.text
        assert " style=" not in found.text
        assert " onclick=" not in found.text
    assert "unsafe" not in POLICY


async def test_the_api_is_where_it_was(reader: Reader) -> None:
    assert (await reader.get("/healthz")).json() == {"status": "ok"}
    assert (await reader.get("/v1/stock")).status_code == 401
    await reader.sign_in("ana", "admin")
    assert (await reader.get("/v1/stock")).status_code == 401, "a cookie is no token"


async def test_a_page_that_is_not_there_says_so(reader: Reader) -> None:
    found = await reader.get("/ui/nothing", **{"accept-language": "zh-CN,en;q=0.5"})
    assert found.status_code == 404
    assert "此地址没有内容" in found.text


async def test_language_and_theme_are_kept(reader: Reader) -> None:
    await reader.sign_in("ana", "admin")
    assert '<html lang="en">' in await reader.see(HOME)
    fields = {"language": "zh", "theme": "dark", "to": HOME}
    chosen = await reader.http.post("/ui/choose", data=fields)
    assert chosen.headers["location"] == HOME
    assert '<html lang="zh-Hans" data-theme="dark">' in await reader.see(HOME)


async def test_assets_are_kept_by_browsers_until_they_change(reader: Reader) -> None:
    page = await reader.get("/ui/sign-in")
    named = page.text.partition('href="/ui/static/frame.css?v=')[2].partition('"')[0]
    kept = await reader.get(f"/ui/static/frame.css?v={named}")
    assert "immutable" in kept.headers["cache-control"]
    again = await reader.get("/ui/static/frame.css")
    assert again.headers["cache-control"] == "no-cache"
    unchanged = {"if-none-match": again.headers["etag"]}
    assert (await reader.get("/ui/static/frame.css", **unchanged)).status_code == 304
    assert (await reader.get("/ui/static/../views.py")).status_code == 404


async def test_a_token_made_later_for_the_same_user_is_another_way_in(
    reader: Reader, database: Database
) -> None:
    await reader.sign_in("ana", "admin")
    second = await database.transact(partial(create_token, name="ana", role="admin", now_us=1))
    fields = {"name": "ana", "token": second}
    assert (await reader.http.post("/ui/sign-in", data=fields)).status_code == 303


async def test_pages_of_an_empty_cloud_say_that_there_is_nothing(reader: Reader) -> None:
    await reader.sign_in("ana", "admin")
    for path in ("/ui/overview", "/ui/warehouses", "/ui/items", "/ui/exceptions", "/ui/orders"):
        assert 'class="empty"' in await reader.see(path), path
    assert (await reader.get("/ui/warehouses/W1")).status_code == 404
    assert (await reader.get("/ui/items/09506000000015")).status_code == 404
    assert (await reader.get("/ui/items/milk")).status_code == 404


class Broken:
    """A database with a fault of ours in it, once it is to have one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.error: Exception | None = None

    async def transact(self, script: Script[T]) -> T:
        return await self._database.transact(script)

    async def read(self, script: Script[T]) -> T:
        if self.error is not None:
            raise self.error
        return await self._database.read(script)

    async def read_once(self, script: Script[T]) -> T:
        return await self._database.read_once(script)


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (KeyError("a secret"), 500, "A fault of ours."),
        (StoreError("a secret"), 503, "The database cannot answer now."),
    ],
)
async def test_a_fault_is_a_page_that_tells_nothing_of_the_inside(
    error: Exception, status: int, told: str, database: Database
) -> None:
    broken = Broken(database)
    reader = Reader(broken, lambda: 1)
    async with reader.http:
        await reader.sign_in("ana", "admin")
        broken.error = error
        found = await reader.get(HOME)
    assert found.status_code == status
    assert told in found.text
    assert "secret" not in found.text
    assert found.headers["content-security-policy"] == POLICY
