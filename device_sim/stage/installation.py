"""Broker, cloud and gateways as programs of a stage: how they are set up, broken and mended.

What breaks one of them here mends it as well: a broker and a gateway come back under the same
address, configuration and disk, as after a power cut.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from device_sim.broker import Endpoint
from device_sim.errors import ProcessFailed, SimulatorError
from device_sim.stage import configuration as conf
from device_sim.stage.cloud import CloudApi, open_client
from device_sim.stage.processes import Stage, run_to_end
from device_sim.stage.uplink import UplinkLine, open_uplink_line

START_S: Final = 20.0
BROKER: Final = "broker"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to set up. broker: auto, mosquitto or iotcore.

    devices: the `[[devices]]` of a site's gateway, as TOML. websockets: where the broker speaks to
    browsers, if it can.
    """

    broker: str
    warehouses: tuple[str, ...]
    devices: Callable[[conf.Site], str]
    seed: int
    websockets: int | None = None


@dataclass(slots=True)
class Installation:
    """Everything that is no device, running."""

    stage: Stage
    broker: Endpoint
    broker_name: str
    broker_program: list[str]
    cloud: CloudApi
    cloud_url: str
    admin_token: str
    sites: Mapping[str, conf.Site]
    uplink: UplinkLine

    async def start_gateway(self, site: conf.Site) -> None:
        """Start the gateway of a site."""
        program = conf.python("gateway", "run", "--config", str(site.config))
        await self.stage.start(site.gateway, program)

    async def kill_gateway(self, site: conf.Site) -> None:
        """SIGKILL the gateway of a site; what it had not committed is gone."""
        await self.stage.kill(site.gateway)

    async def start_pages(self, site: conf.Site, port: int) -> str:
        """Serve the pages of a site's box; gives their address."""
        program = conf.python("gateway", "pages", "run", "--config", str(site.config))
        await self.stage.start(f"pages-{site.warehouse}", program)
        await _until_it_listens("pages", Endpoint("127.0.0.1", port))
        return f"http://localhost:{port}/"

    async def start_broker(self) -> None:
        """Start the broker and wait until it listens."""
        await self.stage.start(BROKER, self.broker_program)
        await _until_it_listens(self.broker_name, self.broker)

    async def kill_broker(self) -> None:
        """SIGKILL the broker; what it had not written is gone, sessions included."""
        await self.stage.kill(BROKER)


@contextlib.asynccontextmanager
async def open_installation(stage: Stage, wanted: Wanted) -> AsyncIterator[Installation]:
    """Everything running and reachable; gateways speak to the cloud through a line of ours."""
    broker = Endpoint("127.0.0.1", conf.free_port())
    directory = stage.directory / "broker"
    directory.mkdir(exist_ok=True)
    name, program = conf.broker_program(wanted.broker, directory, broker.port, wanted.websockets)
    database = stage.directory / "cloud.sqlite"
    sites = {
        warehouse: conf.make_site(stage.directory, warehouse) for warehouse in wanted.warehouses
    }
    token = await _enrol(database, sites.values())
    cloud_at = Endpoint("127.0.0.1", conf.free_port())
    cloud_url = f"http://{cloud_at.host}:{cloud_at.port}"
    serve = ("serve", "--database", str(database), "--port", str(cloud_at.port))
    await stage.start("cloud", conf.python("cloud_sync", *serve))
    async with open_client(cloud_url, token) as client, open_uplink_line(cloud_at) as uplink:
        cloud = CloudApi(client)
        it = Installation(stage, broker, name, program, cloud, cloud_url, token, sites, uplink)
        await it.start_broker()
        await cloud.wait_until_healthy()
        for site in sites.values():
            text = conf.gateway_config(site, broker, uplink.url, seed=wanted.seed)
            site.config.write_text(text + wanted.devices(site), encoding="utf-8")
            await it.start_gateway(site)
        yield it


async def _until_it_listens(name: str, endpoint: Endpoint) -> None:
    try:
        async with asyncio.timeout(START_S):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
                    writer.close()
                    return
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise SimulatorError(f"{name}: does not listen within {START_S:g} s") from error


async def _enrol(database: Path, sites: Iterable[conf.Site]) -> str:
    """Give each gateway its token, in a file of its own; gives the administrator's."""
    where = ("--database", str(database))
    for site in sites:
        token = await _token(
            "gateways", "enrol", site.gateway, "--warehouse", site.warehouse, *where
        )
        site.token.touch(mode=0o600)
        site.token.write_text(token + "\n", encoding="ascii")
    return await _token("tokens", "create", "simulation", "--role", "admin", *where)


async def _token(*arguments: str) -> str:
    code, output, complaint = await run_to_end(conf.python("cloud_sync", *arguments))
    if code != 0:
        raise ProcessFailed("cloud", f"exit code {code}", complaint.strip())
    return output.strip().splitlines()[-1]
