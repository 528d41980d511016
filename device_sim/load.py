"""A load of readings: N devices, R messages a second together, for D seconds.

Every message has its device's boot id and sequence number, or a tag of its own, so that what
arrived can be compared with what was sent. Nothing is sent twice: what has no receipt at the end
is reported as such. Devices share connections, CONNECTIONS_MAX at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final, Literal

from device_sim.broker import DeviceClient, Endpoint, topic
from device_sim.catalog import ZONES, make_catalog
from device_sim.clock import iso_time, wall_us
from device_sim.load_arrivals import Sent, load_epc, watch_journal
from gateway.codecs.gs1 import encode_gs1_128

Kind = Literal["scan", "climate", "reads"]

CONNECTIONS_MAX: Final = 50
TICK_S: Final = 0.01
CONNECT_S: Final = 15.0
READS_PER_TAG: Final = 3
"""How often a tag was read that comes once: enough to have arrived by any sensible rule."""
SETTLE_S: Final = 30.0
"""How long receipts are waited for after the last message."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What to send where; rate in messages per second of all devices together.

    gateway: the configuration of the gateway whose journal is to be looked into; None for none.
    """

    broker: Endpoint
    warehouse: str
    n_devices: int
    rate: float
    duration_s: float
    kind: Kind
    seed: int
    gateway: Path | None = None


@dataclass(slots=True)
class LoadDevice:
    """One device's name and numbering. i_device: its place among all of them."""

    name: str
    boot: str
    client: DeviceClient
    i_device: int
    last_seq: int = 0


@dataclass(slots=True)
class Tally:
    """What went out and what came back."""

    n_sent: int = 0
    n_unsent: int = 0
    results: Counter[str] = field(default_factory=Counter)
    answered: set[tuple[str, int]] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, topic_name: str, payload: bytes) -> None:
        """Take in a result."""
        body = json.loads(payload)
        if isinstance(body, dict) and isinstance(body.get("seq"), int):
            device = topic_name.split("/")[3]
            if (device, body["seq"]) not in self.answered:
                self.answered.add((device, body["seq"]))
                self.results[str(body.get("status"))] += 1
                self.news.set()


async def run_load(options: LoadOptions) -> dict[str, object]:
    """Send it; gives what was sent, and what arrived if there is a gateway to ask.

    Raises OSError or TimeoutError if there is no broker, SimulatorError if there is no gateway.
    """
    tally, random = Tally(), Random(options.seed)
    journal = None if options.gateway is None else await watch_journal(options.gateway)
    devices, clients = _make_devices(options, tally)
    try:
        for client in clients:
            await client.start()
        async with asyncio.timeout(CONNECT_S):
            while not all(client.is_connected for client in clients):  # noqa: ASYNC110 -- many
                await asyncio.sleep(TICK_S)
        began_s = time.monotonic()
        await _send(options, devices, tally, random, began_s)
        seconds = time.monotonic() - began_s
        await _settle(options, tally)
    finally:
        for client in clients:
            await client.stop()
    last_seqs = {device.name: device.last_seq for device in devices}
    sent = Sent(options.kind, devices[0].boot, last_seqs)
    arrived = None if journal is None else await journal.arrivals(sent)
    return {
        "kind": options.kind,
        "seconds": round(seconds, 3),
        "sent": tally.n_sent,
        "not_sent": tally.n_unsent,
        "messages_per_s": round(tally.n_sent / seconds, 1),
        "results": dict(sorted(tally.results.items())),
        "without_result": tally.n_sent - len(tally.answered) if options.kind == "scan" else None,
        "journal": arrived,
        "devices": [
            {"device": device.name, "boot": device.boot, "last_seq": device.last_seq}
            for device in devices
        ],
    }


def _make_devices(
    options: LoadOptions, tally: Tally
) -> tuple[list[LoadDevice], list[DeviceClient]]:
    prefix = "climate" if options.kind == "climate" else "pda"
    names = [f"{prefix}-load-{i:04d}" for i in range(1, options.n_devices + 1)]
    n_clients = min(CONNECTIONS_MAX, options.n_devices)
    clients = [
        DeviceClient(
            options.broker,
            warehouse=options.warehouse,
            device=names[i],
            subscriptions=[
                topic(options.warehouse, name, "result") for name in names[i::n_clients]
            ],
            on_message=tally.hear,
        )
        for i in range(n_clients)
    ]
    boot = secrets.token_hex(8)
    devices = [LoadDevice(name, boot, clients[i % n_clients], i) for i, name in enumerate(names)]
    return devices, clients


async def _send(
    options: LoadOptions,
    devices: Sequence[LoadDevice],
    tally: Tally,
    random: Random,
    began_s: float,
) -> None:
    total = round(options.rate * options.duration_s)
    done = 0
    while done < total:
        due = min(total, int((time.monotonic() - began_s) * options.rate) + 1)
        for i in range(done, due):
            device = devices[i % len(devices)]
            payload = _payload(options, device, random)
            channel = topic(options.warehouse, device.name, options.kind)
            if device.client.publish(channel, payload):
                device.last_seq += 1
                tally.n_sent += 1
            else:
                tally.n_unsent += 1
        done = due
        await asyncio.sleep(TICK_S)


def _payload(options: LoadOptions, device: LoadDevice, random: Random) -> bytes:
    reading: dict[str, object] = {
        "v": 1,
        "boot": device.boot,
        "seq": device.last_seq + 1,
        "time": iso_time(wall_us()),
    }
    if options.kind == "climate":
        zone = random.choice(sorted(ZONES))
        reading |= {"zone": zone, "temperature_c": round(ZONES[zone][0] + random.gauss(0, 0.2), 2)}
    elif options.kind == "reads":
        number = device.last_seq * options.n_devices + device.i_device
        tag = {"epc": load_epc(device.boot, number), "antenna": 1, "count": READS_PER_TAG}
        reading |= {"reads": [tag | {"rssi_dbm": round(random.uniform(-62, -48), 1)}]}
    else:
        gtin = random.choice(make_catalog()).gtin
        data = encode_gs1_128([("01", gtin), ("10", f"LOAD{random.randint(1, 9)}")])
        task = {"type": "receive", "location": "LOAD", "quantity": 1}
        reading |= {"data": data, "symbology": "GS1_128", "task": task}
    return json.dumps(reading).encode()


async def _settle(options: LoadOptions, tally: Tally) -> None:
    """Wait for the results still out; sensors and readers get none."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_S):
            while options.kind == "scan" and len(tally.answered) < tally.n_sent:
                tally.news.clear()
                await tally.news.wait()
