"""`forepost-gateway journal …`: look into a journal, check it, copy it, put a copy back, refold.

Each command but `restore` and `refold` opens the file read-only and may run beside the gateway.
Exit codes: 0 done and sound, 1 damaged or failed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import JournalError
from gateway.journal import inspection
from gateway.journal.connection import FILE
from gateway.journal.rows import checked
from gateway.ports import Quarantined

if TYPE_CHECKING:
    from gateway.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands and their options."""
    where = argparse.ArgumentParser(add_help=False)
    place = where.add_mutually_exclusive_group(required=True)
    place.add_argument("--config", type=Path, metavar="FILE", help="the gateway's configuration")
    place.add_argument("--journal", type=Path, metavar="FILE", help="a journal or its backup")
    where.add_argument("--json", action="store_true", help="print JSON")
    commands = parser.add_subparsers(metavar="WHAT", dest="what", required=True)
    commands.add_parser("inspect", parents=[where], help="show what is in it")
    commands.add_parser("verify", parents=[where], help="check every row against the chain")
    export = commands.add_parser(
        "export", parents=[where], help="print events, one JSON object a line, as they were sent"
    )
    export.add_argument("--after-seq", type=int, metavar="N", help="only rows above N")
    export.add_argument("--limit", type=int, metavar="N", help="at most N rows")
    backup = commands.add_parser("backup", parents=[where], help="copy it and check the copy")
    backup.add_argument("target", type=Path, metavar="TARGET", help="a file that does not exist")
    restore = commands.add_parser(
        "restore", help="make the journal of a stopped gateway out of a backup"
    )
    restore.add_argument("backup", type=Path, metavar="BACKUP", help="a file made by `backup`")
    restore.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="the gateway's configuration"
    )
    refold = commands.add_parser(
        "refold", help="have a stopped gateway fold stock and exceptions again at its next start"
    )
    refold.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="the gateway's configuration"
    )
    quarantine = commands.add_parser(
        "quarantine", parents=[where], help="show messages that were set aside"
    )
    quarantine.add_argument("--after-id", type=int, default=0, metavar="N")
    quarantine.add_argument("--limit", type=int, default=100, metavar="N")
    quarantine.add_argument("--raw", type=int, metavar="ID", help="print one message's bytes")


def run(namespace: argparse.Namespace) -> int:
    """Run one sub-command. Raises GatewayError."""
    if namespace.what == "restore":
        return _restore(namespace.backup, namespace.config)
    if namespace.what == "refold":
        return _refold(namespace.config)
    path = _path(namespace)
    with inspection.open_read_only(path) as connection:
        match namespace.what:
            case "inspect":
                _show(inspection.summary(connection, path), is_json=namespace.json)
            case "verify":
                verdict = inspection.verify(connection, path)
                _show_verdict(path, verdict, is_json=namespace.json)
                return 1 if verdict.problems else 0
            case "export":
                identity = inspection.read_identity(connection, path)
                _export(connection, path, identity, namespace)
            case "backup":
                verdict = inspection.back_up(connection, namespace.target)
                _show_verdict(namespace.target, verdict, is_json=namespace.json)
            case _:
                return _quarantine(connection, namespace)
    return 0


def _restore(backup: Path, config: Path) -> int:
    from gateway.clock import EventIds, SystemClock
    from gateway.journal.connection import state_lock
    from gateway.journal.switch import restore_journal
    from gateway.settings import load_settings

    gateway, clock = load_settings(config).gateway, SystemClock()
    with inspection.open_read_only(backup) as connection:
        identity = inspection.read_identity(connection, backup)
        verdict = inspection.verify(connection, backup)
    if identity.gateway != gateway.id:
        raise JournalError(f"{backup}: belongs to gateway {identity.gateway}, not {gateway.id}")
    if verdict.problems:
        raise JournalError(f"{backup}: not sound: {verdict.problems[0]}")
    with state_lock(gateway.state_dir):
        found = restore_journal(
            backup,
            gateway.state_dir,
            gateway=gateway.id,
            at_us=clock.wall_us(),
            epoch=EventIds(clock)(),
        )
    print(f"{gateway.state_dir / FILE}: {found.n_rows} rows, epoch {found.new_epoch}")
    return 0


def _refold(config: Path) -> int:
    from gateway.settings import load_settings

    settings = load_settings(config)
    path = settings.gateway.state_dir / FILE
    if not path.exists():
        raise JournalError(f"{path}: no journal there")
    n_rows = asyncio.run(_ask_to_refold(settings))
    if n_rows is None:
        raise JournalError(
            f"{path}: its first rows have left it, so it cannot be folded again; "
            "what is wrong is for a count to put right"
        )
    print(f"{path}: will be folded again from {n_rows} rows at the next start")
    return 0


