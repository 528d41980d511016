"""`forepost-sim run`: arguments, the installation, the report, the exit code."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from device_sim import arguments
from device_sim.clock import today, wall_us
from device_sim.errors import SimulatorError

if TYPE_CHECKING:
    from device_sim.scenario.evidence import Ground
    from device_sim.scenario.model import Scenario
    from device_sim.stage.processes import Stage

STOPPED_EARLY = 130
DAYS = 2**20
"""Runs against one installation are told apart by the second they began in, for twelve days."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run's options."""
    parser.add_argument(
        "scenario", nargs="?", metavar="SCENARIO", help="a shipped scenario, or a path to one"
    )
    parser.add_argument("--list", action="store_true", help="list the shipped scenarios")
    parser.add_argument(
        "--duration", type=arguments.seconds, metavar="S", help="instead of the scenario's own"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="instead of the scenario's own")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report here")
    parser.add_argument("--directory", type=Path, help="keep journals, database and logs here")
    ours = parser.add_argument_group("an installation of its own (the default)")
    ours.add_argument(
        "--with-broker",
        choices=("auto", "mosquitto", "iotcore"),
        default="auto",
        help="default auto: mosquitto if installed, else the built-in iotcore",
    )
    given = parser.add_argument_group("a given installation (all of these)")
    given.add_argument("--broker", type=arguments.endpoint, metavar="HOST:PORT")
    given.add_argument("--cloud", metavar="URL")
    given.add_argument(
        "--cloud-token-file", type=Path, metavar="FILE", help="an administrator's token"
    )
    given.add_argument(
        "--gateway-status",
        type=Path,
        action="append",
        metavar="CONFIG",
        help="a gateway's configuration, by which its status and journal are asked",
    )
    parser.add_argument(
        "--print-devices",
        type=arguments.identity,
        metavar="WAREHOUSE",
        help="only print the [[devices]] that a gateway needs for the scenario, as TOML",
    )


def run(namespace: argparse.Namespace) -> int:
    """Play a scenario; 0 if everything that was checked holds."""
    from device_sim.scenario.file import load_scenario, shipped_names

    if namespace.list:
        for name in shipped_names():
            print(f"{name:<20} {load_scenario(name).title}")
        return 0
    if namespace.scenario is None:
        raise SimulatorError(f"which scenario? There are {', '.join(shipped_names())}")
    scenario = load_scenario(
        namespace.scenario, duration_s=namespace.duration, seed=namespace.seed
    )
    if namespace.print_devices is not None:
        return _print_devices(scenario, namespace)
    if not sys.platform.startswith("linux"):
        raise SimulatorError("a scenario needs Linux: pseudo-terminals and prctl")
    return _play(scenario, namespace)


def _print_devices(scenario: Scenario, namespace: argparse.Namespace) -> int:
    from device_sim.scenario.fleet import gateway_devices
    from device_sim.stage.configuration import site_at

    directory = (namespace.directory or Path.cwd()).absolute()
    print(gateway_devices(scenario.devices, site_at(directory, namespace.print_devices)))
    return 0


def _play(scenario: Scenario, namespace: argparse.Namespace) -> int:
    from device_sim.scenario.report import report_lines
    from device_sim.stage.terminal import first_known, print_checks, working_directory

    with working_directory(namespace.directory) as directory:
        try:
            report = asyncio.run(_run(scenario, directory, namespace))
        except asyncio.CancelledError:
            return STOPPED_EARLY
        except BaseExceptionGroup as group:
            raise first_known(group) from group
    if namespace.json is not None:
        text = json.dumps(report, indent=2, ensure_ascii=False)
        namespace.json.write_text(text + "\n", encoding="utf-8")
    print("\n".join(report_lines(report)))
    print_checks(report)
    return 0 if report["ok"] is True else 1


async def _run(
    scenario: Scenario, directory: Path, namespace: argparse.Namespace
) -> dict[str, object]:
    from device_sim.scenario.play import Play
    from device_sim.scenario.report import judge, make_report
    from device_sim.stage.processes import open_stage

    _stop_on_signals()
    began_s = time.monotonic()

    def note(text: str) -> None:
        print(f"{time.monotonic() - began_s:6.1f} s  {text}", flush=True)

    async with (
        open_stage(directory) as stage,
        _ground(scenario, stage, namespace) as ground,
    ):
        play = Play(scenario, stage, ground, today=today(), note=note)
        evidence = await play.run()
        return make_report(scenario, evidence, judge(scenario, evidence))


@contextlib.asynccontextmanager
async def _ground(
    scenario: Scenario, stage: Stage, namespace: argparse.Namespace
) -> AsyncIterator[Ground]:
    from device_sim.scenario.evidence import Ground
    from device_sim.scenario.fleet import gateway_toml
    from device_sim.stage.installation import Wanted, open_installation

    given = (namespace.broker, namespace.cloud, namespace.cloud_token_file)
    if any(each is not None for each in (*given, namespace.gateway_status)):
        from device_sim.scenario.given import given_ground

        if any(each is None for each in (*given, namespace.gateway_status)):
            raise SimulatorError(
                "a given installation needs --broker, --cloud, --cloud-token-file and, for each"
                " gateway, --gateway-status"
            )
        async with given_ground(
            scenario,
            broker=namespace.broker,
            cloud_url=namespace.cloud,
            token=namespace.cloud_token_file.read_text("ascii").strip(),
            configs=namespace.gateway_status,
            directory=stage.directory,
            day=wall_us() // 1_000_000 % DAYS,
        ) as ground:
            yield ground
        return
    wanted = Wanted(
        namespace.with_broker,
        scenario.warehouses,
        lambda site: gateway_toml(scenario.devices, site),
        scenario.seed,
    )
    async with open_installation(stage, wanted) as own:
        yield Ground(own.broker, own.cloud, own.sites, own)


def _stop_on_signals() -> None:
    """Ctrl-C and SIGTERM end it at once, unchecked; every program is stopped in order."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    for sign in (signal.SIGINT, signal.SIGTERM):
        if task is not None:
            loop.add_signal_handler(sign, task.cancel)
