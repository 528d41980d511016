"""A cloud with a day's life in it, filled through its own doors: what pages have to show.

Four warehouses in three countries, items of three zones with names in two languages, lots that
expire today, soon and late, a zone that was too warm, orders that will be late, tags nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from random import Random

import httpx

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract import master as own
from cloud_sync.contract.keys import gtin_check_digit
from cloud_sync.store.credentials import create_token, enrol_gateway, put_user
from cloud_sync.store.documents import EVERYBODY, OF_THE_CLOUD, Draft, put_documents
from cloud_sync.store.ports import Database
from cloud_sync.store.usable_lots import day_at
from tests.fakes.cloud_app import make_app
from tests.fakes.http_words import BATCHES, bearer
from tests.fakes.uploads import Book, event_id

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
PLACES = (
    ("C1", "Rotterdam", "NL", "Europe/Amsterdam", 51.92, 4.48),
    ("W1", "Berlin Ost", "DE", "Europe/Berlin", 52.52, 13.45),
    ("W2", "München", "DE", "Europe/Berlin", 48.14, 11.58),
    ("W3", "Wien", "AT", "Europe/Vienna", 48.21, 16.37),
)
GOODS = (
    ("Whole milk", "全脂牛奶", "refrigerated", 12),
    ("Plain yoghurt", "原味酸奶", "refrigerated", 21),
    ("Salted butter", "咸黄油", "refrigerated", 60),
    ("Young gouda", "嫩高达奶酪", "refrigerated", 45),
    ("Salmon fillet", "三文鱼片", "refrigerated", 6),
    ("Baby spinach", "嫩菠菜", "refrigerated", 7),
    ("Strawberries", "草莓", "refrigerated", 5),
    ("Garden peas", "青豌豆", "frozen", 540),
    ("Pork dumplings", "猪肉水饺", "frozen", 365),
    ("Vanilla ice cream", "香草冰淇淋", "frozen", 540),
    ("Jasmine rice", "茉莉香米", "ambient", 720),
    ("Wheat noodles", "小麦面条", "ambient", 540),
    ("Light soy sauce", "生抽酱油", "ambient", 900),
    ("Bananas", "香蕉", "ambient", 9),
)
SIZES = ("250 g", "500 g", "1 kg", "family", "organic", "6-pack")
SHELVES = {"refrigerated": "R", "frozen": "F", "ambient": "A"}
LIMITS = {"refrigerated": (0, 600), "frozen": (-3000, -1500), "ambient": (500, 2500)}
SET_POINT = {"refrigerated": (400, 8500), "frozen": (-1950, 6000), "ambient": (1850, 5500)}


def gtin_of(number: int) -> str:
    """A GTIN under GS1's prefix for examples."""
    body = f"09506000{number:05d}"
    return body + gtin_check_digit(body)


