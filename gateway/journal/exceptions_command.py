"""`forepost-gateway exceptions …`: what somebody must look into, also while the uplink is down."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from gateway.errors import JournalError
from gateway.journal.connection import FILE
from gateway.journal.exception_table import SELECT, queue_of
from gateway.journal.inspection import open_read_only
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
    show = commands.add_parser(
        "show", parents=[where], help="exceptions of a kind, with their evidence"
    )
    show.add_argument("kind", metavar="KIND")


def run(namespace: argparse.Namespace) -> int:
    """Run one sub-command. Raises GatewayError."""
    state_dir = load_settings(namespace.config).gateway.state_dir
    with open_read_only(state_dir / FILE) as connection:
        queue = queue_of(connection.execute(SELECT))
    if namespace.what == "show":
        queue = [it for it in queue if it["kind"] == namespace.kind]
        if not queue:
            raise JournalError(f"no open exception of kind {namespace.kind}")
    for entry in queue:
        if namespace.json:
            print(json.dumps(entry))
        else:
            print(_line(entry))
            if namespace.what == "show":
                print(json.dumps(entry["evidence"], indent=2))
    return 0


def _line(entry: Mapping[str, object]) -> str:
    key, actions = entry["key"], entry["actions"]
    named = " ".join(map(str, key)) if isinstance(key, list) else ""
    do = " or ".join(map(str, actions)) if isinstance(actions, list) else ""
    return f"{entry['kind']!s:<20} {named}  ({entry['n_events']} events)  {do}"
