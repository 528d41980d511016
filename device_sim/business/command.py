"""`forepost-sim business`: a scenario in, a report, figures and pictures of what came of it."""

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
    from device_sim.business.trial import Comparison

RULE_NAMES = ("fixed-cycle", "reorder-point", "full-truck", "fixed-cycle-forecast")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("scenario", metavar="SCENARIO", help="one of ours by name, or a TOML file")
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
        "--output",
        type=Path,
        metavar="DIR",
        help="write the report, all figures as JSON, and pictures here",
    )


def run(namespace: argparse.Namespace) -> int:
    """Play, compare, print the table."""
    from device_sim.business.pictures import draw_bars
    from device_sim.business.planned import WASTE_WEIGHT, Planned
    from device_sim.business.report import summary
    from device_sim.business.scenario import load_business, resized
    from device_sim.business.trial import compare
    from device_sim.business.verdict import report

    business = resized(
        load_business(namespace.scenario), weeks=namespace.weeks, skus=namespace.skus
    )
    folder: Path | None = namespace.output
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)  # before hours are played for nothing
    weight = WASTE_WEIGHT if namespace.waste_weight is None else namespace.waste_weight
    ours = partial(Planned, namespace.service, weight)
    comparison = compare(
        business,
        n_seeds=namespace.seeds,
        ours=ours,
        policies=tuple(dict.fromkeys(namespace.policy or RULE_NAMES)),
        say=_say,
    )
    text = report(comparison)
    print(text)
    if folder is not None:
        (folder / f"{business.name}.md").write_text(text + "\n", encoding="utf-8")
        figures = json.dumps(summary(comparison), indent=1) + "\n"
        (folder / f"{business.name}.json").write_text(figures, encoding="utf-8")
        _draw(partial(draw_bars, comparison, folder))
    if namespace.curve:
        _trace(comparison, namespace, weight)
    return 0


def _trace(comparison: Comparison, namespace: argparse.Namespace, weight: float) -> None:
    from device_sim.business.curve import curve_figure, curve_table, trace
    from device_sim.business.pictures import draw_lines

    business = comparison.business
    points = trace(
        business,
        comparison.rules,
        n_seeds=namespace.seeds,
        service=namespace.service,
        waste_weight=weight,
        say=_say,
    )
    text = curve_table(points)
    print(f"\n{text}")
    folder: Path | None = namespace.output
    if folder is not None:
        (folder / f"{business.name}-curve.md").write_text(text + "\n", encoding="utf-8")
        _draw(partial(draw_lines, curve_figure(business, points), folder))


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
