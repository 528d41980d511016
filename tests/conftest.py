"""What holds for every test: its turn, how examples are drawn, where garbage is looked for.

What has been given more time than others comes first, single tests before files of many: else one
worker would begin the longest when the other has nothing left to do.

Hypothesis measures no time: how long one example takes is the machine's matter, and a second is
nothing where others work too. `make test` draws the same examples each time, so that it says the
same of the same code; the fault targets draw new ones.

The garbage collector looks at what tests leave behind, and not at what came before them. Five
thousand tests and all that they import are some two million objects that stay to the end. Python
looks through all of them whenever a quarter as many have come: an eighth of a run's processor
time, and pauses of seconds in which tests of time-outs see devices fall silent.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from tests.rigs import tier

settings.register_profile(
    "forepost",
    max_examples=tier.count(50, 200, 200),
    deadline=None,
    derandomize=tier.chosen() == "quick",
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("forepost")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    n_tests, last = Counter(item.path for item in items), len(items)

    def turn(item: pytest.Item) -> int:
        is_long = item.get_closest_marker("timeout") is not None
        return n_tests[item.path] if is_long else last

    items.sort(key=turn)
