"""What a journal said up to a row: stock, documents, lots, orders; folded anew from the events."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TypedDict, cast

Json = dict[str, object]


class Event(TypedDict, total=False):
    """The keys of an event that matter here."""

    event_id: str
    type: str
    warehouse: str
    occurred_at_us: int
    lines: list[Json]
    documents: list[Json]
    body: Json


NOT_FOLDED = {"count.observed", "event.corrected", "goods.transformed", "goods.inspected"}
"""Events whose effect on stock this checker does not know; with one of them it gives up."""


@dataclass
class Known:
    """The sum of a journal's first rows, at one warehouse."""

    warehouse: str
    stock: Counter[tuple[str, str]] = field(default_factory=Counter)
    lots: dict[tuple[str, str], str | None] = field(default_factory=dict)
    held: set[tuple[str, str]] = field(default_factory=set)
    documents: dict[str, dict[str, Json]] = field(default_factory=dict)
    ordered: dict[tuple[str, str], int] = field(default_factory=dict)
    received: Counter[tuple[str, str]] = field(default_factory=Counter)
    picked: Counter[tuple[str, str]] = field(default_factory=Counter)
    dropped: set[str] = field(default_factory=set)
    is_whole: bool = True

    def take(self, event: Event) -> None:
        """The next row."""
        kind, body = event["type"], event.get("body", {})
        self.is_whole &= kind not in NOT_FOLDED
        for line in event.get("lines", []):
            self._move(line, event)
        if kind == "lot.created":
            lot = str(body["item"]), str(body["lot"])
            self.lots.setdefault(lot, cast("str | None", body.get("expiry")))
        elif kind == "lot.held":
            self.held.add((str(body["item"]), str(body.get("lot") or "")))
        elif kind == "lot.released":
            self.held.discard((str(body["item"]), str(body.get("lot") or "")))
        elif kind == "document.changed":
            self._document(body)
        elif kind == "plan.proposed":
            self._order(str(body["plan_id"]), cast("list[Json]", body["lines"]))
        elif (
            kind == "plan.decided"
            and body.get("decision") in {"superseded", "rejected"}
            and body.get("plan_id")
        ):
            self.dropped.add(delivery_of(str(body["plan_id"])))

    def _move(self, line: Json, event: Event) -> None:
        item, lot, n = str(line["item"]), str(line.get("lot") or ""), int(str(line["quantity"]))
        for side, sign in (("from", -1), ("to", 1)):
            place = str(line[f"{side}_location"])
            is_good = line.get(f"{side}_status", "available") == "available"
            if is_good and place != "PACK" and not place.startswith("@"):
                self.stock[item, lot] += sign * n
        for document in event.get("documents", []):
            key = str(document["id"]), item
            if document["type"] == "asn":
                self.received[key] += n
            elif document["type"] == "order" and event["type"] == "goods.picked":
                self.picked[key] += n

    def _document(self, body: Json) -> None:
        kind, key, data = (
            str(body["kind"]),
            str(body["key"]),
            cast("Json | None", body.get("data")),
        )
        if kind == "asn":
            self.ordered = {it: n for it, n in self.ordered.items() if it[0] != key}
        if data is None:
            self.documents.get(kind, {}).pop(key, None)
            return
        self.documents.setdefault(kind, {})[key] = data
        if kind == "asn" and data["warehouse"] == self.warehouse:
            asked, sent = (
                sums(cast("list[Json]", data.get(it, []))) for it in ("ordered", "shipped")
            )
            is_done = data["status"] == "received"
            for item in asked.keys() | sent.keys():
                self.ordered[key, item] = 0 if is_done else max(asked[item], sent[item])

    def _order(self, plan_id: str, lines: list[Json]) -> None:
        for line in lines:
            self.ordered[delivery_of(plan_id), str(line["item"])] = int(str(line["quantity"]))

    def policy(self, item: str) -> Json | None:
        """How an item is kept here."""
        return self.documents.get("policy", {}).get(f"{self.warehouse}.{item}")

    def usable(self, item: str, day: str) -> dict[str, int]:
        """Units by lot that may be sold on a day."""
        holds = self.documents.get("hold", {}).values()
        return {
            lot: n
            for (of, lot), n in self.stock.items()
            if of == item
            and n
            and (self.lots.get((of, lot)) or "9999-12-31") >= day
            and not {(of, lot), (of, "")} & self.held
            and not any(it["item"] == of and it.get("lot") in (None, lot) for it in holds)
        }

    def position(self, item: str, day: str, without: Iterable[str]) -> int:
        """On hand and on order, less what is promised or will be waste."""
        lots = self.usable(item, day)
        gone = self.dropped | set(without)
        due = sum(
            max(0, n - self.received[key])
            for key, n in self.ordered.items()
            if key[1] == item and key[0] not in gone
        )
        asked = 0
        for key, order in self.documents.get("order", {}).items():
            if order.get("status", "open") == "open":
                wanted = sums(cast("list[Json]", order["lines"]))[item]
                asked += max(0, wanted - self.picked[key, item])
        return sum(lots.values()) + due - asked - self._waste(item, lots, day)

    def _waste(self, item: str, lots: Mapping[str, int], day: str) -> int:
        """Units that will be too old before their turn to be sold comes."""
        policy = self.policy(item)
        pace = float(str(policy["demand_units_per_day"])) if policy else 0.0
        queue = sorted(
            (expiry, n)
            for lot, n in lots.items()
            if n > 0 and (expiry := self.lots.get((item, lot)))
        )
        sold = waste = 0.0
        for expiry, n in queue:
            days = date.fromisoformat(expiry).toordinal() - date.fromisoformat(day).toordinal() + 1
            fits = min(n, max(0.0, pace * days - sold))
            sold, waste = sold + fits, waste + n - fits
        return math.floor(waste + 1e-9)


def sums(lines: Iterable[Json]) -> Counter[str]:
    """Units by item."""
    found: Counter[str] = Counter()
    for line in lines:
        found[str(line["item"])] += int(str(line["quantity"]))
    return found


def delivery_of(plan_id: str) -> str:
    """The id of the delivery that carries a plan out."""
    return plan_id.replace("PL-", "ASN-", 1)


def day_of(at_us: int) -> str:
    """The date in UTC."""
    return datetime.fromtimestamp(at_us / 1e6, UTC).date().isoformat()
