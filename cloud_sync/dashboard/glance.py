"""Every warehouse in a few numbers: what is worth how much, how long it lasts, what is amiss.

The sums go over all stock, all items and all policies, so they are made once for everybody who
looks: stock at most `STOCK_S` old, master data at most `MASTER_S`. Arithmetic runs in a thread.
What one reader's turn makes, all see: it is read beyond the scope of that one (store/wall.py), and
each page takes out of it what its own reader may see.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from cloud_sync.contract import documents as doc
from cloud_sync.contract import master as own
from cloud_sync.dashboard.views import text_of
from cloud_sync.demand.worth import best_terms
from cloud_sync.service.context import Context
from cloud_sync.store.glances import (
    Expiring,
    Holding,
    count_open,
    read_contents,
    read_expiring,
    read_holdings,
)
from cloud_sync.store.ports import Transaction
from cloud_sync.store.pulse import Pulse, read_pulse
from cloud_sync.store.usable_lots import day_at
from cloud_sync.store.wall import around_request

STOCK_S: Final = 5.0
MASTER_S: Final = 60.0
NEAR_DAYS: Final = 3
"""A lot is expiring from so many days before its last one on."""
GONE_DAYS: Final = 30
"""How long lots are told of whose last day is over."""
_ZONES: Final = ("ambient", "refrigerated", "frozen")


@dataclass(frozen=True, slots=True)
class Master:
    """What the office keeps, as far as sums need it. demand_g: grams a day, by warehouse and
    item."""

    items: Mapping[str, doc.Item]
    warehouses: Mapping[str, own.Warehouse]
    costs: Mapping[str, tuple[int, str]]
    demand_g: Mapping[tuple[str, str], float]

    def name(self, item: str, language: str) -> str:
        """What an item is called; its GTIN where nobody says."""
        known = self.items.get(item)
        return item if known is None else text_of(known.names, language)

    def zone(self, item: str) -> str:
        """The temperature class of an item, "" where nobody says."""
        known = self.items.get(item)
        return "" if known is None else known.zone

    def time_zone(self, warehouse: str) -> str:
        """The clock of a warehouse."""
        known = self.warehouses.get(warehouse)
        return "UTC" if known is None else known.time_zone


@dataclass(slots=True)
class ZoneSums:
    """One zone of a warehouse. worth_minor: at cost, by currency. grams_per_day: of demand."""

    zone: str
    worth_minor: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    grams: int = 0
    grams_per_day: float = 0.0
    n_items: int = 0
    n_expiring: int = 0
    n_expired: int = 0

    @property
    def cover_days(self) -> float | None:
        """How long what is there lasts at the demand of the policies, by weight; None: for ever,
        or nobody knows the demand."""
        return self.grams / self.grams_per_day if self.grams_per_day > 0 else None


@dataclass(frozen=True, slots=True)
class Glance:
    """One warehouse. contact_us: when its gateways were heard of, None: never. open_kinds: the
    number of open exceptions by kind."""

    warehouse: str
    name: str
    time_zone: str
    contact_us: int | None
    zones: Sequence[ZoneSums]
    open_kinds: Mapping[str, int]

    @property
    def n_open(self) -> int:
        """All open exceptions."""
        return sum(self.open_kinds.values())

    def n_of(self, *kinds: str) -> int:
        """Open exceptions of some kinds."""
        return sum(self.open_kinds.get(kind, 0) for kind in kinds)

    @property
    def worth_minor(self) -> dict[str, int]:
        """What all zones are worth, by currency."""
        return add_up(it.worth_minor for it in self.zones)

    @property
    def n_expiring(self) -> int:
        """Lots near their last day."""
        return sum(it.n_expiring for it in self.zones)

    @property
    def n_expired(self) -> int:
        """Lots behind it."""
        return sum(it.n_expired for it in self.zones)


def add_up(sums: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Amounts of several currencies, each for itself, the largest first."""
    total: dict[str, int] = defaultdict(int)
    for each in sums:
        for currency, minor in each.items():
            total[currency] += minor
    return dict(sorted(total.items(), key=lambda it: -it[1]))


@dataclass(frozen=True, slots=True)
class _Stock:
    holdings: Sequence[Holding]
    expiring: Sequence[Expiring]
    open_kinds: Mapping[tuple[str, str], int]
    pulse: Pulse


