"""A projector on a journal of a test's."""

from __future__ import annotations

from gateway.ports import Clock
from gateway.services.projector import Projector, QueryableJournal
from gateway.services.supervisor import Heartbeats
from gateway.services.trigger_watch import TriggerWatch
from tests.rigs.exceptions import keeper


def projector_on(journal: QueryableJournal, clock: Clock, watching: TriggerWatch) -> Projector:
    """One of gateway gw-J1 at J1."""
    return Projector(
        journal=journal,
        warehouse="J1",
        watch=watching,
        exceptions=keeper(journal, clock),
        heartbeats=Heartbeats(clock),
    )
