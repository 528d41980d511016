"""Pins import and export: a file that was exported imports to the same documents, mistakes are
named by line, and one mistake keeps the whole file out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.contract.keys import gtin_check_digit
from cloud_sync.service import master
from cloud_sync.service.sheets import SheetMalformed, read_sheet, write_sheet
from cloud_sync.store.ports import Database
from tests.fakes.http_words import NOW_US, bearer, client_of, code_of
from tests.fakes.uploads import ITEM

CSV = {"Content-Type": "text/csv; charset=utf-8"}


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


def gtin(number: int) -> str:
    body = f"{number:013}"
    return body + gtin_check_digit(body)


text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12
)
items = st.builds(
    master.ItemBody,
    gtin=st.integers(1, 10**9).map(gtin),
    names=st.dictionaries(
        st.sampled_from(["en", "zh", "de-CH", "x.y"]), text, min_size=1, max_size=3
    ),
    zone=st.sampled_from(["ambient", "-1", "007"]),
    sku=st.none() | st.sampled_from(["0012", "-5", "true", "null", "1e5"]),
    grams_per_unit=st.integers(1, 10**6),
    shelf_life_days=st.none() | st.integers(1, 100),
    receive_centi_c_min=st.none() | st.integers(-5000, -1),
    aliases=st.lists(st.sampled_from(["a", "1"]), max_size=2),
    contains=st.none()
    | st.builds(master.ContentsBody, item=st.just(ITEM), units=st.integers(1, 9)),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(items, max_size=4))
def test_what_was_written_as_a_sheet_reads_back(bodies: list[master.ItemBody]) -> None:
    """Texts that look like numbers or formulas, and those with commas, quotes and line breaks."""
    sheet = write_sheet(master.ItemBody, [it.model_dump(exclude_none=True) for it in bodies])
    rows = [row.content for row in read_sheet(master.ItemBody, sheet)]
    assert [master.ItemBody.model_validate(row) for row in rows] == bodies


@settings(max_examples=50, deadline=None)
@given(text)
def test_no_cell_of_text_is_a_formula(name: str) -> None:
    item = {"gtin": ITEM, "names": {"en": name}, "zone": "ambient", "grams_per_unit": 1}
    sheet = write_sheet(master.ItemBody, [item])
    for cells in csv.reader(io.StringIO(sheet, newline="")):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in cells)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.text("gtin,zo\"'\n\r=1", max_size=60))
def test_any_text_is_a_sheet_or_is_refused(sheet: str) -> None:
    try:
        list(read_sheet(master.ItemBody, sheet))
    except SheetMalformed as error:
        assert str(error).startswith("line ")  # noqa: PT017 -- either outcome is right


HEAD = "gtin,names.en,zone,grams_per_unit"
GOOD = f"{HEAD}\r\n{ITEM},Milk,frozen,1000\r\n"


@pytest.mark.parametrize(
    ("sheet", "says"),
    [
        ("", "line 1"),
        ("gtin,colour\r\n", "line 1: there is no column 'colour'"),
        ("gtin,names\r\n", "line 1: 'names' is not how names is written"),
        ("gtin,zone.x\r\n", "line 1: 'zone.x'"),
        ("gtin,gtin\r\n", "line 1: a column is named twice"),
        (GOOD + "x\r\n", "line 3: 1 cells"),
        (GOOD + f"{gtin(5)},Cream,frozen,heavy\r\n", "line 3: grams_per_unit: 'heavy'"),
        (GOOD + f"{gtin(5)},Cream,frozen,NaN\r\n", "line 3: grams_per_unit: 'NaN'"),
        (GOOD + f"{gtin(5)},Cream,frozen,1.5\r\n", "line 3: grams_per_unit"),
        (GOOD + f"{gtin(5)},Cream,frozen,\r\n", "line 3: grams_per_unit: Field required"),
        (GOOD + "09506000134353,Cream,frozen,1\r\n", "line 3: Value error, gtin: the check digit"),
        (GOOD + f"{ITEM},Milk,frozen,1000\r\n", f"line 3: {ITEM} is in line 2 already"),
        (f'{HEAD}\r\n{ITEM},"Mi\r\nlk",frozen,0\r\n', "line 3: grams_per_unit"),
        (f'{HEAD}\r\n{ITEM},"Milk,frozen,0\r\n', "line "),
    ],
)
async def test_a_mistake_in_a_sheet_is_named_by_its_line_and_keeps_all_out(
    http: httpx.AsyncClient, admin: dict[str, str], sheet: str, says: str
) -> None:
    response = await http.post("/v1/import/items", content=sheet.encode(), headers=admin | CSV)
    assert (response.status_code, code_of(response)) == (422, "malformed")
    assert says in response.json()["error"]["message"]
    assert (await http.get("/v1/items", headers=admin)).json() == {"items": []}


async def test_all_mistakes_are_told_up_to_a_number(
    http: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    sheet = HEAD + "\r\n" + "".join(f"{gtin(i)},x,y,0\r\n" for i in range(1, 31))
    response = await http.post("/v1/import/items", content=sheet, headers=admin | CSV)
    message = response.json()["error"]["message"]
    assert message.count("line ") == 20
    assert message.endswith("and 10 more")


async def test_what_is_exported_imports_elsewhere(
    http: httpx.AsyncClient, admin: dict[str, str], tmp_path: Path
) -> None:
    item = {"gtin": ITEM, "names": {"en": "=1+1", "zh": "牛奶"}, "zone": "frozen",
            "grams_per_unit": 1000, "contains": {"item": gtin(7), "units": 12}}  # fmt: skip
    await http.post("/v1/import/items", json={"items": [item]}, headers=admin)
    whole = (await http.get("/v1/items", headers=admin)).json()
    for form, headers in (("csv", CSV), ("json", {})):
        exported = await http.get(f"/v1/export/items?format={form}", headers=admin)
        assert exported.headers["Content-Disposition"] == f'attachment; filename="items.{form}"'
        again = await http.post("/v1/import/items", content=exported.content,
                                headers=admin | headers)  # fmt: skip
        assert again.json() == {"changed": 0}
        await http.delete(f"/v1/items/{ITEM}", headers=admin)
        fresh = await http.post("/v1/import/items", content=exported.content,
                                headers=admin | headers)  # fmt: skip
        assert fresh.json() == {"changed": 1}
        assert (await http.get("/v1/items", headers=admin)).json() == whole


async def test_deliveries_that_are_under_way_export_what_people_wrote(
    http: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    transfer = {"id": "TR-1", "source": "W1", "destination": "C1",
                "ordered": [{"item": ITEM, "quantity": 4}]}  # fmt: skip
    await http.put("/v1/transfers/TR-1", json=transfer, headers=admin)
    for form, headers in (("csv", CSV), ("json", {})):
        exported = await http.get(f"/v1/export/transfers?format={form}", headers=admin)
        done = await http.post("/v1/import/transfers", content=exported.content,
                               headers=admin | headers)  # fmt: skip
        assert done.json() == {"changed": 0}, done.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/import/items", b"[]"),
        ("/v1/import/items", b'{"items":{}}'),
        ("/v1/import/items", b'{"items":[],"asns":[]}'),
        ("/v1/import", b"[]"),
        ("/v1/import", b'{"colours":[]}'),
        ("/v1/import", b'{"items":null}'),
        ("/v1/import", b'{"network":[]}'),
        ("/v1/import/network", b"{}"),
    ],
)
async def test_what_is_no_import_is_refused(
    http: httpx.AsyncClient, admin: dict[str, str], path: str, body: bytes
) -> None:
    response = await http.post(path, content=body, headers=admin)
    assert response.status_code in {404, 422}, response.text
    assert code_of(response) in {"malformed", "not_found"}


@pytest.mark.parametrize(
    ("role", "kinds", "status"),
    [
        ("planner", {"items", "prices", "network"}, 200),
        ("planner", {"items", "holds"}, 403),
        ("compliance", {"holds"}, 200),
        ("compliance", {"network"}, 403),
        ("picker", {"items"}, 403),
        ("read-only", {"counts"}, 403),
        ("read-only", set(), 200),
    ],
)
async def test_an_import_of_many_kinds_asks_for_the_right_of_each(
    http: httpx.AsyncClient, admin: dict[str, str], role: str, kinds: set[str], status: int
) -> None:
    await http.put("/v1/users/ann", json={"role": role, "warehouses": None}, headers=admin)
    made = await http.post(
        "/v1/users/ann/tokens",
        json={"expires_in_days": 1},
        headers=admin | {"Idempotency-Key": "t"},
    )
    body = {kind: {"format": "forepost-network/1"} if kind == "network" else [] for kind in kinds}
    response = await http.post(
        "/v1/import", content=json.dumps(body), headers=bearer(made.json()["token"])
    )
    assert response.status_code == status, response.text
