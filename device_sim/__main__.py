"""`forepost-sim`: the command line.

Commands load what they need and no more, so that `--help` answers at once. Exit codes: 0 done
and all that was checked holds, 1 it does not, 2 wrong usage; a failure is one line on standard
error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib import import_module

Run = Callable[[argparse.Namespace], int]

COMMANDS = (
    ("demo", "run the whole product with simulated devices", "device_sim.demo.command"),
    ("run", "play a scenario and check what arrived", "device_sim.scenario.command"),
    ("device", "be one simulated device", "device_sim.device_command"),
    ("load", "send readings as fast as told", "device_sim.load_command"),
    ("business", "play weeks of a network, policy against policy", "device_sim.business.command"),
)


def main(argv: list[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    parser = _make_parser(arguments)
    namespace = parser.parse_args(arguments)
    run: Run | None = getattr(namespace, "run", None)
    if run is None:
        parser.print_help(sys.stderr)
        return 2
    from device_sim.errors import SimulatorError

    try:
        return run(namespace)
    except SimulatorError as error:
        print(f"forepost-sim: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"forepost-sim: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _make_parser(arguments: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="forepost-sim", description="Simulated devices, and the demo of the whole product."
    )
    commands = parser.add_subparsers(metavar="COMMAND")
    for name, about, module in COMMANDS:
        command = commands.add_parser(
            name, help=about, description=about[0].upper() + about[1:] + "."
        )
        if name in arguments[:1]:
            # Only the command that was asked for is loaded.
            loaded = import_module(module)
            loaded.add_arguments(command)
            command.set_defaults(run=loaded.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
