"""Pins the calls for documents: each kind is written, read, paged and taken away in one way, and
scopes hold in every one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from cloud_sync.service.kinds import KINDS
from cloud_sync.store.credentials import add_token, make_token, put_user
from cloud_sync.store.ports import Database, Transaction
from tests.fakes.http_words import NOW_US, bearer, client_of, code_of
from tests.fakes.uploads import ITEM

CASE = "09506000134369"
BODIES: dict[str, dict[str, object]] = {
    "items": {
        "gtin": ITEM,
        "names": {"en": "Milk", "zh": "牛奶"},
        "zone": "refrigerated",
        "grams_per_unit": 1000,
        "aliases": ["M-1"],
        "vat": "reduced",
    },
    "policies": {
        "warehouse": "W1",
        "gtin": ITEM,
        "demand_units_per_day": 10.0,
        "demand_sd_units_per_day": 2.5,
        "reorder_point_units": 12,
        "lead_time_days": 1.0,
    },
    "warehouses": {
        "id": "W1",
        "name": "West",
        "gln": "9506000134352",
        "country": "DE",
        "time_zone": "Europe/Berlin",
        "latitude": 52.5,
        "longitude": 13.4,
        "zones": ["ambient", "frozen"],
    },
    "locations": {"warehouse": "W1", "id": "A.01", "zone": "frozen", "walk": 10},
    "suppliers": {"id": "S1", "name": "Dairy", "country": "NL"},
    "supplies": {
        "supplier": "S1",
        "gtin": ITEM,
        "lead_time_days": 2.5,
        "cost_minor": 79,
        "currency": "EUR",
    },
    "prices": {
        "market": "DE",
        "gtin": ITEM,
        "price_minor": 129,
        "currency": "EUR",
        "includes_vat": True,
    },
    "vat": {"country": "DE", "category": "reduced", "rate_basis_points": 700},
    "stocking": {"id": "W1", "lost_sale": "share", "served_basis_points": {"A": 9900}},
    "asns": {
        "id": "ASN-1",
        "warehouse": "W1",
        "source": "@supplier",
        "status": "dispatched",
        "ordered": [{"item": ITEM, "quantity": 10}],
    },
    "transfers": {
        "id": "TR-1",
        "source": "W1",
        "destination": "C1",
        "ordered": [{"item": ITEM, "quantity": 4}],
    },
    "climates": {
        "warehouse": "W1",
        "zone": "cold",
        "high_centi_c": 500,
        "duration_s": 900,
        "hysteresis_centi_c": 50,
        "hold": {"above_s": 7200},
    },
    "campaigns": {
        "id": "live-7",
        "start_at_us": 1_800_000_000_000_000,
        "end_at_us": 1_800_007_200_000_000,
        "factor": 4.5,
        "items": [ITEM],
    },
    "counting-plans": {"warehouse": "W1", "every_days": {"A": 30}},
    "counts": {"id": "CT-1", "warehouse": "W1", "zones": ["frozen"]},
    "holds": {"id": "H-1", "kind": "hold", "item": ITEM, "lot": "L1", "reason": "torn"},
    "recalls": {"id": "R-1", "item": ITEM, "lots": ["L1", "L2"], "reason": "glass"},
    "certificates": {
        "id": "C-1",
        "type": "organic",
        "items": [ITEM],
        "valid_until": "2026-12-31",
    },
    "workers": {"id": "w-7", "roles": ["picker"], "badge": "b7"},
}
EVERYWHERE = {
    "items", "warehouses", "suppliers", "supplies", "prices", "vat", "recalls", "certificates",
    "stocking", "workers", "holds", "campaigns",
}  # fmt: skip


def path_of(plural: str) -> str:
    kind = next(kind for kind in KINDS if kind.plural == plural)
    return f"/v1/{plural}/" + "/".join(str(BODIES[plural][part]) for part in kind.parts)


@pytest.fixture
def database_name(tmp_path: Path) -> str:
    """HTTP is the same on any store: the quicker one will do."""
    return str(tmp_path / "cloud.db")


@pytest.fixture
async def http(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, lambda: NOW_US) as it:
        yield it


@pytest.fixture
def admin(tokens: dict[str, str]) -> dict[str, str]:
    return bearer(tokens["admin"])


@pytest.fixture
async def of_c1(database: Database) -> dict[str, str]:
    """An administrator whose scope is the other warehouse."""
    token = make_token()

    async def script(tx: Transaction) -> None:
        await put_user(tx, "cee", role="admin", scope=frozenset({"C1"}), now_us=1)
        await add_token(tx, "cee", token, 1, None)

    await database.transact(script)
    return bearer(token)


async def changes(http: httpx.AsyncClient, token: str, cursor: int = 0) -> list[dict[str, object]]:
    page = (await http.get(f"/sync/v1/changes?cursor={cursor}", headers=bearer(token))).json()
    found: list[dict[str, object]] = page["changes"]
    return found


def test_there_is_a_body_for_every_kind() -> None:
    assert set(BODIES) == {kind.plural for kind in KINDS}


@pytest.mark.parametrize("plural", BODIES)
async def test_a_document_is_written_read_and_taken_away(
    http: httpx.AsyncClient, admin: dict[str, str], plural: str
) -> None:
    path, body = path_of(plural), BODIES[plural]
    name = next(kind.name for kind in KINDS if kind.plural == plural)
    assert code_of(await http.get(path, headers=admin)) == "not_found"
    assert code_of(await http.delete(path, headers=admin)) == "not_found"
    written = await http.put(path, json=body, headers=admin)
    assert (written.status_code, written.json()) == (200, {"changed": 1}), written.text
    one = (await http.get(path, headers=admin)).json()
    assert one["version"] == 1
    assert one[name].items() >= body.items() or plural in {"asns", "transfers"}
    assert (await http.get(f"/v1/{plural}", headers=admin)).json() == {plural: [one[name]]}
    assert (await http.delete(path, headers=admin)).json() == {"changed": 1}
    assert (await http.get(f"/v1/{plural}", headers=admin)).json() == {plural: []}
    again = await http.put(path, json=body, headers=admin)
    assert again.json() == {"changed": 1}
    # asns and transfers are followed in a step of its own
    assert (await http.get(path, headers=admin)).json()["version"] >= 3


@pytest.mark.parametrize("plural", BODIES)
async def test_what_is_already_so_is_no_change(
    http: httpx.AsyncClient, admin: dict[str, str], plural: str
) -> None:
    path, body = path_of(plural), BODIES[plural]
    await http.put(path, json=body, headers=admin)
    assert (await http.put(path, json=body, headers=admin)).json() == {"changed": 0}


@pytest.mark.parametrize("plural", BODIES)
async def test_who_has_another_warehouse_neither_sees_nor_touches_it(
    http: httpx.AsyncClient, admin: dict[str, str], of_c1: dict[str, str], plural: str
) -> None:
    path, body = path_of(plural), BODIES[plural]
    assert (await http.put(path, json=body, headers=of_c1)).status_code == 403
    await http.put(path, json=body, headers=admin)
    assert (await http.delete(path, headers=of_c1)).status_code == 403
    seen = (await http.get(f"/v1/{plural}", headers=of_c1)).json()[plural]
    one = await http.get(path, headers=of_c1)
    exported = await http.get(f"/v1/export/{plural}?format=json", headers=of_c1)
    if plural in EVERYWHERE:
        assert len(seen) == len(exported.json()[plural]) == 1
        assert one.status_code == 200
    else:
        assert seen == exported.json()[plural] == []
        assert code_of(one) == "forbidden"
        asked = await http.get(f"/v1/{plural}?warehouse=W1", headers=of_c1)
        assert code_of(asked) == "forbidden"
    imported = await http.post(f"/v1/import/{plural}", json={plural: [body]}, headers=of_c1)
    assert code_of(imported) == "forbidden"
    all_kinds = await http.post("/v1/import", json={plural: [body]}, headers=of_c1)
    assert code_of(all_kinds) == "forbidden"


async def test_a_document_cannot_be_taken_from_another_warehouse_by_its_name(
    http: httpx.AsyncClient, admin: dict[str, str], of_c1: dict[str, str]
) -> None:
    await http.put("/v1/counts/CT-1", json=BODIES["counts"], headers=admin)
    mine = {**BODIES["counts"], "warehouse": "C1"}
    response = await http.put("/v1/counts/CT-1", json=mine, headers=of_c1)
    assert code_of(response) == "forbidden"
    fresh = {**mine, "id": "CT-2"}
    assert (await http.put("/v1/counts/CT-2", json=fresh, headers=of_c1)).status_code == 200


async def test_a_document_that_moves_leaves_the_gateway_that_had_it(
    http: httpx.AsyncClient, admin: dict[str, str], tokens: dict[str, str]
) -> None:
    await http.put("/v1/counts/CT-1", json=BODIES["counts"], headers=admin)
    moved = {**BODIES["counts"], "warehouse": "C1"}
    assert (await http.put("/v1/counts/CT-1", json=moved, headers=admin)).json() == {"changed": 1}
    assert [it["deleted"] for it in await changes(http, tokens["gw-W1"])] == [True]
    assert [it["deleted"] for it in await changes(http, tokens["gw-C1"])] == [False]


async def test_places_with_dots_in_their_names_stay_apart(
    http: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    for warehouse, name in (("A", "B.C"), ("A.B", "C")):
        body = {**BODIES["locations"], "warehouse": warehouse, "id": name}
        response = await http.put(f"/v1/locations/{warehouse}/{name}", json=body, headers=admin)
        assert response.json() == {"changed": 1}
    assert len((await http.get("/v1/locations", headers=admin)).json()["locations"]) == 2
    assert (await http.delete("/v1/locations/A/B.C", headers=admin)).json() == {"changed": 1}
    (left,) = (await http.get("/v1/locations", headers=admin)).json()["locations"]
    assert (left["warehouse"], left["id"]) == ("A.B", "C")
    gone = await http.get("/v1/locations/A/B.C", headers=admin)
    assert code_of(gone) == "not_found"


async def test_a_recall_reaches_every_gateway_as_holds_and_leaves_with_it(
    http: httpx.AsyncClient, admin: dict[str, str], tokens: dict[str, str]
) -> None:
    recall = BODIES["recalls"]
    await http.put("/v1/recalls/R-1", json=recall, headers=admin)
    for gateway in ("gw-W1", "gw-C1"):
        held = {it["data"]["lot"] for it in await changes(http, tokens[gateway])}  # type: ignore[index]
        assert held == {"L1", "L2"}
    shorter = {**recall, "lots": ["L2"]}
    await http.put("/v1/recalls/R-1", json=shorter, headers=admin)
    found = [it for it in await changes(http, tokens["gw-W1"]) if not it["deleted"]]
    assert [(it["kind"], it["key"], it["data"]["lot"]) for it in found] == [  # type: ignore[index]
        ("hold", "R-1.1", "L2")
    ]
    await http.delete("/v1/recalls/R-1", headers=admin)
    assert all(it["deleted"] for it in await changes(http, tokens["gw-W1"]))


async def test_a_transfer_of_people_is_a_delivery_at_its_other_end(
    http: httpx.AsyncClient, admin: dict[str, str], tokens: dict[str, str]
) -> None:
    await http.put("/v1/transfers/TR-1", json=BODIES["transfers"], headers=admin)
    (sent,) = await changes(http, tokens["gw-W1"])
    (expected,) = await changes(http, tokens["gw-C1"])
    assert (sent["kind"], sent["key"]) == ("transfer", "TR-1")
    assert (expected["kind"], expected["key"]) == ("asn", "ASN-1")
    await http.delete("/v1/transfers/TR-1", headers=admin)
    for gateway in ("gw-W1", "gw-C1"):
        assert [it["deleted"] for it in await changes(http, tokens[gateway])] == [True]


async def test_a_transfer_does_not_take_the_name_of_a_delivery(
    http: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    await http.put("/v1/asns/ASN-1", json=BODIES["asns"], headers=admin)
    response = await http.put("/v1/transfers/TR-1", json=BODIES["transfers"], headers=admin)
    assert code_of(response) == "malformed"
    assert (await http.get("/v1/transfers", headers=admin)).json() == {"transfers": []}


@pytest.mark.parametrize("plural", ["items", "locations"])
async def test_a_list_in_pages_is_the_list(
    http: httpx.AsyncClient, admin: dict[str, str], plural: str
) -> None:
    from cloud_sync.contract.keys import gtin_check_digit

    entries = []
    for i in range(7):
        body = f"950600000{i:04}"
        change = {"items": {"gtin": body + gtin_check_digit(body)},
                  "locations": {"id": f"B-{6 - i}", "warehouse": f"W{i % 2}"}}[plural]  # fmt: skip
        entries.append({**BODIES[plural], **change})
    done = await http.post(f"/v1/import/{plural}", json={plural: entries}, headers=admin)
    assert done.json() == {"changed": 7}
    whole = (await http.get(f"/v1/{plural}", headers=admin)).json()
    pieces, after, sizes = [], "", []
    while True:
        page = (await http.get(f"/v1/{plural}?limit=3{after}", headers=admin)).json()
        pieces += page[plural]
        sizes.append(len(page[plural]))
        if "next_after" not in page:
            break
        after = f"&after={page['next_after']}"
    assert (pieces, sizes) == (whole[plural], [3, 3, 1])


@pytest.mark.parametrize(
    ("plural", "change", "says"),
    [
        ("items", {"contains": {"item": ITEM, "units": 6}}, "itself"),
        ("items", {"contains": {"item": "09506000134353", "units": 6}}, "check digit"),
        ("items", {"names": {}}, "names"),
        ("warehouses", {"time_zone": "Mars/North"}, "time_zone"),
        ("warehouses", {"time_zone": "../etc/passwd"}, "time_zone"),
        ("warehouses", {"latitude": 91.0}, "latitude"),
        ("warehouses", {"longitude": None}, "go together"),
        ("warehouses", {"gln": "9506000134353"}, "gln"),
        ("warehouses", {"country": "de"}, "country"),
        ("supplies", {"cost_minor": 1.5}, "cost_minor"),
        ("supplies", {"currency": "EURO"}, "currency"),
        ("prices", {"price_minor": -1}, "price_minor"),
        ("vat", {"rate_basis_points": 10_001}, "rate_basis_points"),
        ("transfers", {"destination": "W1"}, "destination"),
        ("transfers", {"ordered": []}, "ordered"),
        ("transfers", {"status": "received"}, "status"),
        ("holds", {"kind": "recall"}, "kind"),
        ("certificates", {"valid_until": "2026-02-30"}, "valid_until"),
        ("certificates", {"items": ["09506000134353"]}, "items"),
        ("locations", {"warehouse": "W" * 61}, "in the path"),
        ("counts", {"x": 1}, "x"),
    ],
)
async def test_a_mistake_is_named(
    http: httpx.AsyncClient,
    admin: dict[str, str],
    plural: str,
    change: dict[str, object],
    says: str,
) -> None:
    body = {**BODIES[plural], **change}
    response = await http.put(path_of(plural), json=body, headers=admin)
    assert (response.status_code, code_of(response)) == (422, "malformed"), response.text
    assert says in response.json()["error"]["message"]


async def test_keys_of_two_parts_fit_into_one(
    http: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    for n, status in ((49, 200), (50, 422)):
        warehouse = "W" * n
        body = {**BODIES["policies"], "warehouse": warehouse}
        response = await http.put(f"/v1/policies/{warehouse}/{ITEM}", json=body, headers=admin)
        assert response.status_code == status, response.text


async def test_the_network_can_be_read_and_taken_away(
    http: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    network = {"format": "forepost-network/1", "products": []}
    assert code_of(await http.get("/v1/network", headers=admin)) == "not_found"
    await http.put("/v1/network", json=network, headers=admin)
    assert (await http.get("/v1/network", headers=admin)).json() == network
    assert (await http.delete("/v1/network", headers=admin)).json() == {"changed": 1}
    assert (await http.delete("/v1/network", headers=admin)).json() == {"changed": 0}


async def test_a_gateway_reads_a_fresh_copy_of_all_kinds(
    http: httpx.AsyncClient, admin: dict[str, str], tokens: dict[str, str]
) -> None:
    everything = {plural: [body] for plural, body in BODIES.items()}
    twice = await http.post("/v1/import", json=everything, headers=admin)
    assert "asn ASN-1 would be written twice" in twice.text, "TR-1 has a delivery of that name"
    everything["asns"] = [{**BODIES["asns"], "id": "ASN-2"}]
    done = await http.post("/v1/import", json=everything, headers=admin)
    assert done.status_code == 200, done.text
    seen = [str(it["kind"]) for it in await changes(http, tokens["gw-W1"])]
    assert sorted(set(seen)) == [
        "asn", "campaign", "certificate", "climate", "count", "counting_plan", "hold", "item",
        "location", "policy", "transfer", "warehouse", "worker",
    ]  # fmt: skip
    assert seen.count("hold") == 3
