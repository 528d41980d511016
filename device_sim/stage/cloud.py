"""The cloud as an administrator sees it: its public HTTP interface, nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import httpx

from device_sim.errors import CloudRefused, SimulatorError

START_S: Final = 30.0
DEADLINE_S: Final = 15.0
PAGE: Final = 1000

Row = dict[str, object]


class CloudApi:
    """One administrator's access."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def wait_until_healthy(self) -> None:
        """Return once the service answers. Raises SimulatorError after START_S."""
        try:
            async with asyncio.timeout(START_S):
                while True:
                    try:
                        if (await self._client.get("/healthz")).status_code == 200:
                            return
                    except httpx.TransportError:
                        pass
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            raise SimulatorError(f"cloud: not up within {START_S:g} s") from error

    async def import_documents(self, **documents: object) -> None:
        """Write items, policies, asns and the network, all or none."""
        await self._ask("POST", "/v1/import", body=documents)

    async def stock(self) -> list[Row]:
        """Every balance, virtual places included."""
        return await self._rows("/v1/stock", "stock", include_virtual="true")

    async def plans(self) -> list[Row]:
        """Every plan, newest first."""
        return await self._rows("/v1/plans", "plans")

    async def asns(self) -> list[Row]:
        """Every expected delivery."""
        return await self._rows("/v1/asns", "asns")

    async def place_order(self, order: Mapping[str, object]) -> Row:
        """Place a customer's order; the order as it stands, with its parcels."""
        return await self._ask("POST", "/v1/orders", body=order)

    async def orders(self) -> list[Row]:
        """Every order, page by page."""
        found: list[Row] = []
        after: dict[str, str] = {}
        while True:
            answer = await self._ask("GET", "/v1/orders", query=after)
            found += _list(answer, "orders")
            if answer.get("next_after") is None:
                return found
            after = {"after": str(answer["next_after"])}

    async def gateways(self) -> list[Row]:
        """How far each gateway is in."""
        return await self._rows("/v1/gateways", "gateways")

    async def quarantine(self) -> list[Row]:
        """Rows the cloud could not take in."""
        return await self._rows("/v1/quarantine", "rows")

    async def events(self, after_position: int = 0) -> list[Row]:
        """Every event of every gateway with its place, in order of arrival."""
        found: list[Row] = []
        position = after_position
        while True:
            answer = await self._ask(
                "GET", "/v1/events", query={"after_position": str(position), "limit": str(PAGE)}
            )
            page = _list(answer, "events")
            found += page
            if not page or answer.get("more") is not True:
                return found
            position = int(str(page[-1]["position"]))

    async def _rows(self, path: str, key: str, **query: str) -> list[Row]:
        return _list(await self._ask("GET", path, query=query), key)

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Row:
        try:
            async with asyncio.timeout(DEADLINE_S):
                answer = await self._client.request(method, path, params=query, json=body)
        except (httpx.TransportError, TimeoutError) as error:
            raise SimulatorError(f"cloud: {method} {path}: {error or 'timed out'}") from error
        if answer.status_code >= 300:
            raise CloudRefused(f"{method} {path}", answer.status_code, answer.text)
        value = answer.json()
        if not isinstance(value, dict):
            raise CloudRefused(f"{method} {path}", answer.status_code, answer.text)
        return value


def open_client(url: str, token: str) -> httpx.AsyncClient:
    """The connection of an administrator with this token."""
    return httpx.AsyncClient(
        base_url=url,
        headers={"Authorization": f"Bearer {token}"},
        timeout=DEADLINE_S,
        trust_env=False,
    )


def _list(answer: Row, key: str) -> list[Row]:
    rows = answer.get(key)
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise SimulatorError(f"cloud: the answer has no list {key!r}")
    return [row for row in rows if isinstance(row, dict)]
