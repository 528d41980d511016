"""How long goods may be on their way before somebody is told: for all, and from one warehouse to
another where that takes another time. Kept as one document, put as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.store.columns import text
from cloud_sync.store.ports import Transaction

HOUR_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Patience:
    """overdue_s: so much later than expected before anybody is told. untold_s: how long goods are
    taken to be on their way where no delivery says when it is expected."""

    overdue_s: int = 4 * HOUR_S
    untold_s: int = 48 * HOUR_S


@dataclass(frozen=True, slots=True)
class TransitRules:
    """What holds between all warehouses, and from a source to a destination."""

    usual: Patience = Patience()
    pairs: Mapping[tuple[str, str], Patience] = field(default_factory=dict)

    def between(self, source: str, destination: str) -> Patience:
        """What holds from one warehouse to another."""
        return self.pairs.get((source, destination), self.usual)


def rendered(rules: TransitRules) -> dict[str, object]:
    """The rules as they are told and kept."""
    return {
        **_seconds(rules.usual),
        "pairs": [
            {"source": source, "destination": destination, **_seconds(patience)}
            for (source, destination), patience in sorted(rules.pairs.items())
        ],
    }


def _seconds(patience: Patience) -> dict[str, int]:
    return {"overdue_s": patience.overdue_s, "untold_s": patience.untold_s}


async def read_rules(tx: Transaction) -> TransitRules:
    """The rules in force."""
    rows = await tx.fetch("select content from transit_rules where id = 1")
    if not rows:
        return TransitRules()
    kept = json.loads(text(rows[0][0]))
    return TransitRules(
        Patience(kept["overdue_s"], kept["untold_s"]),
        {
            (it["source"], it["destination"]): Patience(it["overdue_s"], it["untold_s"])
            for it in kept["pairs"]
        },
    )


async def put_rules(tx: Transaction, rules: TransitRules) -> None:
    """Put other rules in force."""
    await tx.execute_many(
        "insert into transit_rules(id, content) values (1, ?) "
        "on conflict (id) do update set content = excluded.content",
        [(ev.canonical(rendered(rules)).decode(),)],
    )
