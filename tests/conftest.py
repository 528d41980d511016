"""The garbage collector looks at what tests leave behind, and not at what came before them.

Five thousand tests and all that they import are some two million objects that stay to the end.
Python looks for garbage among all objects again whenever a quarter as many have come: without
this a run spends more than an eighth of its processor time looking where nothing is.
"""

from __future__ import annotations

import gc
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
