"""Orders of the cloud's: the shop places them, workers pick, pack and send them by their lists.

A worker begins a parcel with `start`, walks the list that comes back, says what is not there, and
goes on with the new list; what was picked goes into one box, and the box to the rider. Receipts
are waited for between the steps, because a scan can overtake another on the air.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from device_sim.stage import check
from device_sim.stage.check import Row
from device_sim.stage.cloud import CloudApi
from device_sim.stage.crew import Worker, lines_of
from device_sim.world import Place, ScanOrder, Stop, World

LINES_MAX: Final = 3
UNITS_MAX: Final = 8
AGAIN_S: Final = 1.0
"""A parcel that could not be completed is tried again after this: goods may have come."""


@dataclass(slots=True)
class Shop:
    """Places customers' orders. distances_m: by warehouse."""

    cloud: CloudApi
    world: World
    random: Random
    distances_m: Mapping[str, int]
    placed: list[str] = field(default_factory=list)

    async def place(self, now_us: int) -> str:
        """One order of a few items; gives its id."""
        catalog = self.world.catalog
        weights = [item.popularity for item in catalog]
        items = self.random.choices(catalog, weights, k=self.random.randint(1, LINES_MAX))
        lines = [
            {"item": gtin, "quantity": self.random.randint(1, UNITS_MAX)}
            for gtin in dict.fromkeys(item.gtin for item in items)
        ]
        order = f"WEB-{self.world.label}{len(self.placed) + 1:04d}"
        await self.cloud.place_order(
            {
                "id": order,
                "platform": "shop",
                "market": "DE",
                "currency": "EUR",
                "ordered_at_us": now_us,
                "distances_m": dict(self.distances_m),
                "lines": lines,
            }
        )
        self.placed.append(order)
        return order


@dataclass(slots=True)
class Picker:
    """A worker at the pick lists of a warehouse. missed_share: of the stops, by oversight."""

    worker: Worker
    random: Random
    missed_share: float
    n_missed: int = 0
    n_boxes: int = 0
    out_of_turn: list[str] = field(default_factory=list)
    """Parcels whose list was not in walking order."""

    async def keep_picking(self) -> None:
        """Fill whatever orders there are, for ever."""
        news = self.worker.news
        while True:
            parcels = [each for each in self._parcels() if self._is_open(each)]
            for parcel in parcels:
                await self._fill(str(parcel["id"]))
            if parcels:
                await asyncio.sleep(AGAIN_S)
            else:
                news.clear()
                await news.wait()

    def _parcels(self) -> list[dict[str, object]]:
        return [task for task in self.worker.tasks if task.get("type") == "pick"]

    def _is_open(self, task: dict[str, object]) -> bool:
        """Whether the list asks for more than was sent already: it may be older than the box."""
        parcel, sent = str(task.get("id")), self.worker.sent
        return any(line.quantity > sent.get((parcel, line.item), 0) for line in lines_of(task))

    async def _fill(self, parcel: str) -> None:
        start = ScanOrder(None, {"type": "start", "id": parcel}, "asked")
        stops = stops_in((await self.worker.ask(start)).answer)
        self._note_turns(parcel, stops)
        picked: Counter[tuple[str, str]] = Counter()
        while stops:
            stop, *stops = stops
            units, is_missed = self._find(stop)
            if units:
                pick = self.worker.world.pick(self.worker.warehouse, parcel, stop, units)
                await self.worker.ask(pick)
                picked[stop.item, stop.lot] += units
            if units < stop.quantity:
                self.n_missed += is_missed
                short = self.worker.world.miss(parcel, stop, stop.quantity - units)
                stops = stops_in((await self.worker.ask(short)).answer)
                self._note_turns(parcel, stops)
        if picked:
            await self._send(parcel, picked)

    def _find(self, stop: Stop) -> tuple[int, bool]:
        """How many of what the list names are found, and whether they were merely not seen."""
        if self.random.random() < self.missed_share:
            return 0, True
        place = Place(self.worker.warehouse, stop.location, stop.item, stop.lot)
        return min(stop.quantity, max(0, self.worker.world.truth.get(place, 0))), False

    async def _send(self, parcel: str, picked: Mapping[tuple[str, str], int]) -> None:
        world, here = self.worker.world, self.worker.warehouse
        sscc = world.make_sscc()
        self.n_boxes += 1
        packs = [world.pack(parcel, goods, units, sscc) for goods, units in picked.items()]
        await self.worker.settle(packs)
        ship = world.ship(here, parcel, sscc, picked)
        for (item, _), units in picked.items():
            key = parcel, item
            self.worker.sent[key] = self.worker.sent.get(key, 0) + units
        await self.worker.ask(ship)

    def _note_turns(self, parcel: str, stops: Sequence[Stop]) -> None:
        places = [stop.location for stop in stops]
        if places != sorted(places):
            self.out_of_turn.append(f"{parcel}: {' '.join(places)}")


def stops_in(answer: Mapping[str, object] | None) -> list[Stop]:
    """The pick list in a result."""
    rows = answer.get("stops") if answer is not None else None
    if not isinstance(rows, list):
        return []
    return [
        Stop(str(row["location"]), str(row["item"]), str(row.get("lot") or ""), row["quantity"])
        for row in rows
    ]


def check_picking(
    orders: Sequence[Row], pickers: Iterable[Picker], shop: Shop
) -> list[check.Check]:
    """Every order was picked by its list and delivered, as the workers and the cloud have it."""
    crew = list(pickers)
    sent: dict[tuple[str, str], int] = {}
    for picker in crew:
        sent |= picker.worker.sent
    known = Counter(str(order.get("id")) for order in orders)
    lost = [f"{each}: {known[each]} times" for each in shop.placed if known[each] != 1]
    return [
        check.verdict("the cloud has every order once", lost),
        *check.check_orders(orders, sent),
        check.verdict(
            "pick lists were in walking order",
            (each for picker in crew for each in picker.out_of_turn),
        ),
    ]
