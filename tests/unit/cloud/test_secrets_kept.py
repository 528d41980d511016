"""Pins that no token, code or session key lies in the database's files or in the log, looked for
as an intruder would: by its bytes, wherever they are. (A webhook's secret is kept: it signs.)"""

from __future__ import annotations

import logging
from pathlib import Path

import httpx
import pytest

from cloud_sync.service.logs import JsonFormatter
from cloud_sync.service.signing import make_key
from cloud_sync.store.open import open_database
from cloud_sync.store.ports import Database
from gateway.services.box_key import make_box_key
from tests.fakes.cloud_app import make_app
from tests.fakes.http_words import BATCHES, NOW_US, bearer

PLANTED = "fp_planted-5ecret-t0ken-that-nobody-has"


@pytest.fixture
def database_name(tmp_path: Path) -> str:
    """Its files can be read."""
    return str(tmp_path / "cloud.db")


async def test_no_secret_is_in_files_or_log(
    tmp_path: Path, tokens: dict[str, str], database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    signing = tmp_path / "signing-key"
    app = make_app(database, wall_us=lambda: NOW_US, signer=make_key(signing))
    box = make_box_key(tmp_path / "box/key")
    admin = bearer(tokens["admin"])
    secrets = {PLANTED, *tokens.values(), signing.read_text()[12:76]}
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://cloud") as http:

        async def post(path: str, body: dict[str, object], n: int) -> dict[str, str]:
            headers = admin | {"Idempotency-Key": f"k{n}"}
            answer = await http.post(path, json=body, headers=headers)
            assert answer.status_code == 200, answer.text
            told: dict[str, str] = answer.json()
            return told

        code = (await post("/v1/gateways/gw-N1/invitations", {"warehouse": "N1"}, 1))["code"]
        secrets |= {code, code.replace("-", "")}
        secrets.add((await post("/v1/users/reader/tokens", {"expires_in_days": 1}, 2))["token"])
        for told in ("AAAA-AAAA-AAAA-AAAA", code, code):
            asked = {"code": told, "box_key": box.public}
            answer = await http.post("/sync/v1/enrol", json=asked)
            secrets |= {str(answer.json()["token"])} if answer.status_code == 200 else set()
        for number in (7, 7, 6):
            renewal = box.sign_renewal("gw-N1", number).model_dump()
            answer = await http.post("/sync/v1/renew", json=renewal)
            secrets |= {str(answer.json()["token"])} if answer.status_code == 200 else set()
        for method, path in (("GET", "/v1/stock"), ("PUT", "/v1/items/x"), ("POST", BATCHES)):
            for token in (PLANTED, tokens["reader"], tokens["gw-C1"]):
                await http.request(method, path, headers=bearer(token), content=b"\xff{")
    async with open_database(str(tmp_path / "cloud.db")):
        pass  # what is in its log goes into the file
    formatter = JsonFormatter()
    log = "\n".join(formatter.format(record) for record in caplog.records)
    assert "code refused" in log
    places = {"log": log.encode()} | {
        path.name: path.read_bytes() for path in tmp_path.glob("cloud.db*")
    }
    assert len(secrets) >= 10
    found = [(name, it) for name, raw in places.items() for it in secrets if it.encode() in raw]
    assert not found
