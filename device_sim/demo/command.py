"""`forepost-sim demo`: arguments, terminal, signals, exit code."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from device_sim import arguments
from device_sim.clock import today
from device_sim.demo.options import DemoOptions
from device_sim.errors import SimulatorError

if TYPE_CHECKING:
    from device_sim.demo.show import Show

SOCKET_PATH_MAX: Final = 107
"""Linux's limit for the path of a UNIX socket, which the gateways' status sockets are."""
STOPPED_EARLY: Final = 130
"""Exit code of a demo that was interrupted before it could check anything."""
DEEPEST_SOCKET: Final = "J1/gw-J1/status.sock"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The demo's options."""
    parser.add_argument(
        "--duration", type=arguments.seconds, metavar="S", help="end by itself after S seconds"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the summary here")
    parser.add_argument("--no-live", action="store_true", help="plain lines, also on a terminal")
    parser.add_argument(
        "--kill-gateway-at",
        type=arguments.seconds,
        metavar="S",
        help="kill -9 the pre-positioned warehouse's gateway after S seconds, then start it again",
    )
    parser.add_argument("--seed", type=int, default=1, help="same seed, same orders; default 1")
    parser.add_argument(
        "--directory", type=Path, help="keep journals, database, logs and configurations here"
    )
    parser.add_argument(
        "--broker",
        choices=("auto", "mosquitto", "iotcore"),
        default="auto",
        help="default auto: mosquitto if installed, else the built-in iotcore",
    )


def run(namespace: argparse.Namespace) -> int:
    """Run the demo; 0 if everything that was checked holds."""
    if not sys.platform.startswith("linux"):
        raise SimulatorError("the demo needs Linux: pseudo-terminals and prctl")
    with _directory(namespace.directory) as directory:
        options = DemoOptions(
            directory=directory,
            duration_s=namespace.duration,
            kill_gateway_at_s=namespace.kill_gateway_at,
            seed=namespace.seed,
            broker=namespace.broker,
            today=today(),
        )
        is_live = not namespace.no_live and sys.stdout.isatty()
        try:
            summary = asyncio.run(_run(options, is_live=is_live))
        except asyncio.CancelledError:
            return STOPPED_EARLY
        except BaseExceptionGroup as group:
            raise _first_known(group) from group
    if namespace.json is not None:
        text = json.dumps(summary, indent=2, ensure_ascii=False)
        namespace.json.write_text(text + "\n", encoding="utf-8")
    print_summary(summary)
    return 0 if summary["ok"] is True else 1


def _first_known(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The failure that says most: ours before others, the cause before its consequences."""
    known = group.subgroup(SimulatorError)
    error: BaseException = known or group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@contextlib.contextmanager
def _directory(wanted: Path | None) -> Iterator[Path]:
    if wanted is None:
        with tempfile.TemporaryDirectory(prefix="forepost-demo-") as temporary:
            yield Path(temporary)
        return
    directory = wanted.absolute()
    if len(str(directory / DEEPEST_SOCKET)) > SOCKET_PATH_MAX:
        raise SimulatorError(f"{directory}: too long a path for the gateways' status sockets")
    if directory.exists() and any(directory.iterdir()):
        raise SimulatorError(f"{directory}: is not empty; every demo begins anew")
    directory.mkdir(parents=True, exist_ok=True)
    yield directory


async def _run(options: DemoOptions, *, is_live: bool) -> dict[str, object]:
    from device_sim.demo.show import Show, following

    show = Show(options)
    _stop_on_signals(show)
    if is_live:
        from rich.live import Live

        from device_sim.demo.view import make_screen

        with Live(make_screen(show.state), screen=True, auto_refresh=False) as live:
            async with following(
                show, lambda show: live.update(make_screen(show.state), refresh=True)
            ):
                return await show.run()
    from device_sim.demo.plain import PlainLines

    async with following(show, PlainLines()):
        return await show.run()


def _stop_on_signals(show: Show) -> None:
    """Ctrl-C and SIGTERM end the day; a second one ends everything at once."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def stop() -> None:
        is_early = show.state.phase in ("setting up", "stocking")
        if task is not None and (is_early or show.stop.is_set()):
            task.cancel()
        show.stop.set()

    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, stop)


def print_summary(summary: dict[str, object]) -> None:
    """The checks for people, one a line."""
    checks = summary["checks"]
    if not isinstance(checks, list):
        raise AssertionError("the summary has no list of checks")
    for check in checks:
        print(f"{'holds ' if check['holds'] else 'BROKEN'}  {check['name']}")
        for problem in check["problems"]:
            print(f"          {problem}")
    print("everything holds" if summary["ok"] is True else "NOT everything holds")
