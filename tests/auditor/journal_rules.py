"""Invariants 1 to 8: journal and sync."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import blake2b

from tests.auditor.records import Cloud, History, Journal, Key, Receipt, Row
from tests.auditor.rules import NotChecked, cloud_of, log_of, rule, some

DAY_US = 86_400_000_000


def next_link(link: bytes, seq: int, body: bytes) -> bytes:
    """docs/journal.md, invariant 2, written down a second time."""
    return blake2b(link + seq.to_bytes(8, "big") + body, digest_size=16).digest()


@rule(1, "seq per epoch from 1, no gap, no repeat; columns say what the bytes say")
def rows_are_numbered(history: History) -> Iterator[str]:
    for journal in history.journals:
        expected = journal.base_seq
        for row in journal.rows:
            expected += 1
            if row.seq != expected:
                yield f"{journal.path.name}: row {row.seq} where {expected} belongs"
                expected = row.seq
            if (row.event_id, row.kind) != (row.event.get("event_id"), row.event.get("type")):
                yield f"{journal.path.name}: row {row.seq}: columns and bytes differ"
    epochs = Counter((journal.gateway, journal.epoch) for journal in history.journals)
    yield from (f"epoch {epoch} is in {n} files" for (_, epoch), n in epochs.items() if n > 1)


@rule(2, "the chain is unbroken, and its head is the cloud's")
def chain_is_unbroken(history: History) -> Iterator[str]:
    for journal in history.journals:
        seed = f"forepost-journal/1\0{journal.gateway}\0{journal.epoch}".encode()
        link = bytes.fromhex(journal.meta["base_link"])
        if journal.base_seq == 0 and link != blake2b(seed, digest_size=16).digest():
            yield f"{journal.path.name}: begins with another journal's link"
        for row in journal.rows:
            link = next_link(link, row.seq, row.body or b"")
            if link != row.link:
                yield f"{journal.path.name}: row {row.seq} does not fit its link"
                link = row.link or b""
    if history.cloud is not None:
        yield from _cloud_chain(history, history.cloud)


def _cloud_chain(history: History, cloud: Cloud) -> Iterator[str]:
    links = {(row.gateway, row.epoch, row.seq): row.link for row in cloud.rows if row.link}
    for (gateway, epoch), (seq, head) in cloud.heads.items():
        if head is not None and seq and links.get((gateway, epoch, seq)) != head:
            yield f"cloud: the head of {gateway}/{epoch} is not the link of its row {seq}"
    bodies = {row.event_id: row.body for row in cloud.rows if row.body is not None}
    for (gateway, epoch, seq), link in links.items():
        row = cloud.by_place[gateway, epoch, seq]
        before = links.get((gateway, epoch, seq - 1))
        body = bodies.get(row.event_id) if row.body is None else row.body
        if before is not None and body is not None and next_link(before, seq, body) != link:
            yield f"cloud: row {seq} of {gateway}/{epoch} does not fit its link"


@rule(3, "every receipted message is in a journal, or set aside")
def receipted_is_kept(history: History) -> Iterator[str]:
    log = log_of(history)
    held = {
        key: result for journal in history.journals for key, result in journal.receipts.items()
    }
    aside = [raw for journal in history.journals for _, raw in journal.quarantine]
    by_event = dict(history.events)
    pruned = history.cloud.accepted if history.cloud is not None else {}
    for receipt in log.receipts:
        if receipt.key not in log.sent:
            yield f"{receipt.key}: a receipt for what was never sent"
        if receipt.event_id is None:
            if receipt.key not in held and not any(_names(raw, receipt.key) for raw in aside):
                yield f"{receipt.key}: refused, but not set aside"
            continue
        row = by_event.get(receipt.event_id) or pruned.get(receipt.event_id)
        if row is None:
            yield f"{receipt.key}: event {receipt.event_id} is nowhere"
        elif row.key != receipt.key:
            yield f"{receipt.key}: its receipt names the event of {row.key}"
        elif receipt.key not in held:
            yield f"{receipt.key}: told {receipt.status}, which no journal remembers"


def _names(raw: bytes, key: Key) -> bool:
    return key[1].encode() in raw and str(key[2]).encode() in raw


@rule(4, "commit comes before receipt")
def commit_before_receipt(history: History) -> Iterator[str]:
    observed = [each for each in log_of(history).receipts if each.committed_seq is not None]
    if not observed:
        raise NotChecked("the device log does not say what was durable at each receipt")
    for receipt in observed:
        yield from _early(receipt, history.events)


def _early(receipt: Receipt, events: Mapping[str, Row]) -> Iterator[str]:
    row = events.get(receipt.event_id or "")
    if row is not None and receipt.committed_seq is not None and row.seq > receipt.committed_seq:
        yield f"{receipt.key}: receipt when row {receipt.committed_seq} was last, its is {row.seq}"


@rule(5, "each message is counted once; the marks tell the highest number")
def messages_are_counted_once(history: History) -> Iterator[str]:
    counted: Counter[tuple[object, ...]] = Counter()
    for row in history.events.values():
        if row.key is not None and row.event.get("lines"):
            counted[row.key, row.kind, repr(row.event["lines"])] += 1
    yield from (f"{key} was counted {n} times" for (key, *_), n in counted.items() if n > 1)
    told: dict[Key, str] = {}
    for receipt in history.log.receipts if history.log is not None else []:
        first = told.setdefault(receipt.key, receipt.event_id or "")
        if first != (receipt.event_id or ""):
            yield f"{receipt.key}: receipts name {first} and {receipt.event_id}"
    for journal in history.journals:
        yield from _marks(journal)
        if history.log is not None:
            invented = [key for key in journal.receipts if key not in history.log.sent]
            if invented:
                yield f"{journal.path.name}: receipts for what was not sent: {some(invented)}"


def _marks(journal: Journal) -> Iterator[str]:
    highest: dict[tuple[str, str], int] = {}
    for device, boot, seq in journal.receipts:
        highest[device, boot] = max(seq, highest.get((device, boot), seq))
    for boot_key, seq in highest.items():
        if journal.marks.get(boot_key, -1) < seq:
            yield f"{journal.path.name}: {boot_key} has receipt {seq} above its mark"


@rule(6, "all rows up to the acknowledged one are in the cloud, byte for byte")
def acknowledged_is_there(history: History) -> Iterator[str]:
    cloud = cloud_of(history)
    for journal in history.journals:
        acknowledged = journal.cursors.get("uplink", 0)
        if acknowledged > journal.last_seq:
            yield f"{journal.path.name}: acknowledged {acknowledged} of {journal.last_seq}"
        for row in journal.rows:
            if row.seq > acknowledged:
                break
            if not _is_there(row, journal, cloud):
                yield f"{journal.path.name}: row {row.seq} is not in the cloud as it is here"


def _is_there(row: Row, journal: Journal, cloud: Cloud) -> bool:
    there = cloud.by_place.get((journal.gateway, journal.epoch, row.seq))
    if there is None or there.status == "duplicate":
        # Carried over from an older epoch, or an export, which lists no duplicates.
        if there is None and not cloud.is_export and "salvage" not in journal.meta:
            return False
        if there is not None and there.link is not None and there.link != row.link:
            return False
        there = cloud.accepted.get(row.event_id)
        return there is not None and there.body == row.body
    return there.body == row.body and there.link in (None, row.link)


@rule(7, "the cloud has nothing that no journal has, and nothing twice")
def cloud_has_nothing_extra(history: History) -> Iterator[str]:
    cloud = cloud_of(history)
    ids = Counter(row.event_id for row in cloud.rows if row.status == "accepted")
    yield from (f"event {event_id} counted {n} times" for event_id, n in ids.items() if n > 1)
    files = {(journal.gateway, journal.epoch): journal for journal in history.journals}
    places = {
        (journal.gateway, journal.epoch, row.seq)
        for journal in history.journals
        for row in journal.rows
    }
    gateways = {journal.gateway for journal in history.journals}
    for row in cloud.rows:
        journal = files.get((row.gateway, row.epoch))
        if row.gateway not in gateways or (row.gateway, row.epoch, row.seq) in places:
            continue
        if row.event_id in history.events or (journal and row.seq <= journal.base_seq):
            continue
        yield f"row {row.seq} of {row.gateway}/{row.epoch} is in no journal"
    for place, (seq, _) in cloud.heads.items():
        if not cloud.is_export:
            held = {row.seq for row in cloud.rows if (row.gateway, row.epoch) == place}
            if held != set(range(1, seq + 1)):
                yield f"the cloud's rows of {place} are not 1 to {seq}"


@rule(8, "pruned rows were acknowledged by every reader, and old")
def pruned_is_done(history: History) -> Iterator[str]:
    now_us = history.limits.now_us or max(
        (row.at_us for row in history.events.values()), default=0
    )
    for journal in history.journals:
        for name in ("projector", "planner", "uplink"):
            done = journal.cursors.get(name, 0)
            if journal.base_seq > done:
                yield f"{journal.path.name}: pruned to {journal.base_seq}, {name} is at {done}"
        if history.cloud is None or journal.base_seq == 0:
            continue
        row = history.cloud.by_place.get((journal.gateway, journal.epoch, journal.base_seq))
        if row is None:
            yield f"{journal.path.name}: row {journal.base_seq} was pruned, the cloud lacks it"
        elif now_us - row.at_us < history.limits.retention_days * DAY_US:
            yield f"{journal.path.name}: row {row.seq} was pruned too young"
