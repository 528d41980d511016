"""`forepost-gateway quarantine …`: look at what was set aside, and send it in again."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gateway.errors import JournalError
from gateway.journal import inspection
from gateway.journal.commands import show_quarantine
from gateway.journal.connection import FILE
from gateway.journal.shelf import read_set_aside
from gateway.services.reinjection import DIRECTORY, Hopeless, read_again
from gateway.settings import load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands and their options."""
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="the gateway's configuration"
    )
    commands = parser.add_subparsers(metavar="WHAT", dest="what", required=True)
    listing = commands.add_parser("list", parents=[where], help="a line for each message")
    listing.add_argument("--after-id", type=int, default=0, metavar="N")
    listing.add_argument("--limit", type=int, default=100, metavar="N")
    listing.add_argument("--json", action="store_true", help="print JSON, one object a line")
    show = commands.add_parser("show", parents=[where], help="one message's bytes, as they came")
    show.add_argument("id", type=int, metavar="ID")
    again = commands.add_parser(
        "reinject", parents=[where], help="have the running gateway take a message in again"
    )
    again.add_argument("id", type=int, metavar="ID")


def run(namespace: argparse.Namespace) -> int:
    """Run one sub-command. Raises GatewayError."""
    state_dir = load_settings(namespace.config).gateway.state_dir
    if namespace.what == "reinject":
        leave_request(state_dir, namespace.id)
        print(f"message {namespace.id} is taken in by the running gateway, or when it starts")
        return 0
    if namespace.what == "show":
        sys.stdout.buffer.write(read_set_aside(state_dir / FILE, namespace.id).raw)
        return 0
    with inspection.open_read_only(state_dir / FILE) as connection:
        found = inspection.read_quarantine(
            connection, after_id=namespace.after_id, limit=namespace.limit
        )
    show_quarantine(found, is_json=namespace.json)
    return 0


def leave_request(state_dir: Path, id_: int) -> None:
    """Ask the gateway, now or at its start, to take a message in again. Raises JournalError."""
    message = read_set_aside(state_dir / FILE, id_)
    if isinstance(reading := read_again(id_, message), Hopeless):
        raise JournalError(f"message {id_} stays where it is: {reading.reason}")
    directory = state_dir / DIRECTORY
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        (directory / str(id_)).touch()
    except OSError as error:
        raise JournalError(f"{directory}: not written: {error.strerror}") from error
