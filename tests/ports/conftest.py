"""The suites' simulated networks may leave a socket half accepted when a loop ends; the collector
is to find it here and not in somebody else's test. What drivers leave is checked by descriptor."""

import gc
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