def make_glances(
    master: Master,
    holdings: Iterable[Holding],
    expiring: Iterable[Expiring],
    open_kinds: Mapping[tuple[str, str], int],
    contacts_us: Mapping[str, int],
    *,
    now_us: int,
) -> dict[str, Glance]:
    """The warehouses by id: those that the office knows, and those with a gateway.

    Pieces weigh what their item says; of an item that nobody knows, grams alone count.
    """
    zones: dict[str, dict[str, ZoneSums]] = {it: {} for it in {*master.warehouses, *contacts_us}}

    def sums(warehouse: str, item: str) -> ZoneSums:
        zone = master.zone(item)
        return zones.setdefault(warehouse, {}).setdefault(zone, ZoneSums(zone))

    counted: set[tuple[str, str]] = set()
    for it in holdings:
        into, about = sums(it.warehouse, it.item), master.items.get(it.item)
        if (it.warehouse, it.item) not in counted and it.quantity > 0:
            counted.add((it.warehouse, it.item))
            into.n_items += 1
        per_unit = about.grams_per_unit if about is not None else 0
        grams = it.quantity if it.unit == "g" else it.quantity * per_unit
        if it.status == "available":
            into.grams += grams
        cost, currency = master.costs.get(it.item, (0, ""))
        if currency and it.unit == "EA":
            into.worth_minor[currency] += it.quantity * cost
        elif currency and per_unit:
            into.worth_minor[currency] += round(it.quantity * cost / per_unit)
    for (warehouse, item), grams_per_day in master.demand_g.items():
        if warehouse in zones and item in master.items:
            sums(warehouse, item).grams_per_day += grams_per_day
    for lot in expiring:
        today = day_at(now_us, master.time_zone(lot.warehouse))
        into = sums(lot.warehouse, lot.item)
        if lot.expiry < today:
            into.n_expired += 1
        elif lot.expiry <= str(date.fromisoformat(today) + timedelta(NEAR_DAYS)):
            into.n_expiring += 1
    return {
        warehouse: Glance(
            warehouse,
            known.name if (known := master.warehouses.get(warehouse)) else warehouse,
            master.time_zone(warehouse),
            contacts_us.get(warehouse) or None,
            sorted(zones[warehouse].values(), key=lambda it: _rank(it.zone)),
            {kind: n for (where, kind), n in sorted(open_kinds.items()) if where == warehouse},
        )
        for warehouse in sorted(zones)
    }


def _rank(zone: str) -> tuple[int, str]:
    return (_ZONES.index(zone) if zone in _ZONES else len(_ZONES), zone)


class Glances:
    """The warehouses of this process's cloud, reckoned once for all who look."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reckoning = asyncio.Lock()
        self._master: tuple[float, Master] | None = None
        self._glances: tuple[float, dict[str, Glance]] | None = None

    async def master(self) -> Master:
        """Items, warehouses, costs and demand."""
        async with self._reckoning:
            return await self._fresh_master()

    async def all(self) -> Mapping[str, Glance]:
        """All warehouses; who asks sees those in scope only."""
        async with self._reckoning:
            now_s = asyncio.get_running_loop().time()
            if self._glances is None or now_s - self._glances[0] >= STOCK_S:
                master, now_us = await self._fresh_master(), self._context.wall_us()
                with around_request():
                    stock = await self._context.database.read(_StockQuestion(now_us))
                made = await asyncio.to_thread(
                    make_glances,
                    master,
                    stock.holdings,
                    stock.expiring,
                    stock.open_kinds,
                    stock.pulse.contacts_us,
                    now_us=now_us,
                )
                self._glances = now_s, made
            return self._glances[1]

    async def _fresh_master(self) -> Master:
        now_s = asyncio.get_running_loop().time()
        if self._master is None or now_s - self._master[0] >= MASTER_S:
            with around_request():
                contents = await self._context.database.read(_read_master)
            self._master = now_s, await asyncio.to_thread(_make_master, *contents)
        return self._master[1]


@dataclass(frozen=True, slots=True)
class _StockQuestion:
    now_us: int

    async def __call__(self, tx: Transaction) -> _Stock:
        today = date.fromisoformat(day_at(self.now_us, None))
        since, until = today - timedelta(GONE_DAYS), today + timedelta(NEAR_DAYS + 1)
        return _Stock(
            await read_holdings(tx),
            await read_expiring(tx, since=str(since), until=str(until)),
            await count_open(tx),
            await read_pulse(tx),
        )


async def _read_master(tx: Transaction) -> tuple[list[str], list[str], list[str], list[str]]:
    return (
        await read_contents(tx, doc.ITEM),
        await read_contents(tx, own.WAREHOUSE),
        await read_contents(tx, own.SUPPLY),
        await read_contents(tx, doc.POLICY),
    )


def _make_master(
    items: Sequence[str], places: Sequence[str], supplies: Sequence[str], policies: Sequence[str]
) -> Master:
    known = {it.gtin: it for it in map(doc.Item.model_validate_json, items)}
    terms = best_terms(map(own.Supply.model_validate_json, supplies))
    demand_g = {
        (it.warehouse, it.gtin): it.demand_units_per_day * known[it.gtin].grams_per_unit
        for it in map(doc.Policy.model_validate_json, policies)
        if it.gtin in known
    }
    return Master(
        known,
        {it.id: it for it in map(own.Warehouse.model_validate_json, places)},
        {gtin: (it.cost_minor, it.currency) for gtin, it in terms.items()},
        demand_g,
    )
