"""What the commands do once their arguments are read."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

from cloud_sync.service.clock import wall_us
from cloud_sync.service.forecasting import (
    ForecastFailed,
    Terms,
    forecast_warehouse,
    run_forecaster,
    warehouses_with_policies,
)
from cloud_sync.store.audit import AuditBroken, Deed, audited, read_entries, shown, verify
from cloud_sync.store.credentials import (
    NotEnrolled,
    create_token,
    enrol_gateway,
    read_tokens,
    revoke_token,
)
from cloud_sync.store.enrolment import invite, make_code, shut_out
from cloud_sync.store.open import QUESTION_S, open_database
from cloud_sync.store.ports import Database, StoreError
from cloud_sync.store.refold import STATEMENT_S as REFOLD_STATEMENT_S
from cloud_sync.store.refold import Progress, RefoldStopped, Watch, refold

DAY_US: Final = 86_400_000_000
LISTED_MAX: Final = 100_000
AUDIT_PAGE: Final = 1000
_TOLD: Final = ("action", "gateway", "warehouse", "name", "role", "hours", "days", "token_id")
"""The arguments that are told in the audit log."""
TOLD_EVERY_ROWS: Final = 20_000
"""About five seconds of folding."""
COVERED_DAYS_MIN: Final = 14.0
"""An item of whose demand less was seen has its policy from people."""


def run_command(name: str, namespace: argparse.Namespace) -> int:
    """Run one command on the database; gives the exit code."""
    namespace.action = name
    try:
        if told := asyncio.run(_on_database(_COMMANDS[name], namespace)):
            print(told)
    except (AuditBroken, ForecastFailed, NotEnrolled, RefoldStopped, StoreError) as error:
        return _fail(error)
    return 0


def run_service(namespace: argparse.Namespace) -> int:
    """Serve until told to stop; gives the exit code."""
    from cloud_sync.dashboard.front import put_in_front
    from cloud_sync.service.logs import set_up_logging
    from cloud_sync.service.server import CannotServe, ServeOptions, serve
    from cloud_sync.service.signing import KeyUnusable, read_signer

    set_up_logging(is_json=namespace.log_json, level=namespace.log_level)
    try:
        signer = None if namespace.signing_key is None else read_signer(namespace.signing_key)
    except KeyUnusable as error:
        return _fail(error)
    options = ServeOptions(
        database=namespace.database,
        host=namespace.host,
        port=namespace.port,
        tls_cert=namespace.tls_cert,
        tls_key=namespace.tls_key,
        allow_private_webhooks=namespace.allow_private_webhooks,
        signer=signer,
    )
    try:
        asyncio.run(serve(options, put_in_front))
    except (CannotServe, StoreError) as error:
        return _fail(error)
    return 0


def run_signing_key(action: str, file: Path) -> int:
    """Make, rotate or show the key by which the cloud signs; gives the exit code."""
    from cloud_sync.service.signing import KeyUnusable, make_key, read_signer, rotate_key

    work = {"make": make_key, "rotate": rotate_key, "show": read_signer}[action]
    try:
        signer = work(file)
    except KeyUnusable as error:
        return _fail(error)
    print(f"{signer.public}  after {len(signer.successions)} rotation(s)")
    return 0


def _fail(error: Exception) -> int:
    print(f"forepost-cloud: {error}", file=sys.stderr)
    return 1


Command = Callable[[Database, argparse.Namespace], Awaitable[str]]


async def _on_database(command: Command, namespace: argparse.Namespace) -> str:
    statement_s = REFOLD_STATEMENT_S if command is _refold else QUESTION_S
    async with open_database(namespace.database, statement_s=statement_s) as database:
        return await command(database, namespace)


async def _migrate(database: Database, namespace: argparse.Namespace) -> str:
    return f"{namespace.database}: up to date"


async def _refold(database: Database, namespace: argparse.Namespace) -> str:
    is_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, is_to_stop.set)
    n_rows = await refold(database, watch=watch_refold(is_to_stop.is_set))
    return f"{namespace.database}: stock folded again from {n_rows} events"


def _deed(namespace: argparse.Namespace) -> Deed:
    """What the console does: the command, and those of its words that are no secrets."""
    words = [str(value) for name in _TOLD if (value := getattr(namespace, name, None)) is not None]
    return Deed(getpass.getuser(), "console", " ".join(["forepost-cloud", *words]), wall_us())


def watch_refold(is_to_stop: Callable[[], bool]) -> Watch:
    """Tells on standard error how far it is, and stops it where somebody wants it stopped."""
    told = Progress("", 0, 0)

    def watch(progress: Progress) -> None:
        nonlocal told
        if is_to_stop():
            raise RefoldStopped(
                "stopped: what is done is kept, and the next run goes on from there"
            )
        n_told = told.n_rows if told.warehouse == progress.warehouse else 0
        if progress.n_rows - n_told >= TOLD_EVERY_ROWS:
            told = progress
            line = f"{told.warehouse}: {told.n_rows} of about {told.n_rows_about} rows"
            print(line, file=sys.stderr, flush=True)

    return watch


async def _forecast(database: Database, namespace: argparse.Namespace) -> str:
    terms = Terms(
        n_days=namespace.days, cycle_days=namespace.cycle_days, covered_days=COVERED_DAYS_MIN
    )
    if namespace.warehouse is None:
        names = await database.read(warehouses_with_policies)
    else:
        names = [namespace.warehouse]
    lines = []
    for name in names:
        n_items, n_changed = await forecast_warehouse(
            database, name, terms, now_us=wall_us(), forecaster=run_forecaster
        )
        lines.append(f"{name}: {n_items} items forecast, {n_changed} policies changed")
    return "\n".join(lines) or "no policies"


async def _enrol(database: Database, namespace: argparse.Namespace) -> str:
    script = partial(
        enrol_gateway,
        gateway=namespace.gateway,
        warehouse=namespace.warehouse,
        now_us=wall_us(),
    )
    return await database.transact(audited(script, _deed(namespace)))


async def _invite(database: Database, namespace: argparse.Namespace) -> str:
    code = make_code()
    script = partial(
        invite,
        gateway=namespace.gateway,
        warehouse=namespace.warehouse,
        code=code,
        now_us=wall_us(),
        hours=namespace.hours,
    )
    await database.transact(audited(script, _deed(namespace)))
    return code


async def _revoke(database: Database, namespace: argparse.Namespace) -> str:
    script = partial(shut_out, gateway=namespace.gateway, now_us=wall_us())
    n_revoked = await database.transact(audited(script, _deed(namespace)))
    return f"{namespace.gateway}: {n_revoked} token(s) revoked"


async def _create_token(database: Database, namespace: argparse.Namespace) -> str:
    now_us = wall_us()
    script = partial(
        create_token,
        name=namespace.name,
        role=namespace.role,
        now_us=now_us,
        expires_at_us=now_us + namespace.days * DAY_US,
    )
    return await database.transact(audited(script, _deed(namespace)))


async def _list_tokens(database: Database, namespace: argparse.Namespace) -> str:
    found = await database.read(partial(read_tokens, name=None, after="", limit=LISTED_MAX))
    return "\n".join(_token_line(row, wall_us()) for row in found)


def _token_line(row: dict[str, object], now_us: int) -> str:
    end = row["expires_at_us"]
    if row["revoked_at_us"] is not None:
        state = "revoked"
    elif not isinstance(end, int):
        state = "good"
    elif end <= now_us:
        state = "expired"
    else:
        state = f"good for {(end - now_us) // DAY_US} days"
    return f"{row['token_id']}  {row['kind']:7}  {row['name']}  {state}"


async def _revoke_token(database: Database, namespace: argparse.Namespace) -> str:
    script = partial(revoke_token, token_id=namespace.token_id, now_us=wall_us())
    if not await database.transact(audited(script, _deed(namespace))):
        raise NotEnrolled(f"there is no good token {namespace.token_id}")
    return f"{namespace.token_id}: revoked"


async def _verify_audit(database: Database, namespace: argparse.Namespace) -> str:
    seq, link = await verify(database, noted=namespace.head)
    return f"{seq} entries hold together; the head is {seq}:{link.hex()}"


async def _export_audit(database: Database, namespace: argparse.Namespace) -> str:
    seq: int = namespace.after
    while page := await database.read(partial(read_entries, after=seq, limit=AUDIT_PAGE)):
        for entry in page:
            print(json.dumps(shown(entry), ensure_ascii=False))
        seq = page[-1].seq
    return ""


_COMMANDS: Final[dict[str, Command]] = {
    "migrate": _migrate,
    "refold": _refold,
    "forecast": _forecast,
    "enrol": _enrol,
    "invite": _invite,
    "revoke": _revoke,
    "create_token": _create_token,
    "list_tokens": _list_tokens,
    "revoke_token": _revoke_token,
    "verify_audit": _verify_audit,
    "export_audit": _export_audit,
}
