"""`make test` runs each method a few times; what is marked `full` waits for `make test-faults`."""

from __future__ import annotations

import pytest

from tests.rigs import tier


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "full: only in make test-faults and test-faults-long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if tier.chosen() != "quick":
        return
    left_out = [item for item in items if item.get_closest_marker("full") is not None]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
