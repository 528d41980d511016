"""`forepost-sim business`: a scenario in, a table and a JSON file of what it came to out."""

from __future__ import annotations

import argparse
import json
import sys
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
        "--curve",
        action="store_true",
        help="also cost and waste over fill rate, at several promises of service",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="write table and figures here")


def run(namespace: argparse.Namespace) -> int:
    """Play, compare, print the table."""
    from device_sim.business.report import summary, table
    from device_sim.business.scenario import load_business, resized
    from device_sim.business.trial import compare

    business = resized(
        load_business(namespace.scenario), weeks=namespace.weeks, skus=namespace.skus
    )
    comparison = compare(
        business,
        n_seeds=namespace.seeds,
        service=namespace.service,
        policies=tuple(dict.fromkeys(namespace.policy or RULE_NAMES)),
        say=_say,
    )
    text = table(comparison)
    print(text)
    folder: Path | None = namespace.output
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{business.name}.md").write_text(text + "\n", encoding="utf-8")
        figures = json.dumps(summary(comparison), indent=1) + "\n"
        (folder / f"{business.name}.json").write_text(figures, encoding="utf-8")
    if namespace.curve:
        _trace(comparison, namespace.seeds, folder)
    return 0


def _trace(comparison: Comparison, n_seeds: int, folder: Path | None) -> None:
    from device_sim.business.curve import curve_figure, curve_table, trace
    from optimizer.plots import PlottingUnavailable, draw

    business = comparison.business
    points = trace(business, comparison.rules, n_seeds=n_seeds, say=_say)
    text = curve_table(points)
    print(f"\n{text}")
    if folder is None:
        return
    (folder / f"{business.name}-curve.md").write_text(text + "\n", encoding="utf-8")
    try:
        draw(curve_figure(business, points), folder)
    except PlottingUnavailable as error:
        _say(f"no picture: {error}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a share, got {text!r}") from error
    if not 0.5 <= value <= 0.999:
        raise argparse.ArgumentTypeError(f"expected a share from 0.5 to 0.999, got {text!r}")
    return value
