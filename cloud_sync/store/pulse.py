"""How far everything is, in three short reads: what pages ask to learn that something changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cloud_sync.store.columns import integer, text
from cloud_sync.store.ports import Transaction


@dataclass(frozen=True, slots=True)
class Pulse:
    """The end of the change feed, and by warehouse the batches taken and the last word of its
    gateways, µs (0: none yet)."""

    feed: int
    batches: Mapping[str, int]
    contacts_us: Mapping[str, int]


async def read_pulse(tx: Transaction) -> Pulse:
    """The pulse now. Reads one row per warehouse, and one per gateway."""
    ((feed,),) = await tx.fetch("select last from feed where id = 1")
    batches = await tx.fetch("select warehouse, n_batches from ledgers where warehouse <> ''")
    contacts = await tx.fetch(
        "select warehouse, max(coalesce(contact_at_us, 0)) from gateways group by warehouse"
    )
    return Pulse(
        integer(feed),
        {text(name): integer(n) for name, n in batches},
        {text(name): integer(at_us) for name, at_us in contacts},
    )
