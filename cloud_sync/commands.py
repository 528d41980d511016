"""What the commands do once their arguments are read."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from cloud_sync.service.clock import wall_us
from cloud_sync.store.credentials import (
    NotEnrolled,
    create_token,
    enrol_gateway,
    revoke_gateway,
)
from cloud_sync.store.open import open_database
from cloud_sync.store.ports import Database, StoreError


def run_command(name: str, namespace: argparse.Namespace) -> int:
    """Run one command on the database; gives the exit code."""
    try:
        print(asyncio.run(_on_database(_COMMANDS[name], namespace)))
    except (NotEnrolled, StoreError) as error:
        return _fail(error)
    return 0


def run_service(namespace: argparse.Namespace) -> int:
    """Serve until told to stop; gives the exit code."""
    from cloud_sync.service.logs import set_up_logging
    from cloud_sync.service.server import CannotServe, ServeOptions, serve

    set_up_logging(is_json=namespace.log_json, level=namespace.log_level)
    options = ServeOptions(
        database=namespace.database,
        host=namespace.host,
        port=namespace.port,
        tls_cert=namespace.tls_cert,
        tls_key=namespace.tls_key,
    )
    try:
        asyncio.run(serve(options))
    except (CannotServe, StoreError) as error:
        return _fail(error)
    return 0


def _fail(error: Exception) -> int:
    print(f"forepost-cloud: {error}", file=sys.stderr)
    return 1


Command = Callable[[Database, argparse.Namespace], Awaitable[str]]


async def _on_database(command: Command, namespace: argparse.Namespace) -> str:
    async with open_database(namespace.database) as database:
        return await command(database, namespace)


async def _migrate(database: Database, namespace: argparse.Namespace) -> str:
    return f"{namespace.database}: up to date"


async def _enrol(database: Database, namespace: argparse.Namespace) -> str:
    script = partial(
        enrol_gateway,
        gateway=namespace.gateway,
        warehouse=namespace.warehouse,
        now_us=wall_us(),
    )
    return await database.transact(script)


async def _revoke(database: Database, namespace: argparse.Namespace) -> str:
    script = partial(revoke_gateway, gateway=namespace.gateway, now_us=wall_us())
    n_revoked = await database.transact(script)
    return f"{namespace.gateway}: {n_revoked} token(s) revoked"


async def _create_token(database: Database, namespace: argparse.Namespace) -> str:
    script = partial(create_token, name=namespace.name, role=namespace.role, now_us=wall_us())
    return await database.transact(script)


_COMMANDS: Final[dict[str, Command]] = {
    "migrate": _migrate,
    "enrol": _enrol,
    "revoke": _revoke,
    "create_token": _create_token,
}