async def _ask_to_refold(settings: Settings) -> int | None:
    """Have the projector fold again; gives up to which row, None if the first ones are gone."""
    from gateway.clock import SystemClock
    from gateway.journal.carry import PROJECTOR
    from gateway.journal.ledger_tables import REFOLD, has_every_row
    from gateway.journal.store import open_journal

    gateway = settings.gateway
    async with open_journal(
        gateway.state_dir,
        gateway=gateway.id,
        settings=settings.journal,
        clock=SystemClock(),
        has_cloud=settings.cloud is not None,
    ) as store:
        if not await has_every_row(store):
            return None
        done = await store.cursor(PROJECTOR)
        await store.advance(PROJECTOR, to_seq=done, effects=REFOLD)
        return done


def _path(namespace: argparse.Namespace) -> Path:
    if namespace.journal is not None:
        return Path(namespace.journal)
    from gateway.settings import load_settings

    return load_settings(namespace.config).gateway.state_dir / FILE


def _show(report: Mapping[str, object], *, is_json: bool) -> None:
    if is_json:
        print(json.dumps(report))
        return
    for name, value in report.items():
        shown = value
        if isinstance(value, Mapping):
            shown = ", ".join(f"{key} {count}" for key, count in value.items()) or "none"
        elif name.endswith("_us"):
            shown = _time(value)
        print(f"{name.removesuffix('_us'):<12} {shown}")


def _time(at_us: object) -> str:
    if not isinstance(at_us, int):
        return "never"
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat(timespec="milliseconds")


def _show_verdict(path: Path, verdict: inspection.Verdict, *, is_json: bool) -> None:
    if is_json:
        report = {
            "sound": not verdict.problems,
            "rows": verdict.n_rows,
            "first_seq": verdict.first_seq,
            "last_seq": verdict.last_seq,
            "head": verdict.head.hex(),
            "problems": list(verdict.problems),
        }
        print(json.dumps(report))
        return
    for problem in verdict.problems:
        print(f"{path}: {problem}")
    if not verdict.problems:
        print(
            f"{path}: sound: {verdict.n_rows} rows up to {verdict.last_seq},"
            f" head {verdict.head.hex()}"
        )


def _export(
    connection: sqlite3.Connection,
    path: Path,
    identity: inspection.Identity,
    namespace: argparse.Namespace,
) -> None:
    """Print rows with their place; the event's own bytes are not encoded again."""
    after = identity.base_seq if namespace.after_seq is None else namespace.after_seq
    place = json.dumps({"gateway": identity.gateway, "epoch": identity.epoch})[:-1].encode()
    before: tuple[int, bytes] | None = None
    if after <= identity.base_seq:
        before = identity.base_seq, identity.base_link
        after = identity.base_seq
    else:
        for row in inspection.read_rows(connection, after_seq=after - 1, limit=1):
            before = row.seq, row.chain
    if before is None or before[0] != after:
        raise JournalError(f"{path}: there is no row {after} to go on from")
    seq, link = before
    try:
        for row in inspection.read_rows(connection, after_seq=after, limit=namespace.limit):
            checked([row], seq, link, path)
            seq, link = row.seq, row.chain
            head = f', "seq": {row.seq}, "chain": "{row.chain.hex()}", "event": '.encode()
            sys.stdout.buffer.write(place + head + row.body + b"}\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The reader (head, a pager) has seen enough; the interpreter must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _quarantine(connection: sqlite3.Connection, namespace: argparse.Namespace) -> int:
    if namespace.raw is not None:
        found = inspection.read_quarantine(connection, after_id=namespace.raw - 1, limit=1)
        if not found or found[0][0] != namespace.raw:
            raise JournalError(f"no message {namespace.raw} in quarantine")
        sys.stdout.buffer.write(found[0][1].raw)
        return 0
    found = inspection.read_quarantine(
        connection, after_id=namespace.after_id, limit=namespace.limit
    )
    show_quarantine(found, is_json=namespace.json)
    return 0


def show_quarantine(found: Sequence[tuple[int, Quarantined]], *, is_json: bool) -> None:
    """A line for each message."""
    for id_, message in found:
        if is_json:
            print(json.dumps(_as_json(id_, message)))
        else:
            print(
                f"{id_:>6}  {_time(message.received_at_us)}  {message.device}  {message.kind}:"
                f" {message.reason}  {message.raw[:40]!r}{' …' if len(message.raw) > 40 else ''}"
            )


def _as_json(id_: int, message: Quarantined) -> dict[str, object]:
    return {
        "id": id_,
        "device": message.device,
        "received_at_us": message.received_at_us,
        "kind": message.kind,
        "reason": message.reason,
        "raw_hex": message.raw.hex(),
    }
