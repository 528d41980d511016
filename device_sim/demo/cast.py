"""Who is on the stage: broker, cloud, gateways, devices and the workers who lead them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Final

from device_sim.demo.options import DemoOptions
from device_sim.demo.site import BUS_UNITS, CENTRAL, PRE_POSITIONED, pages_of
from device_sim.stage import configuration as conf
from device_sim.stage.cloud import CloudApi
from device_sim.stage.crew import Pace, Worker
from device_sim.stage.installation import Installation, Wanted, open_installation
from device_sim.stage.ledger import Ledger
from device_sim.stage.picking import Picker, Shop
from device_sim.stage.processes import Child, OnReport, Stage
from device_sim.stage.tags import TagMint
from device_sim.world import World

PDA_FAULTS: Final = "drop=0.02,repeat=0.03,delay_s=0.1,reorder=0.05"
SERIAL_FAULTS: Final = "corrupt=0.02,split=0.2,noise=0.05"
DISTANCES_M: Final = {PRE_POSITIONED: 2_000, CENTRAL: 40_000}
"""From the customers."""
MISSED_SHARES: Final = {PRE_POSITIONED: 0.08, CENTRAL: 0.0}
"""Of the stops, those at which a worker does not see what is there; what nobody sees, nobody
delivers, so somebody always does."""
SENSOR: Final = "climate-A"


@dataclass(slots=True)
class Cast:
    """Everybody. reports: how many of each kind a device has sent, by device."""

    installation: Installation
    world: World
    random: Random
    workers: dict[str, Worker]
    mint: TagMint
    shop: Shop
    pickers: dict[str, Picker]
    pages_url: str
    m100: Child | None = None
    sent: dict[str, int] = field(default_factory=dict)

    @property
    def cloud(self) -> CloudApi:
        """The cloud's public interface."""
        return self.installation.cloud

    @property
    def sites(self) -> Mapping[str, conf.Site]:
        """The warehouses with their gateways."""
        return self.installation.sites

    def put_tags_in_field(self) -> None:
        """A few boxes come to the dock, each with its tag."""
        if self.m100 is not None:
            self.m100.tell({"do": "field", "tags": self.mint.boxes()})

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
    port, websockets = conf.free_port(), conf.free_port()
    configured = partial(pages_of, port=port, websockets=websockets)
    wanted = Wanted(
        options.broker, (PRE_POSITIONED, CENTRAL), configured, options.seed, websockets
    )
    async with open_installation(stage, wanted) as installation:
        pages_url = await installation.start_pages(installation.sites[PRE_POSITIONED], port)
        workers = {
            name: Worker(world, name, Ledger(f"pda-{name}"), Random(random.random()), Pace())
            for name in installation.sites
        }
        mint = TagMint(world, Random(random.random()))
        shop = Shop(installation.cloud, world, Random(random.random()), DISTANCES_M)
        pickers = {
            name: Picker(worker, Random(random.random()), missed_share=MISSED_SHARES[name])
            for name, worker in workers.items()
        }
        cast = Cast(installation, world, random, workers, mint, shop, pickers, pages_url)
        await _start_devices(stage, cast, options.seed)
        yield cast


async def _start_devices(stage: Stage, cast: Cast, seed: int) -> None:
    """A PDA for each warehouse; sensors and RFID at the pre-positioned one."""
    start = partial(_start, stage, cast, seed=seed)
    for name, worker in cast.workers.items():
        pda = worker.ledger.device
        where = ("--warehouse", name, "--name", pda, "--faults", PDA_FAULTS)
        worker.pda = await start("pda", pda, options=where, hear=worker.hear)
    site = cast.sites[PRE_POSITIONED]
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
    units = [f"--unit={address}={zone}" for address, zone in BUS_UNITS.items()]
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
    broker = cast.installation.broker if kind in ("pda", "climate") else None
    program = conf.device_program(kind, broker=broker, options=options, seed=seed)
    return await stage.start(name, program, on_report=hear or partial(_count, cast, name))


def _count(cast: Cast, name: str, report: dict[str, object]) -> None:
    if report.get("event") in ("sent", "said"):
        cast.sent[name] = cast.sent.get(name, 0) + 1
    elif report.get("event") == "tags":
        cast.sent[name] = int(str(report.get("n", 0)))
