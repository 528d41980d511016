"""`forepost-sim demo`: arguments, terminal, signals, exit code."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from device_sim import arguments
from device_sim.clock import today
from device_sim.demo.options import DemoOptions
from device_sim.errors import SimulatorError
from device_sim.stage.terminal import first_known, print_checks, working_directory

if TYPE_CHECKING:
    from device_sim.demo.show import Show

STOPPED_EARLY: Final = 130
"""Exit code of a demo that was interrupted before it could check anything."""


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
    with working_directory(namespace.directory) as directory:
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
            raise first_known(group) from group
    if namespace.json is not None:
        text = json.dumps(summary, indent=2, ensure_ascii=False)
        namespace.json.write_text(text + "\n", encoding="utf-8")
    print_checks(summary)
    return 0 if summary["ok"] is True else 1


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
