"""What must hold, asked of the devices' own logs, journals and the cloud, by SQL and JSON alone.

Nothing here uses the product's code: stock is folded anew from the events' lines. Where two boxes
say that they are the one gateway, each is held to its own handhelds and its own journal; the cloud
holds what one of them says, and of the other no more than what came before they parted.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Final

from gateway.report import Parts
from gateway.services.uplink import SHUT_OUT
from tests.simulation.devices import DeviceLog, Key
from tests.simulation.world import Post

RECORDED: Final = ("accepted", "flagged", "duplicate")
SHOWN: Final = 5
LEASE_US: Final = 30_000_000
"""For so long after the last word of one machine none is taken of another."""

Event = dict[str, object]


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


def at_the_end(cloud: sqlite3.Connection, posts: Sequence[Post]) -> list[str]:
    """Every problem of a history that has drained."""
    accepted = cloud.execute("select body from received where status = 'accepted'")
    events = [json.loads(body) for (body,) in accepted]
    lanes = [_lane(post, cloud) for post in posts]
    problems = [it for post in posts for it in after_power_cut(post.disk.sqlite, post.log)]
    problems += _journals_and_cloud(lanes, cloud)
    problems += _machines_take_turns(cloud)
    problems += _counted_once(events, lanes)
    problems += _stock_is_the_fold("the cloud", cloud, events)
    for lane in lanes:
        own = _events_of(lane, cloud)
        problems += _scans_are_there(lane.post.log, own, "the cloud" if lane.is_whole else "it")
        problems += _stock_is_the_fold(lane.post.name, lane.post.disk.sqlite, own)
        if lane.is_whole:
            problems += _triggers_have_one_answer(own)
        if lane.post.parts is not None:
            problems += _accounts_balance(lane.post.parts)
    return problems


# ------------------------------------------------------------------ journals and cloud

Row = tuple[str, bytes, bytes]
"""Event id, body, link."""


@dataclass(frozen=True, slots=True)
class Lane:
    """The rows of one post's journal and those of its epoch in the cloud, by seq."""

    post: Post
    epoch: str
    ours: Mapping[int, Row]
    theirs: Mapping[int, Row]

    @property
    def is_whole(self) -> bool:
        """Whether the cloud holds this journal, all of it and nothing else under its name."""
        return max(self.ours, default=0) == max(self.theirs, default=0) and not self.different

    @property
    def different(self) -> list[int]:
        """Rows that are here and are another one in the cloud, or none."""
        return [seq for seq in self.ours if self.ours[seq] != self.theirs.get(seq)]

    @property
    def left(self) -> int:
        """The last row that has left the journal."""
        return min(self.ours, default=1) - 1


def _lane(post: Post, cloud: sqlite3.Connection) -> Lane:
    journal = post.disk.sqlite
    (epoch,) = journal.execute("select value from meta where key = 'epoch'").fetchone()
    ours = journal.execute("select seq, event_id, body, chain from journal order by seq")
    theirs = cloud.execute(
        "select seq, event_id, body, link from received where epoch = ? order by seq", (epoch,)
    )
    by_seq = {seq: tuple(rest) for seq, *rest in ours}
    return Lane(post, epoch, by_seq, {seq: tuple(rest) for seq, *rest in theirs})


def _journals_and_cloud(lanes: Sequence[Lane], cloud: sqlite3.Connection) -> list[str]:
    """Row by row, byte by byte, without gaps; who is shut out is told, and so are people."""
    problems = []
    for lane in lanes:
        if list(lane.ours) != list(range(lane.left + 1, lane.left + 1 + len(lane.ours))):
            problems.append(f"the journal's numbers have gaps ({lane.post.name})")
        if list(lane.theirs) != list(range(1, len(lane.theirs) + 1)):
            problems.append(f"the cloud's numbers have gaps ({lane.post.name})")
    whole = [lane for lane in lanes if lane.is_whole]
    if not whole:
        return problems + [it for lane in lanes for it in _parted(lane)]
    for lane in lanes:
        if lane.is_whole:
            continue
        if lane.epoch not in {it.epoch for it in whole}:
            beyond = [seq for seq, row in lane.theirs.items() if lane.ours.get(seq, row) != row]
            if beyond or max(lane.theirs, default=0) > max(lane.ours, default=0):
                problems += _parted(lane)
        if lane.post.parts is None or SHUT_OUT not in lane.post.parts.alarms:
            problems.append(f"{lane.post.name} is shut out and does not know")
        told = cloud.execute(
            "select kind from gateway_exceptions where epoch = ?"
            " and kind in ('forked', 'fenced', 'in_use')",
            (lane.epoch,),
        )
        if not told.fetchall():
            problems.append(f"nobody is told that {lane.post.name} is shut out")
    return problems


