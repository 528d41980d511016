"""An ordinary hour: what workers do without an order from the office, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.week import papers
from tests.week.book import AVAILABLE, DAMAGED, Goods
from tests.week.work import RECORDED, Worker

Errand = Callable[["Chance", Worker], None]


class Chance:
    """Errands at one warehouse."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self._n_sales = 0

    def hour(self, worker: Worker, n: int) -> None:
        """So many errands, one after the other."""
        for _ in range(n):
            self.rng.choice(ERRANDS)(self, worker)
        worker.pda.settle()

    def bin_for(self, goods: Goods) -> str:
        """A bin in which it may stand."""
        zone = papers.SHOWN[goods.item][1]
        return self.rng.choice([each for each in papers.BINS if papers.ZONES[each[0]] == zone])

    def on_shelf(self, worker: Worker) -> tuple[Goods, str, int] | None:
        """Something that stands in a bin and may be sold, and how much."""
        truth = worker.book.truth()
        found = [
            (Goods(key.item, key.lot or None, key.unit), key.location, min(n, truth[key]))
            for key, n in worker.book.where(
                lambda key: key.warehouse == worker.warehouse and key.location in papers.BINS
            )
            if key.status == AVAILABLE and min(n, truth[key]) > 0
        ]
        return self.rng.choice(found) if found else None

    def some_of(self, goods: Goods, quantity: int) -> int:
        """A part of it, never all of what is weighed."""
        return self.rng.randint(1, max(1, min(quantity, 4 if goods.unit == "EA" else 900)))

    def bring(self, worker: Worker) -> None:
        """Goods without papers."""
        goods = self.rng.choice(papers.EVERYTHING)
        quantity = self.rng.randint(1, 9) * (1 if goods.unit == "EA" else 250)
        temperature = -18.5 if goods.item == papers.PEAS else None
        worker.receive(
            goods, quantity, location=self.bin_for(goods), temperature_c=temperature,
            expected=RECORDED,
        )  # fmt: skip

    def bring_at_a_run(self, worker: Worker) -> None:
        """Piece by piece, faster than the answers come."""
        goods = self.rng.choice((papers.R1, papers.M2, papers.E0))
        place = self.bin_for(goods)
        worker.is_waiting = False
        for _ in range(self.rng.randint(8, 15)):
            worker.receive(goods, 1, location=place, expected=RECORDED)
        worker.is_waiting = True
        worker.catch_up()

    def carry(self, worker: Worker) -> None:
        """From bin to bin."""
        if (found := self.on_shelf(worker)) is not None:
            goods, place, n = found
            worker.move(
                goods, self.some_of(goods, n), place, self.bin_for(goods), expected=RECORDED
            )

    def carry_by_mistake(self, worker: Worker) -> None:
        """And back: it was the wrong bin."""
        if (found := self.on_shelf(worker)) is not None:
            goods, place, n = found
            worker.move(
                goods, self.some_of(goods, n), place, self.bin_for(goods), expected=RECORDED
            )
            worker.undo()

    def throw_away(self, worker: Worker) -> None:
        if (found := self.on_shelf(worker)) is not None:
            goods, place, n = found
            worker.waste(goods, self.some_of(goods, n), place, expected=RECORDED)

    def drop(self, worker: Worker) -> None:
        """One falls, is seen to be broken, and is thrown away, or waits for it."""
        if (found := self.on_shelf(worker)) is not None:
            goods, place, n = found
            n = self.some_of(goods, n)
            worker.inspect(goods, n, place, condition="damaged", expected=RECORDED)
            if self.rng.random() < 0.5:
                worker.waste(goods, n, place, status=DAMAGED, expected=RECORDED)

    def sell(self, worker: Worker) -> None:
        """Over the counter: an order that this gateway never heard of."""
        if (found := self.on_shelf(worker)) is not None:
            goods, place, n = found
            n = self.some_of(goods, n)
            self._n_sales += 1
            order = f"COUNTER-{worker.warehouse}-{self._n_sales}"
            worker.pick(goods, n, place, order, expected=RECORDED)
            worker.ship(goods, n, order, expected=RECORDED)

    def take_back(self, worker: Worker) -> None:
        goods = self.rng.choice((papers.R1, papers.T1, papers.E0))
        condition = self.rng.choice(("good", "damaged", "suspect"))
        worker.take_back(goods, 1, condition=condition, location="A-03", expected=RECORDED)

    def steal(self, worker: Worker) -> None:
        """Somebody takes a piece, and nobody scans it."""
        if (found := self.on_shelf(worker)) is not None:
            goods, place, _ = found
            worker.lose(worker.key(place, goods))

    def count_badly(self, worker: Worker) -> None:
        """A bin is counted, and one piece too many or too few is said."""
        if (found := self.on_shelf(worker)) is not None:
            _, place, _ = found
            self.count(worker, place, by=self.rng.choice((-1, 0, 1)))

    def count(self, worker: Worker, place: str, *, by: int = 0, task: str | None = None) -> None:
        """All that may be sold at a place, as it really is; the first key wrong by so much."""
        for key, n in sorted(worker.book.truth().items()):
            is_here = key[:2] == (worker.warehouse, place) and key.status == AVAILABLE
            if is_here and n > 0:
                worker.count(
                    Goods(key.item, key.lot or None, key.unit), max(0, n + by), place, task
                )
                by = 0
        worker.close_count(place, task)


ERRANDS: tuple[Errand, ...] = (
    Chance.bring, Chance.bring, Chance.bring_at_a_run, Chance.carry, Chance.carry,
    Chance.carry_by_mistake, Chance.throw_away, Chance.drop, Chance.sell, Chance.sell,
    Chance.take_back, Chance.steal, Chance.count_badly,
)  # fmt: skip
