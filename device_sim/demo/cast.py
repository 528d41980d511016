"""Who is on the stage: broker, cloud, gateways, devices, and how each is started."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from device_sim.broker import Endpoint
from device_sim.demo import configuration as conf
from device_sim.demo.cloud import CloudApi, open_client
from device_sim.demo.crew import Pace, Worker
from device_sim.demo.ledger import Ledger
from device_sim.demo.options import DemoOptions
from device_sim.demo.processes import Child, OnReport, Stage, run_to_end
from device_sim.errors import ProcessFailed, SimulatorError
from device_sim.world import World
from gateway.codecs.epc import encode_sgtin_96

START_S: Final = 20.0
PDA_FAULTS: Final = "drop=0.02,repeat=0.03,delay_s=0.1,reorder=0.05"
SERIAL_FAULTS: Final = "corrupt=0.02,split=0.2,noise=0.05"
COMPANY_DIGITS: Final = 7
SENSOR: Final = "climate-A"


@dataclass(slots=True)
class Cast:
    """Everybody. reports: how many of each kind a device has sent, by device."""

    broker: Endpoint
    broker_name: str
    cloud: CloudApi
    cloud_url: str
    world: World
    random: Random
    sites: dict[str, conf.Site]
    workers: dict[str, Worker]
    m100: Child | None = None
    n_tags: int = 0
    sent: dict[str, int] = field(default_factory=dict)

    async def start_gateway(self, stage: Stage, site: conf.Site) -> None:
        """Start the gateway of a site."""
        program = conf.python("gateway", "run", "--config", str(site.config))
        await stage.start(site.gateway, program)

    def put_tags_in_field(self) -> None:
        """A few boxes of one item come to the dock, each with its tag."""
        item = self.random.choice(self.world.catalog)
        tags = []
        for _ in range(self.random.randint(1, 4)):
            self.n_tags += 1
            epc = encode_sgtin_96(item.gtin, self.n_tags, company_digits=COMPANY_DIGITS)
            tags.append([epc, self.random.randint(-62, -48)])
        if self.m100 is not None:
            self.m100.tell({"do": "field", "tags": tags})

    def put_noise_on_line(self) -> None:
        """The dock is empty; something else speaks on the serial line."""
        if self.m100 is not None:
            self.m100.tell({"do": "field", "tags": []})
            self.m100.tell({"do": "noise", "hex": self.random.randbytes(40).hex()})


@contextlib.asynccontextmanager
async def set_the_stage(
    stage: Stage, options: DemoOptions, world: World, random: Random
) -> AsyncIterator[Cast]:
    """Everything running and connected."""
    broker = Endpoint("127.0.0.1", conf.free_port())
    broker_name = await _start_broker(stage, options.broker, broker)
    database = stage.directory / "cloud.sqlite"
    sites = {
        name: _make_site(stage.directory, name) for name in (conf.PRE_POSITIONED, conf.CENTRAL)
    }
    token = await _enrol(database, sites)
    cloud_port = conf.free_port()
    cloud_url = f"http://127.0.0.1:{cloud_port}"
    await stage.start(
        "cloud",
        conf.python("cloud_sync", "serve", "--database", str(database), "--port", str(cloud_port)),
    )
    async with open_client(cloud_url, token) as client:
        cloud = CloudApi(client)
        await cloud.wait_until_healthy()
        workers = {
            name: Worker(world, name, Ledger(f"pda-{name}"), Random(random.random()), Pace())
            for name in sites
        }
        cast = Cast(broker, broker_name, cloud, cloud_url, world, random, sites, workers)
        for site in sites.values():
            text = conf.gateway_config(site, broker, cloud_url, seed=options.seed)
            site.config.write_text(text, encoding="utf-8")
            await cast.start_gateway(stage, site)
        await _start_devices(stage, cast, options.seed)
        yield cast


def _make_site(directory: Path, warehouse: str) -> conf.Site:
    site = conf.Site(warehouse, directory / warehouse)
    site.directory.mkdir(parents=True, exist_ok=True)
    return site


async def _start_broker(stage: Stage, wanted: str, endpoint: Endpoint) -> str:
    directory = stage.directory / "broker"
    directory.mkdir(exist_ok=True)
    name, program = conf.broker_program(wanted, directory, endpoint.port)
    await stage.start("broker", program)
    try:
        async with asyncio.timeout(START_S):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
                    writer.close()
                    return name
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise SimulatorError(f"{name}: does not listen within {START_S:g} s") from error


async def _enrol(database: Path, sites: dict[str, conf.Site]) -> str:
    """Give each gateway its token, in a file of its own; gives the administrator's."""
    where = ("--database", str(database))
    for site in sites.values():
        token = await _token(
            "gateways", "enrol", site.gateway, "--warehouse", site.warehouse, *where
        )
        site.token.touch(mode=0o600)
        site.token.write_text(token + "\n", encoding="ascii")
    return await _token("tokens", "create", "demo", "--role", "admin", *where)


async def _token(*arguments: str) -> str:
    code, output, complaint = await run_to_end(conf.python("cloud_sync", *arguments))
    if code != 0:
        raise ProcessFailed("cloud", f"exit code {code}", complaint.strip())
    return output.strip().splitlines()[-1]


async def _start_devices(stage: Stage, cast: Cast, seed: int) -> None:
    """A PDA for each warehouse; sensors and RFID at the pre-positioned one."""
    start = partial(_start, stage, cast, seed=seed)
    for name, worker in cast.workers.items():
        pda = worker.ledger.device
        where = ("--warehouse", name, "--name", pda, "--faults", PDA_FAULTS)
        worker.pda = await start("pda", pda, options=where, hear=worker.hear)
    site = cast.sites[conf.PRE_POSITIONED]
    sensor = (
        "--warehouse",
        site.warehouse,
        "--name",
        SENSOR,
        "--zone",
        "ambient",
        "--period",
        "2",
    )
    await start("climate", SENSOR, options=sensor)
    port = ("--link", str(site.pty("m100")), "--faults", SERIAL_FAULTS)
    cast.m100 = await start("m100", "rfid-dock", options=port)
    units = [f"--unit={address}={zone}" for address, zone in conf.BUS_UNITS.items()]
    await start("xy-md02", "cold-bus", options=("--link", str(site.pty("xy-md02")), *units))


async def _start(
    stage: Stage,
    cast: Cast,
    kind: str,
    name: str,
    *,
    options: tuple[str, ...],
    seed: int,
    hear: OnReport | None = None,
) -> Child:
    broker = cast.broker if kind in ("pda", "climate") else None
    program = conf.device_program(kind, broker=broker, options=options, seed=seed)
    return await stage.start(name, program, on_report=hear or partial(_count, cast, name))


def _count(cast: Cast, name: str, report: dict[str, object]) -> None:
    if report.get("event") == "sent":
        cast.sent[name] = cast.sent.get(name, 0) + 1
    elif report.get("event") in ("tags", "answered"):
        cast.sent[name] = int(str(report.get("n", 0)))