@dataclass
class ShownCloud:
    """What was put into a cloud, and the way in. tokens: by user."""

    database: Database
    now_us: int
    n_items: int
    chance: Random = field(default_factory=lambda: Random(7))
    tokens: dict[str, str] = field(default_factory=dict)

    def items(self) -> list[doc.Item]:
        """What the warehouses trade in."""
        found = []
        for n in range(self.n_items):
            name, name_zh, zone, days = GOODS[n % len(GOODS)]
            size = SIZES[n // len(GOODS) % len(SIZES)]
            edition = n // (len(GOODS) * len(SIZES))
            tail = f" {size}" + (f" no. {edition + 1}" if edition else "")
            found.append(
                doc.Item(
                    gtin=gtin_of(n),
                    sku=f"SKU-{n:04d}",
                    names={"en": name + tail, "zh": name_zh + tail},
                    zone=zone,
                    grams_per_unit=(250, 500, 1000, 1500, 400, 900)[n % 6],
                    case_pack_units=12,
                    shelf_life_days=days,
                )
            )
        return found

    async def fill(self) -> None:
        """Everything."""
        await self.let_users_in()
        items = self.items()
        await self.database.transact(partial(put_documents, drafts=list(self._drafts(items))))
        app = make_app(self.database, wall_us=lambda: self.now_us)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://cloud") as http:
            for n, (warehouse, *_) in enumerate(PLACES):
                await self._send(http, self._journal(n, warehouse, items), warehouse)
            await self._orders(http, items)

    async def let_users_in(self) -> None:
        """Users of several roles and scopes."""
        for name, role, scope in (
            ("admin", "admin", None),
            ("ana", "supervisor", None),
            ("bo", "planner", None),
            ("berlin", "supervisor", frozenset({"W1"})),
        ):
            await self.database.transact(
                partial(put_user, name=name, role=role, scope=scope, now_us=self.now_us)
            )
            self.tokens[name] = await self.database.transact(
                partial(create_token, name=name, role=role, now_us=self.now_us)
            )

    def _drafts(self, items: list[doc.Item]) -> Iterator[Draft]:
        def draft(kind: str, key: str, content: object, warehouse: str) -> Draft:
            data = content.model_dump(exclude_none=True)  # type: ignore[attr-defined]
            return Draft(kind, key, warehouse, data)

        for item in items:
            yield draft(doc.ITEM, item.gtin, item, EVERYBODY)
            supply = own.Supply(
                supplier="S1", gtin=item.gtin, lead_time_days=2,
                cost_minor=80 + int(item.gtin[-5:-1]) % 400, currency="EUR",
            )  # fmt: skip
            yield draft(own.SUPPLY, f"S1.{item.gtin}", supply, OF_THE_CLOUD)
        for name, city, country, zone, latitude, longitude in PLACES:
            place = own.Warehouse(
                id=name, name=city, country=country, time_zone=zone, latitude=latitude,
                longitude=longitude, zones=list(SHELVES),
            )  # fmt: skip
            yield draft(own.WAREHOUSE, name, place, EVERYBODY)
            for kept, (low, high) in LIMITS.items():
                limits = doc.Climate(
                    warehouse=name, zone=kept, low_centi_c=low, high_centi_c=high,
                    duration_s=600, hysteresis_centi_c=20,
                )  # fmt: skip
                yield draft(doc.CLIMATE, f"{name}.{kept}", limits, name)
            for item in items:
                demand = 4.0 + int(item.gtin[-4:-1]) % 17
                policy = doc.Policy(
                    warehouse=name, gtin=item.gtin, demand_units_per_day=demand,
                    demand_sd_units_per_day=demand / 4, reorder_point_units=int(3 * demand),
                    lead_time_days=2,
                )  # fmt: skip
                yield draft(doc.POLICY, f"{name}.{item.gtin}", policy, name)
            count = doc.Count(
                id=f"count-{name}", warehouse=name, zones=["refrigerated"],
                due_at_us=self.now_us + 5 * HOUR_US,
            )  # fmt: skip
            yield draft(doc.COUNT, count.id, count, name)
            asn = doc.Asn(
                id=f"asn-{name}", warehouse=name, source="@supplier", status="dispatched",
                expected_at_us=self.now_us + 9 * HOUR_US,
                ordered=[doc.ShipmentLine(item=it.gtin, quantity=48) for it in items[:3]],
            )  # fmt: skip
            yield draft(doc.ASN, asn.id, asn, name)

    def _journal(self, place: int, warehouse: str, items: list[doc.Item]) -> Book:
        epoch = f"00000000-0000-7000-8000-0000000000{place + 16:02x}"
        book = Book(f"gw-{warehouse}", warehouse, epoch=epoch)
        writer = _Writer(book, place)
        start_us = self.now_us - 26 * HOUR_US
        for n, item in enumerate(items):
            if (n + place) % 11:
                self._receive(writer, item, n, start_us + n * MINUTE_US // 4)
        self._climate(writer, is_warm=warehouse == "W2")
        for n, item in enumerate(items[:40]):
            self._work(writer, item, n)
        if warehouse != "W3":
            writer.write(
                ev.SENSOR_FAULT, self.now_us - 3 * HOUR_US, zone="frozen", device="xy-2",
                body={"kind": "silent", "reason": "no reading for 15 min"},
            )  # fmt: skip
        return book

    def _receive(self, writer: _Writer, item: doc.Item, n: int, at_us: int) -> None:
        shelf = f"{SHELVES[item.zone]}-{n % 37 + 1:02d}"
        days = item.shelf_life_days or 30
        for i_lot in range(2):
            left = min(days, (n * 3 + i_lot * 5) % 12) if days < 60 else days - i_lot * 30
            lot = f"L{n:04d}{'AB'[i_lot]}"
            expiry = day_at(self.now_us + left * DAY_US - (DAY_US if n % 29 == 0 else 0), None)
            body = {"item": item.gtin, "lot": lot, "expiry": expiry}
            writer.write(ev.LOT_CREATED, at_us, body=body)
            quantity = self.chance.randrange(10, 70)
            writer.write(
                ev.GOODS_RECEIVED, at_us, lines=(_line(item, lot, "@supplier", shelf, quantity),)
            )

    def _work(self, writer: _Writer, item: doc.Item, n: int) -> None:
        shelf = f"{SHELVES[item.zone]}-{n % 37 + 1:02d}"
        at_us = self.now_us - (41 - n) * 9 * MINUTE_US
        sold = _line(item, f"L{n:04d}A", shelf, "@customer", 1 + n % 4)
        writer.write(
            ev.GOODS_SHIPPED, at_us, lines=(sold,), worker=f"w{n % 4 + 1}",
            documents=(ev.Document(type="order", id=f"o-{n:03d}"),),
        )  # fmt: skip
        if n % 13 == 5:
            wasted = _line(item, f"L{n:04d}B", shelf, "@waste", 2)
            writer.write(ev.STOCK_WASTED, at_us, lines=(wasted,), body={"reason": "damaged"})
        if n % 17 == 3:
            gone = _line(item, "L9999Z", shelf, "@customer", 3)
            writer.write(ev.GOODS_SHIPPED, at_us, lines=(gone,), worker="w1")

    def _climate(self, writer: _Writer, *, is_warm: bool) -> None:
        for step in range(24 * 6):
            at_us = self.now_us - (24 * 6 - step) * 10 * MINUTE_US
            for n, (zone, (centi_c, centi_pct)) in enumerate(SET_POINT.items()):
                swing = self.chance.gauss(0, 25)
                if is_warm and zone == "refrigerated" and 90 <= step < 112:
                    swing += 380
                measured = {
                    "temperature_centi_c": _window(round(centi_c + swing)),
                    "humidity_centi_pct": _window(round(centi_pct + self.chance.gauss(0, 120))),
                    "n": 1,
                }
                writer.write(ev.CLIMATE_SAMPLED, at_us, zone=zone, device=f"xy-{n}", body=measured)
        if is_warm:
            since_us = self.now_us - 54 * 10 * MINUTE_US
            body = {"since_us": since_us, "temperature_centi_c": _window(780), "kind": "above"}
            writer.write(
                ev.EXCURSION_STARTED, since_us, zone="refrigerated", device="xy-0", body=body
            )

    async def _send(self, http: httpx.AsyncClient, book: Book, warehouse: str) -> None:
        enrol = partial(
            enrol_gateway, gateway=book.gateway, warehouse=warehouse, now_us=self.now_us
        )
        token = await self.database.transact(enrol)
        for first in range(1, len(book.bodies) + 1, 1000):
            content = book.batch(first, min(first + 999, len(book.bodies)))
            answer = await http.post(BATCHES, content=content, headers=bearer(token))
            assert answer.status_code == 200, answer.text

    async def _orders(self, http: httpx.AsyncClient, items: list[doc.Item]) -> None:
        for n in range(6):
            age_h = (70, 60, 50, 20, 4, 1)[n]
            body = {
                "id": f"web-{n:03d}",
                "platform": "shop",
                "market": "DE",
                "ordered_at_us": self.now_us - age_h * HOUR_US,
                "currency": "EUR",
                "distances_m": {"W1": 4000, "W2": 500_000, "C1": 600_000},
                "lines": [
                    {"item": items[n].gtin, "quantity": 2 + 400 * (n == 4), "price_minor": 249}
                ],
            }
            answer = await http.post("/v1/orders", json=body, headers=bearer(self.tokens["admin"]))
            assert answer.status_code == 201, answer.text


@dataclass
class _Writer:
    """Appends events with ids of their own to a book."""

    book: Book
    place: int

    def write(
        self,
        kind: str,
        at_us: int,
        *,
        device: str = "pda-1",
        zone: str | None = None,
        worker: str | None = None,
        lines: tuple[ev.Line, ...] = (),
        documents: tuple[ev.Document, ...] = (),
        body: dict[str, object] | None = None,
    ) -> None:
        event = ev.Event(
            event_id=event_id((self.place + 1 << 24) + len(self.book.bodies)),
            type=kind,
            version=1,
            occurred_at_us=at_us,
            received_at_us=at_us,
            warehouse=self.book.warehouse,
            device=ev.DeviceMark(id=device),
            zone=zone,
            worker=worker,
            lines=lines,
            documents=documents,
            body=body or {},
        )
        self.book.write(ev.encode_event(event))


def _line(item: doc.Item, lot: str, source: str, target: str, quantity: int) -> ev.Line:
    return ev.Line(
        item=item.gtin, lot=lot, from_location=source, to_location=target, quantity=quantity
    )


def _window(mean: int) -> dict[str, int]:
    return {"min": mean - 10, "mean": mean, "max": mean + 10}
