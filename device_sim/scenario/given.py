"""Somebody else's installation as the ground of a scenario: driven and asked, never broken.

Its gateways must know the scenario's devices (`forepost-sim run SCENARIO --print-devices`).
Stock that was there before is taken into account; other people's lots are left out.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

from device_sim.broker import Endpoint
from device_sim.errors import SimulatorError
from device_sim.scenario.evidence import Ground
from device_sim.scenario.model import Scenario
from device_sim.stage.cloud import CloudApi, open_client
from device_sim.stage.configuration import Site, site_of


@contextlib.asynccontextmanager
async def given_ground(
    scenario: Scenario,
    *,
    broker: Endpoint,
    cloud_url: str,
    token: str,
    configs: Sequence[Path],
    directory: Path,
    day: int,
) -> AsyncIterator[Ground]:
    """The installation, once its cloud answers. Raises SimulatorError for what does not fit."""
    sites = {site.warehouse: site for site in (_read_site(path, directory) for path in configs)}
    missing = [warehouse for warehouse in scenario.warehouses if warehouse not in sites]
    if missing:
        raise SimulatorError(f"--gateway-status: none is of warehouse {missing[0]}")
    async with open_client(cloud_url, token) as client:
        cloud = CloudApi(client)
        await cloud.wait_until_healthy()
        yield Ground(broker, cloud, {name: sites[name] for name in scenario.warehouses}, None, day)


def _read_site(config: Path, directory: Path) -> Site:
    site = site_of(config, directory)
    home = directory / site.warehouse
    home.mkdir(parents=True, exist_ok=True)
    return replace(site, directory=home)
