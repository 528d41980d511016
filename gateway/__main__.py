"""`forepost-gateway`: the command line.

Commands load what they need and no more, so that `--help` and `status` answer at once. Exit
codes: 0 done, 1 failed, 2 wrong usage or configuration; a failure is one line on standard error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final

Run = Callable[[argparse.Namespace], int]
LAZY: Final = (
    ("status", "show how the gateway is", "gateway.services.status_command"),
    ("metrics", "print the status as Prometheus metrics", "gateway.services.metrics_command"),
    (
        "support-bundle",
        "pack what somebody far away needs to help, without secrets",
        "gateway.services.support_bundle",
    ),
    ("decode", "look at one device message by hand", "gateway.decode_command"),
    ("journal", "look into the journal", "gateway.journal.commands"),
    (
        "quarantine",
        "look at messages that were set aside, and send them in again",
        "gateway.services.quarantine_command",
    ),
    (
        "exceptions",
        "see what somebody must look into, and say what is done about it",
        "gateway.services.exceptions_command",
    ),
    (
        "plan",
        "plan now, see plans and why they are so, approve and reject them",
        "gateway.services.plan_command",
    ),
    ("pages", "serve the box's own pages", "gateway.services.pages_command"),
    ("enrol", "make this box a gateway of the cloud", "gateway.services.enrol_command"),
    ("broker-config", "configure the warehouse's broker", "gateway.broker.config_command"),
    ("broker-guard", "look whether the broker can start", "gateway.broker.store_guard"),
    ("devices", "say who may connect to the warehouse's broker", "gateway.broker.devices_command"),
    ("wipe", "remove all that this box knows and is", "gateway.services.wipe_command"),
)
"""Commands whose module is imported only when it is the one that was asked for."""


def main(argv: list[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    parser, namespace = _parse(sys.argv[1:] if argv is None else argv)
    run: Run | None = getattr(namespace, "run", None)
    if run is None:
        parser.print_help(sys.stderr)
        return 2
    from gateway.errors import ConfigError, GatewayError

    try:
        return run(namespace)
    except ConfigError as error:
        print(f"forepost-gateway: {error}", file=sys.stderr)
        return 2
    except GatewayError as error:
        print(f"forepost-gateway: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parse(argv: list[str]) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(
        prog="forepost-gateway", description="The gateway of one warehouse."
    )
    commands = parser.add_subparsers(metavar="COMMAND")

    run = commands.add_parser("run", help="run the gateway until SIGTERM")
    run.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="configuration file (TOML)"
    )
    run.add_argument("--log-json", action="store_true", help="log as JSON, one object a line")
    run.add_argument(
        "--log-level",
        default="INFO",
        choices=("DEBUG", "INFO", "WARNING", "ERROR"),
        help="default INFO",
    )
    run.set_defaults(run=_run)

    check = commands.add_parser("check-config", help="check a configuration file")
    check.add_argument("file", type=Path, metavar="FILE")
    check.set_defaults(run=_check_config)

    for name, about, module in LAZY:
        _add_lazy(commands, argv, name, about, module)
    return parser, parser.parse_args(argv)


def _add_lazy(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    argv: list[str],
    name: str,
    about: str,
    module: str,
) -> None:
    """A command whose module is imported only when it is the one that was asked for."""
    parser = commands.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
    if name in argv[:1]:
        loaded = import_module(module)
        loaded.add_arguments(parser)
        parser.set_defaults(run=loaded.run)


def _run(namespace: argparse.Namespace) -> int:
    import asyncio

    from gateway.app import run_gateway
    from gateway.errors import GatewayError
    from gateway.ops.logs import set_up_logging
    from gateway.ops.notify import Notifier

    set_up_logging(is_json=namespace.log_json, level=namespace.log_level)
    try:
        asyncio.run(run_gateway(namespace.config, Notifier.from_environment()))
    except BaseExceptionGroup as group:
        # A task group wraps what went wrong; a known failure is still one line.
        known = group.subgroup(GatewayError)
        if known is None:
            raise
        raise _first(known) from group
    return 0


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _check_config(namespace: argparse.Namespace) -> int:
    from gateway.app import check_devices
    from gateway.settings import load_settings

    settings = load_settings(namespace.file)
    check_devices(settings)
    print(
        f"{namespace.file}: good: gateway {settings.gateway.id}, {len(settings.devices)} devices"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
