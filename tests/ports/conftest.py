"""What a test leaves open is found by the collector at the end of its module, and not within
somebody else's: an unclosed socket or a forgotten task is a warning, a warning is a failure."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def collected() -> Iterator[None]:
    yield
    gc.collect()
