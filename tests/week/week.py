"""One week: three warehouses, the cloud, the office, two workers at each, and the ledger."""

from __future__ import annotations

import contextlib
import datetime
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.rigs.cloud import CloudProcess
from tests.week import papers, symbols
from tests.week.book import AVAILABLE, Book, Goods, key_of
from tests.week.chance import Chance
from tests.week.handheld import Answer, Board, Handheld
from tests.week.office import Office
from tests.week.programs import PATIENCE_S, Site
from tests.week.work import RECORDED, Worker

DAY_US = 86_400_000_000
Wanted = list[tuple[str, int, str]]
"""Item, quantity and unit of an order's lines."""


class Stop(NamedTuple):
    """Where a picker goes, and for what."""

    place: str
    goods: Goods
    quantity: int


def _stops_in(answer: Answer) -> list[Stop]:
    rows = answer["stops"]
    assert isinstance(rows, list)
    return [
        Stop(row["location"], Goods(row["item"], row.get("lot"), row["unit"]), row["quantity"])
        for row in rows
    ]


class Week:
    """errands: how many each warehouse has in an hour of its own."""

    def __init__(self, directory: Path, seed: int, errands: int) -> None:
        self.rng = random.Random(seed)
        self.errands = errands
        self.cloud = CloudProcess(directory)
        self.sites = {each: Site(directory, self.cloud, each) for each in papers.WAREHOUSES}
        token = self.cloud.token("tokens", "create", "office", "--role", "admin")
        self.cloud.start()
        self.office = Office(self.cloud.url, token, random.Random(seed))
        self.book = Book()
        self.chance = Chance(self.rng)
        self.catalogue = papers.catalogue(datetime.datetime.now(datetime.UTC).date())
        self.boards: dict[str, Board] = {}
        self.workers: dict[str, tuple[Worker, Worker]] = {}
        self._n_boxes = 100
        self.unusable: set[Goods] = set()
        self.sent: Counter[tuple[str, str]] = Counter()
        """Units by parcel and item."""
        for each, site in self.sites.items():
            site.connect(self.cloud)
            site.power_on()
            self.boards[each] = Board(site.port, each)
            self.workers[each] = (self._worker(site, 1), self._worker(site, 2))

    def _worker(self, site: Site, n: int) -> Worker:
        """The second one's PDA has a wrong clock, a bad radio, and forgets what it was told."""
        pda = Handheld(site.port, site.warehouse, f"pda-{n}", random.Random(self.rng.random()))
        if n == 2:
            pda.skew_us = self.rng.choice((-1, 1)) * self.rng.randrange(DAY_US, 9 * DAY_US)
            pda.repeats, pda.losses = 0.1, 0.02
        return Worker(pda, self.book, self.catalogue, f"w{n}")

    def hour(self, warehouse: str) -> None:
        """Errands, by one or the other."""
        for worker in self.workers[warehouse]:
            self.chance.hour(worker, self.errands)

    def order(
        self, name: str, distances_m: Mapping[str, int], wanted: Wanted, *,
        wait: bool = True, pickers: int = 1, short: int = 0,
    ) -> None:  # fmt: skip
        """A customer's order; unless `wait` is False, it is picked and sent wherever it goes."""
        made = self.office.write(
            "POST", "/v1/orders",
            {"id": name, "platform": "shop", "market": "DE", "currency": "EUR",
             "ordered_at_us": time.time_ns() // 1000, "distances_m": dict(distances_m),
             "lines": [{"item": item, "quantity": n, "unit": unit} for item, n, unit in wanted]},
        )  # fmt: skip
        if not wait:
            return
        parcels = made["parcels"]
        assert isinstance(parcels, list)
        assert parcels, f"{name}: nobody has it: {made}"
        for parcel in parcels:
            site = parcel["warehouse"]
            self.boards[site].until(parcel["parcel"])
            self.fulfil(self.workers[site][0], parcel["parcel"], short=short, second=(
                self.workers[site][1] if pickers == 2 else None))  # fmt: skip
            self.boards[site].until(parcel["parcel"], is_there=False)

    def stops(self, worker: Worker, parcel: str) -> list[Stop]:
        """The pick list, which must be in walking order and first expired first out."""
        _, answer = worker.say(RECORDED, None, type="start", id=parcel)
        stops = _stops_in(answer)
        walk = [papers.BINS[stop.place] for stop in stops]
        assert walk == sorted(walk), f"{parcel}: not in walking order: {stops}"
        self._must_be_fefo(worker, stops)
        return stops

    def _must_be_fefo(self, worker: Worker, stops: list[Stop]) -> None:
        """No lot is asked for while something is left of one that expires before it."""
        asked: Counter[Goods] = Counter()
        for stop in stops:
            asked[stop.goods] += stop.quantity
        there: Counter[Goods] = Counter()
        for key, n in self.book.balances().items():
            if key.warehouse == worker.warehouse and key.status == AVAILABLE:
                there[Goods(key.item, key.lot or None, key.unit)] += n * (
                    key.location in papers.BINS
                )
        for goods in asked:
            for other, n in there.items():
                if other.item == goods.item and other not in self.unusable:
                    is_earlier = self.catalogue.last_day(other) < self.catalogue.last_day(goods)
                    is_left = n > asked[other]
                    assert not (is_earlier and is_left), f"{other} goes before {goods}: {stops}"

    def fulfil(
        self, worker: Worker, parcel: str, *, short: int = 0, second: Worker | None = None
    ) -> None:
        """Pick a parcel as the list says, by one or two, pack it, and send it."""
        stops = self.stops(worker, parcel)
        taken: Counter[Goods] = Counter()
        pickers = [worker, second or worker]
        while stops:
            place, goods, quantity = stops.pop(0)
            for _ in range(min(short, quantity)):
                worker.lose(worker.key(place, goods))
            short = 0
            missing = quantity - max(0, self.book.truth()[worker.key(place, goods)])
            if missing > 0:
                stops = self._tell_short(worker, goods, missing, place, parcel)
                continue
            portions = [1] * quantity if goods.unit == "EA" and quantity < 5 else [quantity]
            for i, portion in enumerate(portions):
                pickers[i % 2].pick(goods, portion, place, parcel)
            taken[goods] += quantity
        box = symbols.sscc(self._n_boxes)
        self._n_boxes += 1
        for goods, quantity in taken.items():
            worker.pack(goods, quantity, parcel, box)
        worker.ship_unit(box, list(taken.items()), parcel)
        for goods, quantity in taken.items():
            self.sent[parcel, goods.item] += quantity

    def found(self, worker: Worker, goods: Goods, wanted: int) -> Iterator[tuple[str, int]]:
        """Where so many of some goods really stand, and how many at each place."""
        truth = self.book.truth()
        for place in papers.BINS:
            some = min(wanted, truth[worker.key(place, goods)])
            if some > 0:
                yield place, some
                wanted -= some

    def _tell_short(
        self, worker: Worker, goods: Goods, missing: int, place: str, parcel: str
    ) -> list[Stop]:
        """The picker does not find so many; the rest of the list comes anew."""
        _, answer = worker.say(
            RECORDED, self.catalogue.label(goods), type="short", id=parcel, location=place,
            quantity=missing, reason="not there",
        )  # fmt: skip
        return _stops_in(answer)

    def sweep(self, worker: Worker, place: str, goods: Goods) -> None:
        """All tags at a place, by a sled; what is not among them is not there."""
        key = key_of(worker.warehouse, place, goods)
        n = worker.book.truth()[key]
        reads = [
            {"epc": symbols.sgtin96(goods.item, serial), "antenna": 1, "rssi_dbm": -50.0,
             "count": 1}
            for serial in range(1, n + 1)
        ]  # fmt: skip
        scan = worker.pda.scan(
            None, channel="reads", reads=reads,
            task={"type": "count", "location": place, "worker": worker.worker},
        )  # fmt: skip
        answer = worker.pda.answer(scan)
        assert answer["message_key"] == "swept", answer
        entry = self.book.enter(scan.at_us)
        entry.counts[key] = n
        entry.sweeps = (worker.warehouse, place)

    def until_recalled(self, worker: Worker, goods: Goods) -> None:
        """Return once a PDA is told that a lot is recalled."""
        deadline = time.monotonic() + PATIENCE_S
        self.unusable.add(goods)
        while time.monotonic() < deadline:
            _, answer = worker.say(RECORDED, self.catalogue.label(goods), type="lookup")
            if answer.get("message_key") == "lot_recalled":
                return
        raise AssertionError(f"{worker.warehouse} was never told of {goods}: {answer}")

    def wrong_places(self, warehouse: str) -> list[str]:
        """Where the ledger is not what really stands there."""
        book, truth = self.book.balances(), self.book.truth()
        return sorted({
            key.location for key in {*book, *truth}
            if key.warehouse == warehouse and key.location in papers.BINS
            and book[key] != truth[key]
        })  # fmt: skip

    def close(self) -> None:
        """Everything that runs."""
        for each in self.workers.values():
            for worker in each:
                worker.pda.close()
        for board in self.boards.values():
            board.close()
        for site in self.sites.values():
            site.close()
        self.office.close()
        self.cloud.kill()


@contextlib.contextmanager
def week(directory: Path, seed: int, errands: int) -> Iterator[Week]:
    """A week for the time of the context."""
    it = Week(directory, seed, errands)
    try:
        yield it
    finally:
        it.close()
