"""Invariants 9 to 14: stock and plans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from tests.auditor.records import Cloud, History, Journal, Json, Row, StockKey
from tests.auditor.rules import NotChecked, cloud_of, log_of, rule, some
from tests.auditor.stock_fold import fold

TRIGGERED, PROPOSED = "replenishment.triggered", "plan.proposed"
DECIDED = "plan.decided"


@rule(9, "stock is the fold of the events, in the cloud and at the edge")
def stock_is_the_fold(history: History) -> Iterator[str]:
    if history.cloud is not None:
        accepted = fold(list(history.cloud.accepted.values()))
        yield from _differences("cloud", history.cloud.stock, accepted)
    for journal in history.current():
        before = _pruned(journal, history.cloud)
        if before is None:
            continue
        done = journal.cursors.get("projector", 0)
        rows = [*before, *(row for row in journal.rows if row.seq <= done)]
        yield from _differences(journal.path.name, journal.stock, fold(rows))


def _pruned(journal: Journal, cloud: Cloud | None) -> list[Row] | None:
    """What the journal has forgotten; None if nobody remembers."""
    if journal.base_seq == 0:
        return []
    if cloud is None:
        return None
    rows = [
        cloud.by_place.get((journal.gateway, journal.epoch, seq))
        for seq in range(1, journal.base_seq + 1)
    ]
    return [row for row in rows if row is not None and row.status == "accepted"]


def _differences(
    where: str, held: Mapping[StockKey, int], expected: Mapping[StockKey, int]
) -> Iterator[str]:
    for key in sorted(held.keys() | expected.keys()):
        if held.get(key, 0) != expected.get(key, 0):
            place = "/".join(key)
            yield f"{where}: {place} is {held.get(key, 0)}, events say {expected.get(key, 0)}"


@rule(10, "stock is conserved; what is negative is flagged")
def stock_is_conserved(history: History) -> Iterator[str]:
    stocks = [(journal.path.name, journal.stock) for journal in history.current()]
    if history.cloud is not None:
        stocks.append(("cloud", history.cloud.stock))
    flagged = {
        line["item"]
        for row in history.events.values()
        if row.event.get("flags")
        for line in _lines(row)
    }
    for where, stock in stocks:
        total: Counter[tuple[str, str, str]] = Counter()
        for (_, place, item, lot, _, unit), quantity in stock.items():
            total[item, lot, unit] += quantity
            if quantity < 0 and not place.startswith("@") and item not in flagged:
                yield f"{where}: {quantity} of {item} at {place}, and no event is flagged"
        yield from (f"{where}: {goods} is {n} over" for goods, n in total.items() if n)


def _lines(row: Row) -> list[Json]:
    lines = row.event.get("lines", [])
    return lines if isinstance(lines, list) else []


@rule(11, "stock is what the world's own books say")
def stock_is_the_truth(history: History) -> Iterator[str]:
    truth = log_of(history).truth
    if truth is None:
        raise NotChecked("the device log ends without a truth")
    where = "cloud" if history.cloud is not None else "edge"
    stock = (
        history.cloud.stock
        if history.cloud is not None
        else sum((journal.stock for journal in history.current()), Counter())
    )
    for key in sorted(truth.keys() | stock.keys()):
        if not key[1].startswith("@") and stock.get(key, 0) != truth.get(key, 0):
            yield f"{where}: {'/'.join(key)} is {stock.get(key, 0)}, in truth {truth.get(key, 0)}"


def _of_kind(history: History, kind: str) -> list[Row]:
    return [row for row in history.events.values() if row.kind == kind]


def _body(row: Row) -> Json:
    body = row.event.get("body")
    return body if isinstance(body, dict) else {}


def _plans(history: History) -> list[Row]:
    plans = _of_kind(history, PROPOSED)
    if not plans and not _of_kind(history, TRIGGERED):
        raise NotChecked("no trigger and no plan in this history")
    return plans


@rule(12, "each plan comes from fresh, earlier rows, orders whole cases, and each item once")
def plans_are_sound(history: History) -> Iterator[str]:
    for plan in _plans(history):
        body, name = _body(plan), f"plan {_body(plan).get('plan_id')}"
        based_on = int(str(body.get("based_on_seq", 0)))
        if not 0 < based_on < plan.seq:
            yield f"{name} in row {plan.seq} is based on row {based_on}"
        basis = next((r for r in history.events.values()
                      if (r.epoch, r.seq) == (plan.epoch, based_on)), None)  # fmt: skip
        limit_us = round(history.limits.plan_age_s * 1e6)
        if basis is not None and plan.at_us - basis.at_us > limit_us:
            yield f"{name} was made from rows {(plan.at_us - basis.at_us) / 1e6:.0f} s old"
        lines = body.get("lines")
        orders = lines if isinstance(lines, list) else []
        items = Counter(line["item"] for line in orders)
        yield from (f"{name} orders {item} {n} times" for item, n in items.items() if n > 1)
        for line in orders:
            if not isinstance(line["quantity"], int) or line["quantity"] <= 0:
                yield f"{name} orders {line['quantity']} of {line['item']}"
        if body.get("warehouse") != plan.event.get("warehouse"):
            yield f"{name} is for another warehouse"


@rule(13, "one plan or decision per trigger, one trigger per key, each plan once")
def triggers_have_one_plan(history: History) -> Iterator[str]:
    plans = _plans(history)
    triggers = {row.event_id: row for row in _of_kind(history, TRIGGERED)}
    keys = Counter(_body(row).get("key") for row in triggers.values())
    yield from (f"trigger {key} fired {n} times" for key, n in keys.items() if n > 1)
    ids = Counter(_body(plan).get("plan_id") for plan in plans)
    yield from (f"plan {plan} was proposed {n} times" for plan, n in ids.items() if n > 1)
    answered: Counter[str] = Counter()
    for answer in (*plans, *_of_kind(history, DECIDED)):
        named = _body(answer).get("triggers")
        answered.update(named if isinstance(named, list) else [])
    yield from (f"trigger {id_} has {n} answers" for id_, n in answered.items() if n > 1)
    if answered.keys() - triggers.keys():
        yield f"plans answer what never fired: {some(answered.keys() - triggers.keys())}"
    for journal in history.current():
        done = journal.cursors.get("planner", 0)
        for row in journal.rows:
            if row.kind == TRIGGERED and row.seq <= done and row.event_id not in answered:
                yield f"trigger {row.event_id} was passed over without plan or decision"


@rule(14, "nothing was taken from an epoch after it was ended")
def ended_epochs_are_silent(history: History) -> Iterator[str]:
    cloud = cloud_of(history)
    now: dict[str, str] = {}
    ended: set[tuple[str, str]] = set()
    for row in sorted(cloud.rows, key=lambda each: each.position):
        before = now.get(row.gateway)
        if before is not None and before != row.epoch:
            ended.add((row.gateway, before))
        now[row.gateway] = row.epoch
        if (row.gateway, row.epoch) in ended:
            yield f"row {row.seq} of {row.gateway}/{row.epoch} came after the epoch was ended"
