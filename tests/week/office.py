"""The office: a person's program at the cloud's HTTP API. Everything it writes has its own key."""

from __future__ import annotations

import itertools
import random

import httpx

from tests.week.book import Key

Row = dict[str, object]
DEADLINE_S = 60.0


class Office:
    """repeats: how often a call is made twice, because its answer was lost."""

    def __init__(self, url: str, token: str, rng: random.Random) -> None:
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=DEADLINE_S
        )
        self._rng = rng
        self._numbers = itertools.count(1)
        self.repeats = 0.3

    def write(self, method: str, path: str, body: object = None) -> Row:
        """A call that changes something, and now and then its repeat."""
        key = {"Idempotency-Key": f"office-{next(self._numbers)}"}
        first = self._http.request(method, path, json=body, headers=key)
        assert first.is_success, f"{method} {path}: {first.status_code} {first.text}"
        if self._rng.random() < self.repeats:
            again = self._http.request(method, path, json=body, headers=key)
            assert again.headers["Idempotent-Replayed"] == "true", f"{method} {path} done twice"
            assert again.json() == first.json()
        answer: Row = first.json()
        return answer

    def put(self, kind: str, key: str, **document: object) -> None:
        """Write one document."""
        self.write("PUT", f"/v1/{kind}/{key}", document)

    def read(self, path: str, **query: str | int | bool) -> Row:
        """What a call answers."""
        answer = self._http.get(path, params=query)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        found: Row = answer.json()
        return found

    def pages(self, path: str, rows: str, **query: str | int | bool) -> list[Row]:
        """All rows of a list, page by page."""
        found: list[Row] = []
        while True:
            page = self.read(path, **query)
            these = page[rows]
            assert isinstance(these, list)
            found += these
            after = page.get("next_after")
            if after is None:
                return found
            query |= {"after": str(after)}

    def stock(self) -> dict[Key, int]:
        """Every balance, unified over all warehouses, with the virtual places."""
        rows = self.pages("/v1/stock", "stock", include_virtual=True, limit=50)
        found = {}
        for row in rows:
            key = Key(*(row[name] for name in Key._fields))  # type: ignore[arg-type]
            assert key not in found, f"{key} stands on two pages"
            assert isinstance(row["quantity"], int)
            found[key] = row["quantity"]
        return found

    def events(self) -> list[Row]:
        """Every row that the cloud took in."""
        found: list[Row] = []
        position = 0
        while True:
            page = self.read("/v1/events", after_position=position, limit=1000)
            rows = page["events"]
            assert isinstance(rows, list)
            found += rows
            if not page["more"]:
                return found
            position = rows[-1]["position"]

    def close(self) -> None:
        """Go home."""
        self._http.close()
