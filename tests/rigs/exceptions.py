"""The exceptions queue's part in a projector under test."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from gateway.ports import Clock
from gateway.services.exception_keeper import ExceptionKeeper, ReadableJournal

_numbers = count(1)


def _new_id() -> str:
    return f"00000000-0000-7000-8000-e{next(_numbers):011x}"


def keeper(
    journal: ReadableJournal, clock: Clock, *, new_id: Callable[[], str] = _new_id
) -> ExceptionKeeper:
    """One of gateway gw-J1 at J1."""
    return ExceptionKeeper(
        journal=journal, gateway="gw-J1", warehouse="J1", clock=clock, new_id=new_id
    )
