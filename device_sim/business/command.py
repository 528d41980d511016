"""`forepost-sim business`: scenarios in, reports, figures and pictures of what came of them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from device_sim import arguments

if TYPE_CHECKING:
    from device_sim.business.pieces import Ours
    from device_sim.business.played import Players
    from device_sim.business.scenario import Business
    from device_sim.business.trial import Comparison

RULE_NAMES = ("fixed-cycle", "reorder-point", "full-truck", "fixed-cycle-forecast")
RESULTS = "played.jsonl"
OVERVIEW = "overview"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "scenarios", metavar="SCENARIO", nargs="*", help="one of ours by name, or a TOML file"
    )
    parser.add_argument("--all", action="store_true", help="all scenarios of ours")
    parser.add_argument("--seeds", type=arguments.whole, default=5, metavar="N")
    parser.add_argument("--weeks", type=arguments.whole, metavar="W", help="default: the file's")
    parser.add_argument(
        "--skus", type=arguments.whole, metavar="N", help="per class; default: the file's"
    )
    parser.add_argument(
        "--policy",
        action="append",
        choices=RULE_NAMES,
        help="compare with this one; may be repeated; default: all",
    )
    parser.add_argument(
        "--service",
        type=_share,
        default=0.99,
        help="the share of all units that our planner plans to serve; default 0.99",
    )
    parser.add_argument(
        "--waste-weight",
        type=_weight,
        metavar="W",
        help="what a wasted unit counts for when our planner sets levels, in times its value; "
        "default 2",
    )
    parser.add_argument(
        "--curve",
        action="store_true",
        help="also cost and waste over fill rate, at several services, weights and factors",
    )
    parser.add_argument(
        "--workers",
        type=arguments.whole,
        default=1,
        metavar="N",
        help="processes that play; the results are the same with any number; default 1",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="write reports, all figures as JSON, and pictures here, and keep each result as it "
        f"comes ({RESULTS}): the same command goes on where it was stopped",
    )


def run(namespace: argparse.Namespace) -> int:
    """Play, compare, print the tables."""
    from device_sim.business.pieces import Ours
    from device_sim.business.planned import WASTE_WEIGHT
    from device_sim.business.played import players
    from device_sim.business.scenario import load_business, resized, shipped_names

    wanted = [*(shipped_names() if namespace.all else ()), *namespace.scenarios]
    if not wanted:
        _say("forepost-sim business: expected a SCENARIO or --all")
        return 2
    # All are read before hours are played for nothing.
    businesses = [
        resized(load_business(name), weeks=namespace.weeks, skus=namespace.skus)
        for name in dict.fromkeys(wanted)
    ]
    _refuse_one_name_twice(businesses)
    folder: Path | None = namespace.output
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    weight = WASTE_WEIGHT if namespace.waste_weight is None else namespace.waste_weight
    ours = Ours(namespace.service, weight)
    path = None if folder is None else folder / RESULTS
    with players(workers=namespace.workers, path=path, say=_say) as play_all:
        comparisons = [_compared(each, ours, play_all, namespace) for each in businesses]
    if len(comparisons) > 1:
        _tell_overview(comparisons, folder)
    return 0


def _refuse_one_name_twice(businesses: list[Business]) -> None:
    from device_sim.errors import ScenarioRefused

    names = [business.name for business in businesses]
    twice = sorted({name for name in names if names.count(name) > 1} | {OVERVIEW} & {*names})
    if twice:
        raise ScenarioRefused(f"name: expected each scenario to have its own, got {twice[0]!r}")


def _compared(
    business: Business, ours: Ours, play_all: Players, namespace: argparse.Namespace
) -> Comparison:
    """Play one scenario, print its report and write what is to be written."""
    from device_sim.business.pictures import draw_bars
    from device_sim.business.report import summary
    from device_sim.business.trial import compare
    from device_sim.business.verdict import report

    _say(f"{business.name}: rules are tuned, then {namespace.seeds} seeds played")
    comparison = compare(
        business,
        n_seeds=namespace.seeds,
        ours=ours,
        policies=tuple(dict.fromkeys(namespace.policy or RULE_NAMES)),
        play_all=play_all,
        say=_say,
    )
    text = report(comparison)
    print(text, flush=True)
    folder: Path | None = namespace.output
    if folder is not None:
        (folder / f"{business.name}.md").write_text(text + "\n", encoding="utf-8")
        figures = json.dumps(summary(comparison), indent=1) + "\n"
        (folder / f"{business.name}.json").write_text(figures, encoding="utf-8")
        _draw(partial(draw_bars, comparison, folder))
    if namespace.curve:
        _trace(comparison, ours, play_all, namespace)
    _say(f"{business.name}: {play_all.tally.told()}")
    return comparison


def _trace(
    comparison: Comparison, ours: Ours, play_all: Players, namespace: argparse.Namespace
) -> None:
    from device_sim.business.curve import curve_figure, curve_table, trace
    from device_sim.business.pictures import draw_lines

    business = comparison.business
    points = trace(
        business, comparison.rules, n_seeds=namespace.seeds, ours=ours, play_all=play_all
    )
    text = curve_table(points)
    print(f"\n{text}", flush=True)
    folder: Path | None = namespace.output
    if folder is not None:
        (folder / f"{business.name}-curve.md").write_text(text + "\n", encoding="utf-8")
        _draw(partial(draw_lines, curve_figure(business, points), folder))


def _tell_overview(comparisons: list[Comparison], folder: Path | None) -> None:
    from device_sim.business.overview import overview, rows_of
    from device_sim.business.pictures import draw_overview

    rows = rows_of(comparisons)
    text = overview(rows)
    print(f"\n{text}", flush=True)
    if folder is not None:
        (folder / f"{OVERVIEW}.md").write_text(text + "\n", encoding="utf-8")
        _draw(partial(draw_overview, rows, folder / f"{OVERVIEW}.svg"))


def _draw(picture: Callable[[], Path]) -> None:
    from optimizer.plots import PlottingUnavailable

    try:
        picture()
    except PlottingUnavailable as error:
        _say(f"no picture: {error}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _share(text: str) -> float:
    return _between(text, "a share", 0.5, 0.999)


def _weight(text: str) -> float:
    return _between(text, "a weight", 0.0, 100.0)


def _between(text: str, what: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected {what}, got {text!r}") from error
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"expected {what} from {low:g} to {high:g}, got {text!r}")
    return value
