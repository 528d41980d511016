"""`forepost-sim load`: arguments in, what was sent out as JSON."""

from __future__ import annotations

import argparse
import asyncio
import json

from device_sim import arguments
from device_sim.errors import SimulatorError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The load's options."""
    parser.add_argument("--broker", type=arguments.endpoint, required=True, metavar="HOST:PORT")
    parser.add_argument("--warehouse", type=arguments.identity, required=True, metavar="ID")
    parser.add_argument("--devices", type=arguments.whole, required=True, metavar="N")
    parser.add_argument(
        "--rate",
        type=arguments.seconds,
        required=True,
        metavar="R",
        help="messages per second, of all devices together",
    )
    parser.add_argument("--duration", type=arguments.seconds, required=True, metavar="S")
    parser.add_argument("--kind", choices=("scan", "climate"), default="scan")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same goods; default 1")


def run(namespace: argparse.Namespace) -> int:
    """Send the load; 0 if all of it went out and every scan has its result."""
    from device_sim.load import LoadOptions, run_load

    options = LoadOptions(
        broker=namespace.broker,
        warehouse=namespace.warehouse,
        n_devices=namespace.devices,
        rate=namespace.rate,
        duration_s=namespace.duration,
        kind=namespace.kind,
        seed=namespace.seed,
    )
    try:
        sent = asyncio.run(run_load(options))
    except TimeoutError as error:
        where = f"{options.broker.host}:{options.broker.port}"
        raise SimulatorError(f"{where}: the broker does not answer") from error
    print(json.dumps(sent))
    return 0 if not sent["not_sent"] and not sent["without_result"] else 1
