"""Pins that no request, well-formed or not, is answered by a fault: calls of the served
description with made-up parameters and bodies, against the real program on both stores. A part of
them in `make test`, all of them where FOREPOST_FAULTS says so."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.schemas import APIOperation

from tests.fakes.http_words import bearer
from tests.rigs import tier
from tests.rigs.cloud import CloudProcess
from tests.rigs.guard import GUARD_S

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(tier.count(300, 900, 1800)),
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning"),
]

EXAMPLES = tier.count(1, 2, 10)
"""Of each call and each way of making them up."""

EVERY = tier.count(12, 1, 1)
"""Of the calls that the description has, one in so many is played."""

NEVER_CALLED = {"DELETE /v1/users/{name}", "PUT /v1/users/{name}", "DELETE /v1/tokens/{token_id}"}
"""They could end the token that the test itself goes by; test_users.py calls them."""


@pytest.fixture
def cloud(database_name: str, tmp_path: Path) -> Iterator[CloudProcess]:
    if database_name.startswith("postgresql") and tier.chosen() == "quick":
        pytest.skip("the whole description on PostgreSQL is for FOREPOST_FAULTS=t1")
    it = CloudProcess(tmp_path)
    it.database = database_name
    it.token("migrate")
    yield it
    it.terminate()


def test_no_request_ends_in_a_fault(cloud: CloudProcess) -> None:
    admin = bearer(cloud.token("tokens", "create", "fuzz", "--role", "admin"))
    gateway = bearer(cloud.token("gateways", "enrol", "gw-W1", "--warehouse", "W1"))
    cloud.start()
    description = httpx.get(f"{cloud.url}/openapi.json", timeout=GUARD_S).json()
    schema = schemathesis.openapi.from_dict(description)
    faults: list[str] = []
    n_calls = n_taken = 0
    with httpx.Client(base_url=cloud.url, timeout=GUARD_S) as http:
        for n, result in enumerate(schema.get_all_operations()):
            operation = result.ok()
            if operation.label in NEVER_CALLED or n % EVERY:
                continue
            headers = gateway if operation.path.startswith("/sync/") else admin
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                for status, what in play(http, operation, mode, headers):
                    n_calls += 1
                    n_taken += status < 300
                    if status >= 500:
                        faults.append(f"{status} {what}")
    assert not faults, "\n".join(faults[:20])
    assert n_calls > 100 // EVERY
    assert n_taken > n_calls // 10, "hardly anything was understood, so hardly anything tried"


def play(
    http: httpx.Client, operation: APIOperation, mode: GenerationMode, headers: dict[str, str]
) -> list[tuple[int, str]]:
    """Status and request of a few made-up calls."""
    seen: list[tuple[int, str]] = []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def call(case: schemathesis.Case) -> None:
        kwargs = case.as_transport_kwargs(base_url=str(http.base_url))
        kwargs.pop("cookies", None)
        sent = {**(kwargs.pop("headers", None) or {}), **headers}
        data = kwargs.pop("data", None)
        if data is not None:
            kwargs["content"] = data if isinstance(data, (bytes, str)) else str(data)
        url = kwargs.pop("url")
        try:
            request = http.build_request(kwargs.pop("method"), url, headers=sent, **kwargs)
        except (UnicodeError, httpx.InvalidURL, ValueError, TypeError):
            return  # not even a request
        try:
            status = http.send(request).status_code
        except httpx.LocalProtocolError:
            return  # a header that no client can send
        seen.append((status, f"{request.method} {request.url} {request.content[:300]!r}"))

    # A call without parameters cannot be made wrongly.
    with contextlib.suppress(Unsatisfiable):
        call()
    return seen
