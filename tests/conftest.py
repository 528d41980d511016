"""What holds for every test: how examples are drawn, and where garbage is looked for.

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
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from tests.rigs import tier

settings.register_profile(
    "forepost",
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
