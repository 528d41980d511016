"""People with handhelds, who work for as long as a test makes trouble."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from random import Random

from tests.rigs.fault_site import receive, waste
from tests.rigs.handheld import Handheld


def work(pda: Handheld, place: str, random: Random, is_over: threading.Event) -> None:
    """Receive goods and throw some away, a few times a second, until it is over."""
    in_stock = n_scans = 0
    while not is_over.wait(random.choice([0.01, 0.05, 0.1])):
        quantity = random.randint(1, 10)
        if in_stock >= quantity and random.random() < 0.4:
            waste(pda, quantity, place)
            in_stock -= quantity
        else:
            receive(pda, quantity, place)
            in_stock += quantity
        n_scans += 1
        if n_scans % 100 == 0:
            pda.resend()


@contextlib.contextmanager
def working(seed: int, **handhelds: Handheld) -> Iterator[None]:
    """People at work, each at a place, for the time of the context."""
    is_over = threading.Event()
    people = [
        threading.Thread(target=work, args=(pda, place, Random(f"{seed}{place}"), is_over))
        for place, pda in handhelds.items()
    ]
    for person in people:
        person.start()
    try:
        yield
    finally:
        is_over.set()
        for person in people:
            person.join()
