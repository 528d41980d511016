"""How fast the cloud takes batches: side by side with what the same rows cost the database alone.

Three figures from one run on one disk, as events per second, and their ratios:
    bare     the rows of a batch inserted by `executemany`, one synced commit each: the machine's
             own limit for this table
    take     `take_batch`: decisions, effects, cursor, in the same kind of commit
    http     the same through the real server and the real client, one gateway, one at a time
Usage: python benchmarks/cloud_ingest.py [--events N] [--batch N] [--directory DIR]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.stock_events import make_event
from cloud_sync.client.http import open_client
from cloud_sync.contract import events as ev
from cloud_sync.contract.batches import encode_batch
from cloud_sync.contract.chain import first_link, next_link
from cloud_sync.inbox.wire import parse_upload
from cloud_sync.store.batches import Taken, take_batch
from cloud_sync.store.credentials import enrol_gateway
from cloud_sync.store.open import open_database

EPOCH = "00000000-0000-7000-8000-0000000000e1"
GATEWAY = "gw-1"
WAREHOUSE = "W1"


def make_batches(n_events: int, n_rows: int) -> list[bytes]:
    """Encoded batches of receipts and moves over a few hundred items."""
    link, batches = first_link(gateway=GATEWAY, epoch=EPOCH), []
    for first in range(1, n_events + 1, n_rows):
        before, bodies = link, []
        for seq in range(first, min(first + n_rows, n_events + 1)):
            body = ev.encode_event(_event(seq))
            link = next_link(link, seq, body)
            bodies.append(body)
        batches.append(
            encode_batch(
                gateway=GATEWAY,
                epoch=EPOCH,
                instance="a1",
                first_seq=first,
                chain_before=before,
                chain_after=link,
                bodies=bodies,
            )
        )
    return batches


def _event(seq: int) -> ev.Event:
    event_id = f"{seq:08x}-0000-7000-8000-000000000001"
    return make_event(seq, event_id, warehouse=WAREHOUSE, occurred_at_us=seq, received_at_us=seq)


def run_bare(directory: Path, batches: list[bytes]) -> float:
    """Seconds to insert the rows and nothing else."""
    connection = sqlite3.connect(directory / "bare.db", isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    connection.execute(
        "create table received(position integer primary key, seq integer not null, "
        "event_id text not null unique, body blob not null) strict"
    )
    uploads = [parse_upload(raw) for raw in batches]
    started = time.perf_counter()
    for upload in uploads:
        connection.execute("begin immediate")
        connection.executemany(
            "insert into received(seq, event_id, body) values (?, ?, ?)",
            [
                (seq, f"{seq:08x}", body)
                for seq, body in enumerate(upload.bodies, upload.batch.first_seq)
            ],
        )
        connection.execute("commit")
    seconds = time.perf_counter() - started
    connection.close()
    return seconds


async def run_take(directory: Path, batches: list[bytes]) -> float:
    """Seconds to take the batches, from their bytes on."""
    async with open_database(str(directory / "take.db")) as database:
        await database.transact(
            partial(enrol_gateway, gateway=GATEWAY, warehouse=WAREHOUSE, now_us=1)
        )
        started = time.perf_counter()
        for raw in batches:
            outcome = await database.transact(
                partial(
                    take_batch,
                    gateway=GATEWAY,
                    warehouse=WAREHOUSE,
                    upload=parse_upload(raw),
                    now_us=1,
                )
            )
            if not isinstance(outcome, Taken) or outcome.n_quarantined:
                raise AssertionError(outcome)
        return time.perf_counter() - started


def run_http(directory: Path, batches: list[bytes]) -> float:
    """Seconds to send the batches by the real client to the real server, a process of its own."""
    database = ["--database", str(directory / "http.db")]
    command = [sys.executable, "-m", "cloud_sync"]
    enrol = [*command, "gateways", "enrol", GATEWAY, "--warehouse", WAREHOUSE, *database]
    token = subprocess.run(enrol, capture_output=True, text=True, check=True).stdout.strip()
    serve = [*command, "serve", "--port", "0", "--log-json", *database]
    with subprocess.Popen(serve, stderr=subprocess.PIPE, text=True) as server:
        if server.stderr is None:
            raise AssertionError("asked for its standard error")
        ready = next(line for line in map(json.loads, server.stderr) if line["action"] == "ready")
        try:
            return asyncio.run(_send_all(f"http://127.0.0.1:{ready['port']}", token, batches))
        finally:
            server.terminate()


async def _send_all(url: str, token: str, batches: list[bytes]) -> float:
    async with open_client(url, token=token, deadline_s=60) as client:
        started = time.perf_counter()
        for raw in batches:
            await client.send_batch(raw)
        return time.perf_counter() - started


def main() -> None:
    """Run all three and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--directory", type=Path, default=None)
    options = parser.parse_args()
    batches = make_batches(options.events, options.batch)
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        directory = Path(name)
        seconds = {
            "bare": run_bare(directory, batches),
            "take": asyncio.run(run_take(directory, batches)),
            "http": run_http(directory, batches),
        }
    per_s = {name: round(options.events / it) for name, it in seconds.items()}
    ratios = {
        f"{name}_to_bare": round(seconds["bare"] / seconds[name], 3) for name in ("take", "http")
    }
    print(json.dumps({"events": options.events, "batch": options.batch, **per_s, **ratios}))


if __name__ == "__main__":
    main()
