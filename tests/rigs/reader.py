"""Somebody at the cloud's pages without a browser: signed in, with the tokens of their forms."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

import httpx

from cloud_sync.dashboard.front import put_in_front
from cloud_sync.store.credentials import create_token, put_user
from cloud_sync.store.ports import Database
from tests.fakes.cloud_app import make_app

ADDRESS = "http://127.0.0.1"
_FORM_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')


class Reader:
    """One session at the pages of one cloud."""

    def __init__(self, database: Database, wall_us: Callable[[], int]) -> None:
        self.database, self.wall_us = database, wall_us
        front = put_in_front(make_app(database, wall_us=wall_us))
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(front), base_url=ADDRESS, follow_redirects=False
        )
        self.token = ""

    async def sign_in(
        self, name: str, role: str, warehouses: frozenset[str] | None = None
    ) -> httpx.Response:
        """Come as a user, who is made if not there yet."""
        now_us = self.wall_us()
        await self.database.transact(
            partial(put_user, name=name, role=role, scope=warehouses, now_us=now_us)
        )
        self.token = await self.database.transact(
            partial(create_token, name=name, role=role, now_us=now_us)
        )
        return await self.http.post(
            "/ui/sign-in", data={"name": name, "token": self.token, "to": ""}
        )

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """A page."""
        return await self.http.get(path, headers=headers)

    async def see(self, path: str) -> str:
        """The HTML of a page that is there."""
        found = await self.get(path)
        assert found.status_code == 200, (found.status_code, found.text)
        return found.text

    async def send(
        self, path: str, fields: Mapping[str, str], *, seen: str = "/ui/overview"
    ) -> httpx.Response:
        """A form of a page, with the token that is in that page."""
        found = _FORM_TOKEN.search(await self.see(seen))
        assert found is not None, f"{seen} has no form"
        return await self.http.post(path, data={**fields, "form_token": found[1]})