def _parted(lane: Lane) -> Iterator[str]:
    """How a journal and the cloud differ."""
    if lane.different:
        yield (
            f"rows that differ in journal and cloud ({lane.post.name}): {lane.different[:SHOWN]}"
        )
    ours, theirs = max(lane.ours, default=0), max(lane.theirs, default=0)
    if ours != theirs:
        yield f"journal of {lane.post.name} ends at {ours}, cloud at {theirs}"


def _machines_take_turns(cloud: sqlite3.Connection) -> list[str]:
    """No two machines are let in within the lease of each other."""
    taken = cloud.execute("select at_us, instance from taken_from order by rowid").fetchall()
    return [
        f"two machines were let in within {(after - before) / 1e6:g} s"
        for (before, one), (after, other) in pairwise(taken)
        if one != other and after - before < LEASE_US
    ][:1]


def _events_of(lane: Lane, cloud: sqlite3.Connection) -> list[Event]:
    """What a journal says: of one that the cloud holds, as it was accepted there."""
    if lane.is_whole:
        rows = cloud.execute(
            "select body from received where status = 'accepted' and epoch = ?", (lane.epoch,)
        )
        return [json.loads(body) for (body,) in rows]
    gone = [row for seq, row in lane.theirs.items() if seq <= lane.left]
    return [json.loads(body) for _, body, _ in [*gone, *lane.ours.values()]]


# ------------------------------------------------------------------ scans and samples


def _key(event: Event) -> Key | None:
    device = event.get("device")
    if not isinstance(device, dict) or "seq" not in device:
        return None
    return device["id"], device["boot"], device["seq"]


def _scans(events: Sequence[Event], logs: Sequence[DeviceLog]) -> dict[Key, list[Event]]:
    """The events of scans, by who scanned."""
    found: dict[Key, list[Event]] = defaultdict(list)
    for event in events:
        key = _key(event)
        if (
            key is not None
            and event["type"] != "lot.created"
            and not any(key in log.measured for log in logs)
        ):
            found[key].append(event)
    return found


def _counted_once(events: Sequence[Event], lanes: Sequence[Lane]) -> list[str]:
    """Nothing is in the cloud twice, through whichever box, and nothing that nobody scanned."""
    logs = [lane.post.log for lane in lanes]
    problems = []
    for key, found in _scans(events, logs).items():
        if not any(key in log.scanned for log in logs):
            problems.append(f"{key} was never scanned")
        if len(found) > 1:
            problems.append(f"{key} is in the cloud {len(found)} times")
    measured = {key for log in logs for key in log.measured}
    seen = Counter(key for event in events if (key := _key(event)) in measured)
    return problems + [f"{key} was counted {n} times" for key, n in seen.items() if n > 1]


def _scans_are_there(log: DeviceLog, events: Sequence[Event], where: str) -> list[str]:
    """Each scan of a post's own handhelds is in its events once, as it was scanned."""
    found = _scans(events, [log])
    look = partial(_scan_problems, log=log, where=where)
    return [problem for key in log.scanned for problem in look(key, found=found.get(key, []))]


def _scan_problems(key: Key, *, log: DeviceLog, where: str, found: list[Event]) -> Iterator[str]:
    receipts = log.receipts.get(key, [])
    if not receipts:
        yield f"{key} has no receipt"
    if any(receipt["status"] not in RECORDED for receipt in receipts):
        yield f"{key} was refused: {receipts}"
    if len(found) != 1:
        yield f"{key} is in {where} {len(found)} times"
        return
    if {receipt.get("event_id") for receipt in receipts} - {found[0]["event_id"]}:
        yield f"{key}: receipts name {receipts}, but it is {found[0]['event_id']}"
    task, lines = log.scanned[key]["task"], found[0].get("lines")
    moved = [line["quantity"] for line in lines] if isinstance(lines, list) else []
    if isinstance(task, dict) and moved != [task["quantity"]]:
        yield f"{key}: scanned {task['quantity']}, moved {moved}"


# ------------------------------------------------------------------ stock, triggers, accounts


def _stock_is_the_fold(
    name: str, database: sqlite3.Connection, events: Sequence[Event]
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
    rows = database.execute("select location, item, lot, status, unit, quantity from stock")
    held = {tuple(key): quantity for *key, quantity in rows if quantity}
    if held != expected:
        wrong = sorted(set(held.items()) ^ set(expected.items()), key=repr)
        return [f"stock at {name} is not the fold: {wrong[:SHOWN]}"]
    return []


def _triggers_have_one_answer(events: Sequence[Event]) -> list[str]:
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
