"""What most tests of whole programs stand on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.broker import Mosquitto, running_mosquitto


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker of the test's own, open to all."""
    store = tmp_path / "broker"
    store.mkdir()
    with running_mosquitto(store) as it:
        yield it
