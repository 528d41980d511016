"""`forepost-gateway wipe`: everything that this box knows and is, gone, before it is given away.

Journal, keys and tokens, the authority and what it issued, the broker's configuration and what the
broker kept. The program stays, and `enrol` makes a gateway of the box again. What the cloud knows
stays there: `forepost-cloud gateways revoke` ends what the box could still say.

Files are deleted and not written over: a flash disk keeps old pages wherever it likes. Against
somebody who takes the disk apart, it has to be encrypted from the start.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway.broker.files import add_where, systemctl
from gateway.errors import ConfigError, JournalError, SyncError
from gateway.journal.connection import FILE, state_lock
from gateway.journal.durable import sync_directory
from gateway.journal.inspection import open_read_only, summary
from gateway.settings import load_settings

UNITS: Final = ("forepost-gateway", "mosquitto")
UPLINK: Final = "uplink"
BROKER_STORE: Final = Path("/var/lib/mosquitto")
KEPT: Final = frozenset({"lock"})
"""Held while the rest goes; it holds a number, and no more."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_where(parser)
    parser.add_argument(
        "--broker-store", type=Path, default=BROKER_STORE, metavar="DIR",
        help=f"where the broker keeps messages: {BROKER_STORE}",
    )  # fmt: skip
    parser.add_argument(
        "--confirm", required=True, metavar="GATEWAY", help="the id of this gateway, typed out"
    )
    parser.add_argument(
        "--no-stop", action="store_true", help="they are stopped already: gateway and broker"
    )
    parser.add_argument(
        "--lose-unsent", action="store_true", help="also if rows are not in the cloud yet"
    )


def run(namespace: argparse.Namespace) -> int:
    """Wipe the box. Raises GatewayError; then nothing is gone, or it may be run again."""
    settings = load_settings(namespace.config)
    if namespace.confirm != settings.gateway.id:
        raise ConfigError(f"--confirm: this box is {settings.gateway.id}, not {namespace.confirm}")
    if not namespace.no_stop:
        systemctl("stop", *UNITS)
    with state_lock(settings.gateway.state_dir):
        n_unsent = _unsent(settings.gateway.state_dir / FILE)
        if n_unsent != 0 and not namespace.lose_unsent:
            what = "an unknown number of" if n_unsent is None else str(n_unsent)
            raise SyncError(f"{what} rows are not in the cloud; --lose-unsent gives them up")
        # Who is interrupted here runs it again: the configuration goes last.
        for path in _all_of(namespace, settings.gateway.state_dir):
            _remove(path)
    _remove(namespace.config)
    print(f"{settings.gateway.id}: wiped; now, where the cloud is:")
    print(f"  forepost-cloud gateways revoke {settings.gateway.id} --database …")
    return 0


def _unsent(journal: Path) -> int | None:
    """Rows that the cloud has not said it holds; None where the journal cannot be read."""
    if not journal.exists():
        return 0
    try:
        with open_read_only(journal) as connection:
            found = summary(connection, journal)
    except JournalError:
        return None
    last, cursors = found["last_seq"], found["cursors"]
    if not isinstance(last, int) or not isinstance(cursors, dict):
        raise AssertionError(f"a summary without its numbers: {found}")
    return last - int(cursors.get(UPLINK, 0))


def _all_of(namespace: argparse.Namespace, state_dir: Path) -> Iterator[Path]:
    """What is to go: keys and tokens first, so that a box left half wiped is nobody already."""
    yield state_dir / "cloud"
    yield from _inside(namespace.credentials)
    yield from _inside(namespace.authority)
    for pattern in ("certs/forepost-*", "conf.d/forepost.conf", "forepost.*"):
        yield from sorted(namespace.mosquitto.glob(pattern))
    yield from sorted(namespace.broker_store.glob("mosquitto.db*"))
    yield from (path for path in _inside(state_dir) if path.name not in KEPT)


def _inside(directory: Path) -> list[Path]:
    return sorted(directory.iterdir()) if directory.is_dir() else []


def _remove(path: Path) -> None:
    """Remove a file, or a directory with all in it; a link goes, and what it leads to stays."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif os.path.lexists(path):
            path.unlink()
        else:
            return
        sync_directory(path.parent)
    except OSError as error:
        raise SyncError(f"{path}: not removed: {error.strerror}; run this again") from error
