"""What must hold, asked of the devices' own log, the journal and the cloud, by SQL and JSON alone.

Nothing here uses the product's code: stock is folded anew from the events' lines.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final

from gateway.report import Parts
from tests.simulation.devices import DeviceLog, Key

RECORDED: Final = ("accepted", "flagged", "duplicate")
SHOWN: Final = 5


def after_power_cut(journal: sqlite3.Connection, log: DeviceLog) -> list[str]:
    """Whatever a device got a receipt for is on the disk."""
    if not journal.execute("select 1 from sqlite_master where name = 'receipt'").fetchall():
        return [f"{key} has a receipt, but there is no journal" for key in log.receipts][:1]
    held = {
        (str(device), str(boot), int(seq))
        for device, boot, seq in journal.execute("select device, boot, seq from receipt")
    }
    lost = [key for key in log.receipts if key not in held]
    return [f"receipted and lost at a power cut: {lost[:SHOWN]}"] if lost else []


def at_the_end(
    journal: sqlite3.Connection, cloud: sqlite3.Connection, log: DeviceLog, parts: Parts | None
) -> list[str]:
    """Every problem of a history that has drained."""
    problems = after_power_cut(journal, log)
    events = _events(cloud)
    problems += _scans_counted_once(log, events)
    problems += _samples_at_most_once(log, events)
    problems += _journal_is_in_the_cloud(journal, cloud)
    problems += _stock_is_the_fold(journal, cloud, events)
    problems += _triggers_have_one_answer(events)
    if parts is not None:
        problems += _accounts_balance(parts)
    return problems


def _events(cloud: sqlite3.Connection) -> list[dict[str, object]]:
    rows = cloud.execute("select body from received where status = 'accepted'")
    return [json.loads(body) for (body,) in rows]


def _key(event: dict[str, object]) -> Key | None:
    device = event.get("device")
    if not isinstance(device, dict) or "seq" not in device:
        return None
    return device["id"], device["boot"], device["seq"]


def _scans_counted_once(log: DeviceLog, events: list[dict[str, object]]) -> list[str]:
    found: dict[Key, list[dict[str, object]]] = defaultdict(list)
    for event in events:
        key = _key(event)
        if key is not None and event["type"] != "lot.created" and key not in log.measured:
            found[key].append(event)
    return [problem for key in log.scanned for problem in _scan_problems(key, log, found[key])] + [
        f"{key} was never scanned" for key in found if key not in log.scanned
    ]


def _scan_problems(key: Key, log: DeviceLog, found: list[dict[str, object]]) -> Iterator[str]:
    receipts = log.receipts.get(key, [])
    if not receipts:
        yield f"{key} has no receipt"
    if any(receipt["status"] not in RECORDED for receipt in receipts):
        yield f"{key} was refused: {receipts}"
    if len(found) != 1:
        yield f"{key} is in the cloud {len(found)} times"
        return
    if {receipt.get("event_id") for receipt in receipts} - {found[0]["event_id"]}:
        yield f"{key}: receipts name {receipts}, the cloud has {found[0]['event_id']}"
    task, lines = log.scanned[key]["task"], found[0].get("lines")
    moved = [line["quantity"] for line in lines] if isinstance(lines, list) else []
    if isinstance(task, dict) and moved != [task["quantity"]]:
        yield f"{key}: scanned {task['quantity']}, moved {moved}"


def _samples_at_most_once(log: DeviceLog, events: list[dict[str, object]]) -> list[str]:
    seen = Counter(key for event in events if (key := _key(event)) in log.measured)
    return [f"{key} was counted {n} times" for key, n in seen.items() if n > 1]


def _journal_is_in_the_cloud(journal: sqlite3.Connection, cloud: sqlite3.Connection) -> list[str]:
    """Row by row, byte by byte; the journal's numbers have no gap."""
    (epoch,) = journal.execute("select value from meta where key = 'epoch'").fetchone()
    rows = journal.execute("select seq, event_id, body, chain from journal order by seq")
    ours = {seq: rest for seq, *rest in rows}
    there = cloud.execute(
        "select seq, event_id, body, link from received where epoch = ? order by seq", (epoch,)
    )
    theirs = {seq: rest for seq, *rest in there}
    first = min(ours, default=1)
    problems = []
    if list(ours) != list(range(first, first + len(ours))):
        problems.append("the journal's numbers have gaps")
    if list(theirs) != list(range(1, len(theirs) + 1)):
        problems.append("the cloud's numbers have gaps")
    different = [seq for seq in ours if ours[seq] != theirs.get(seq)]
    if different:
        problems.append(f"rows that differ in journal and cloud: {different[:SHOWN]}")
    if max(ours, default=0) != max(theirs, default=0):
        problems.append(f"journal ends at {max(ours)}, cloud at {max(theirs, default=0)}")
    return problems


def _stock_is_the_fold(
    journal: sqlite3.Connection, cloud: sqlite3.Connection, events: list[dict[str, object]]
) -> list[str]:
    fold: Counter[tuple[object, ...]] = Counter()
    for event in events:
        lines = event.get("lines", [])
        for line in lines if isinstance(lines, list) else []:
            lot, unit = line.get("lot") or "", line.get("unit", "EA")
            moved = (("from", -line["quantity"]), ("to", line["quantity"]))
            for side, quantity in moved:
                place = line[f"{side}_location"]
                kept = line.get(f"{side}_status", "available")
                fold[place, line["item"], lot, kept, unit] += quantity
    expected = {key: quantity for key, quantity in fold.items() if quantity}
    if sum(fold.values()):
        return [f"stock is not conserved: {sum(fold.values())} over"]
    problems = []
    for name, database in (("edge", journal), ("cloud", cloud)):
        rows = database.execute("select location, item, lot, status, unit, quantity from stock")
        held = {tuple(key): quantity for *key, quantity in rows if quantity}
        if held != expected:
            wrong = sorted(set(held.items()) ^ set(expected.items()), key=repr)
            problems.append(f"stock at the {name} is not the fold: {wrong[:SHOWN]}")
    return problems


def _triggers_have_one_answer(events: list[dict[str, object]]) -> list[str]:
    fired = {event["event_id"] for event in events if event["type"] == "replenishment.triggered"}
    answered: Counter[object] = Counter()
    plan_ids: Counter[object] = Counter()
    for event in events:
        body = event.get("body")
        if event["type"] == "plan.proposed" and isinstance(body, dict):
            plan_ids[body["plan_id"]] += 1
            answered.update(body["triggers"])
        elif event["type"] == "plan.decided" and isinstance(body, dict):
            answered.update(body["triggers"])
    problems = [f"plan {plan} was proposed {n} times" for plan, n in plan_ids.items() if n > 1]
    problems += [f"trigger {id_} has {n} answers" for id_, n in answered.items() if n > 1]
    if fired - answered.keys():
        problems.append(f"triggers without an answer: {sorted(map(str, fired - answered.keys()))}")
    return problems


def _accounts_balance(parts: Parts) -> list[str]:
    counts = parts.intake.counts
    known = counts.accepted + counts.flagged + counts.refused + counts.duplicate
    if counts.received != known:
        return [f"received {counts.received}, but accounted for {known}"]
    return []
