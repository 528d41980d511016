"""`forepost-gateway exceptions …`: what somebody must look into, also while the uplink is down."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path

from cloud_sync.contract.keys import make_uuid7
from cloud_sync.inventory.exceptions import Word
from cloud_sync.inventory.findings import NEGATIVE_STOCK
from gateway.clock import SystemClock
from gateway.core.messages import message
from gateway.core.resolving import refusal_of
from gateway.errors import JournalError
from gateway.journal.below_zero import add_movements
from gateway.journal.connection import FILE
from gateway.journal.exception_table import (
    NEGATIVE,
    SELECT,
    WORDS,
    negative_of,
    queue_of,
    words_of,
)
from gateway.journal.inspection import open_read_only
from gateway.services.resolving import DIRECTORY, leave_word
from gateway.settings import load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands and their options."""
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="the gateway's configuration"
    )
    where.add_argument("--json", action="store_true", help="print JSON, one object a line")
    commands = parser.add_subparsers(metavar="WHAT", dest="what", required=True)
    commands.add_parser("list", parents=[where], help="a line for each open exception")
    commands.add_parser("words", parents=[where], help="what people said, the newest first")
    show = commands.add_parser(
        "show", parents=[where], help="exceptions of a kind, with their evidence"
    )
    show.add_argument("kind", metavar="KIND")
    resolve = commands.add_parser(
        "resolve", parents=[where], help="have the running gateway take in what is done about one"
    )
    resolve.add_argument("kind", metavar="KIND")
    resolve.add_argument("key", metavar="KEY", nargs="+", help="as `list` shows it")
    resolve.add_argument("--action", required=True, help="one of those that `list` shows")
    resolve.add_argument("--reason", required=True, metavar="TEXT")
    resolve.add_argument("--author", required=True, metavar="ID", help="who says so")
    resolve.add_argument("--quantity", type=int, metavar="N", help="what is there, for adjust")
    resolve.add_argument(
        "--event", action="append", metavar="ID", help="only this evidence; default: all"
    )


def run(namespace: argparse.Namespace) -> int:
    """Run one sub-command. Raises GatewayError."""
    settings = load_settings(namespace.config).gateway
    with open_read_only(settings.state_dir / FILE) as connection:
        words = words_of(connection.execute(WORDS))
        queue = queue_of(connection.execute(SELECT))
        negative = negative_of(connection.execute(NEGATIVE))
        if namespace.what == "show":
            for entry in negative if namespace.kind == NEGATIVE_STOCK else ():
                add_movements(connection, entry)
    queue += negative
    if namespace.what == "words":
        for word in words:
            print(json.dumps(word) if namespace.json else _word_line(word))
        return 0
    if namespace.what == "resolve":
        _resolve(settings.state_dir / DIRECTORY, queue, namespace)
        return 0
    if namespace.what == "show":
        queue = [it for it in queue if it["kind"] == namespace.kind]
        if not queue:
            raise JournalError(f"no open exception of kind {namespace.kind}")
    for entry in queue:
        if namespace.json:
            print(json.dumps(entry))
        else:
            print(_line(entry, settings.language))
            if namespace.what == "show":
                print(json.dumps(entry["evidence"], indent=2))
    return 0


def _resolve(
    directory: Path, queue: list[dict[str, object]], namespace: argparse.Namespace
) -> None:
    key: tuple[str, ...] = tuple("" if part == "-" else part for part in namespace.key)
    found = [it for it in queue if it["kind"] == namespace.kind and it["key"] == list(key)]
    if not found:
        raise JournalError(f"no open exception {namespace.kind} {' '.join(namespace.key)}")
    evidence = found[0]["evidence"]
    open_ids = [str(it["event_id"]) for it in evidence] if isinstance(evidence, list) else []
    named = namespace.event or open_ids
    if unknown := sorted(set(named) - set(open_ids)):
        raise JournalError(f"{unknown[0]} is no open evidence of it")
    now_us = SystemClock().wall_us()
    said = Word(
        word=make_uuid7(now_us // 1000, os.urandom(10)),
        at_us=now_us,
        kind=namespace.kind,
        key=key,
        evidence=tuple(named),
        action=namespace.action,
        reason=namespace.reason,
        author=namespace.author,
        quantity=namespace.quantity,
    )
    if refusal := refusal_of(said):
        raise JournalError(f"not taken: {refusal}")
    try:
        leave_word(directory, said)
    except OSError as error:
        raise JournalError(f"{directory}: not written: {error.strerror}") from error
    told = f"{said.word} is taken in by the running gateway, or when it starts"
    print(json.dumps({"word": said.word}) if namespace.json else told)


def _word_line(word: Mapping[str, object]) -> str:
    said = f"{word['action']} by {word['author']}: {word['reason']}"
    return f"{word['kind']!s:<20} {_named(word['key'])}  {said}"


def _named(key: object) -> str:
    """A key on one line; "-" stands for an empty part."""
    return " ".join(str(part) or "-" for part in key) if isinstance(key, list) else ""


def _line(entry: Mapping[str, object], language: str) -> str:
    actions = entry["actions"]
    do = " or ".join(map(str, actions)) if isinstance(actions, list) else ""
    shown = f"{entry['n_events']} events" if entry["n_events"] else entry.get("detail", "")
    what = message(f"exception_{entry['kind']}", language)
    return f"{entry['kind']!s:<20} {_named(entry['key'])}  ({shown})  {do}  # {what}"
