"""`forepost-sim device KIND`: one simulated device as a process of its own.

It takes orders from standard input and reports on standard output (device_sim.pipe), and ends
when its standard input does.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
from collections.abc import Coroutine
from pathlib import Path

from device_sim import arguments, reader_commands
from device_sim.catalog import ZONES
from device_sim.faults import FaultRates


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command per kind of device."""
    kinds = parser.add_subparsers(metavar="KIND", required=True)

    pda = kinds.add_parser("pda", help="a PDA scanning over MQTT")
    _add_mqtt(pda, "pda-1")
    pda.add_argument(
        "--clock-skew", type=float, default=0.0, metavar="S", help="what its clock is wrong by"
    )
    _add_faults(pda)
    pda.set_defaults(make=_pda)

    climate = kinds.add_parser("climate", help="a temperature and humidity sensor over MQTT")
    _add_mqtt(climate, "climate-1")
    climate.add_argument("--zone", required=True, choices=sorted(ZONES))
    climate.add_argument("--period", type=arguments.seconds, default=10.0, metavar="S")
    climate.set_defaults(make=_climate)

    m100 = kinds.add_parser("m100", help="an RFID module on a pseudo-terminal")
    _add_link(m100)
    _add_faults(m100)
    m100.set_defaults(make=_m100)

    bus = kinds.add_parser("xy-md02", help="Modbus transmitters on a pseudo-terminal")
    _add_link(bus)
    bus.add_argument(
        "--unit", type=arguments.unit, action="append", required=True, metavar="ADDRESS=ZONE"
    )
    _add_faults(bus)
    bus.set_defaults(make=_xy_md02)

    for kind in (pda, climate, m100, bus, *reader_commands.add_kinds(kinds.add_parser)):
        kind.add_argument("--seed", type=int, default=1, help="same seed, same chance; default 1")


def _add_mqtt(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("--broker", type=arguments.endpoint, required=True, metavar="HOST:PORT")
    parser.add_argument("--warehouse", type=arguments.identity, required=True, metavar="ID")
    parser.add_argument("--name", type=arguments.identity, default=name, metavar="ID")
    parser.add_argument(
        "--boot", type=arguments.identity, metavar="ID", help="boot id; default: a random one"
    )


def _add_link(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--link", type=Path, required=True, metavar="PATH", help="where the port is to appear"
    )


def _add_faults(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--faults",
        type=arguments.rates,
        default=FaultRates(),
        metavar="NAME=RATE,…",
        help="drop, repeat, reorder, corrupt, split, noise (0 to 1), delay_s",
    )


def run(namespace: argparse.Namespace) -> int:
    """Be the device until standard input ends."""
    device: Coroutine[object, object, None] = namespace.make(namespace)
    asyncio.run(_until_done(device))
    return 0


async def _until_done(device: Coroutine[object, object, None]) -> None:
    await device


def _boot(namespace: argparse.Namespace) -> str:
    boot: str | None = namespace.boot
    return boot or secrets.token_hex(8)


def _pda(namespace: argparse.Namespace) -> Coroutine[object, object, None]:
    from device_sim.pda import PdaOptions, run_pda

    options = PdaOptions(
        broker=namespace.broker,
        warehouse=namespace.warehouse,
        name=namespace.name,
        boot=_boot(namespace),
        seed=namespace.seed,
        faults=namespace.faults,
        clock_skew_s=namespace.clock_skew,
    )
    return run_pda(options)


def _climate(namespace: argparse.Namespace) -> Coroutine[object, object, None]:
    from device_sim.climate import ClimateOptions, run_climate_sensor

    options = ClimateOptions(
        broker=namespace.broker,
        warehouse=namespace.warehouse,
        name=namespace.name,
        boot=_boot(namespace),
        zone=namespace.zone,
        period_s=namespace.period,
        seed=namespace.seed,
    )
    return run_climate_sensor(options)


def _m100(namespace: argparse.Namespace) -> Coroutine[object, object, None]:
    from device_sim.m100 import run_m100

    return run_m100(namespace.link, seed=namespace.seed, faults=namespace.faults)


def _xy_md02(namespace: argparse.Namespace) -> Coroutine[object, object, None]:
    from device_sim.xy_md02 import make_bus, run_xy_md02

    bus = make_bus(dict(namespace.unit), namespace.seed)
    return run_xy_md02(namespace.link, bus, seed=namespace.seed, faults=namespace.faults)
