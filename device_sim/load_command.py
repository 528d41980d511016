"""`forepost-sim load`: arguments in, what was sent out as JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

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
    parser.add_argument("--kind", choices=("scan", "climate", "reads"), default="scan")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same goods; default 1")
    parser.add_argument(
        "--gateway-status",
        type=Path,
        metavar="CONFIG",
        help="the gateway's configuration: look into its journal for what arrived",
    )


def run(namespace: argparse.Namespace) -> int:
    """Send the load; 0 if nothing of it is missing, as far as one can see."""
    from device_sim.load import LoadOptions, run_load

    options = LoadOptions(
        broker=namespace.broker,
        warehouse=namespace.warehouse,
        n_devices=namespace.devices,
        rate=namespace.rate,
        duration_s=namespace.duration,
        kind=namespace.kind,
        seed=namespace.seed,
        gateway=namespace.gateway_status,
    )
    try:
        sent = asyncio.run(run_load(options))
    except TimeoutError as error:
        where = f"{options.broker.host}:{options.broker.port}"
        raise SimulatorError(f"{where}: the broker does not answer") from error
    print(json.dumps(sent))
    return 0 if is_complete(sent) else 1


def is_complete(sent: Mapping[str, object]) -> bool:
    """Whether all of it went out, every scan has its result, and the journal has each once."""
    arrived = sent["journal"]
    wrong = [sent["not_sent"], sent["without_result"]]
    if isinstance(arrived, Mapping):
        wrong += [arrived["missing"], arrived["twice"], arrived["never_sent"]]
    return not any(wrong)
