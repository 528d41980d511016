"""``forepost-optimizer study``: the publication's tables and figures from a case file.

Everything is computed from the case; the published figures only stand beside it. Written are
one CSV per table and figure, a PNG per figure (matplotlib, an extra), and a page in Markdown.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from optimizer import publication
from optimizer.case_file import load_case
from optimizer.figures import Cell, Figure, Line, Panel, Table, sensitivity_figures
from optimizer.library import certify, solve
from optimizer.plan import Plan, ProductPlan
from optimizer.plots import PlottingUnavailable, draw, require_matplotlib
from optimizer.problem import Problem
from optimizer.publication import PUBLISHED, PublishedTrip
from optimizer.search import Progress
from optimizer.sensitivity import Statement, all_statements, sweep_freshness, sweep_investment
from optimizer.solving import SolverName
from optimizer.stop import MaxGenerations

CONVERGENCE_SEEDS = 5


@dataclass(frozen=True, slots=True)
class Curve:
    """Best money per day after each generation, from the first one with a whole plan."""

    label: str
    generation: tuple[int, ...]
    objective: tuple[float, ...]

    @property
    def best_generation(self) -> int:
        return self.generation[self.objective.index(self.objective[-1])]


@dataclass(frozen=True, slots=True)
class Study:
    """All results for one case; nothing in it depends on the wall clock."""

    case: str
    plan: Plan
    curves: tuple[Curve, ...]
    tables: tuple[Table, ...]
    figures: tuple[Figure, ...]
    statements: tuple[Statement, ...]


def make_study(
    problem: Problem, *, seed: int, generations: int = publication.GENERATIONS
) -> Study:
    """Solve the case, let the published algorithm converge, and sweep its parameters."""
    plan = certify(problem, solve(problem, seed=seed))
    seeds = range(seed, seed + CONVERGENCE_SEEDS)
    curves = [_converge(problem, "matrix", n, generations) for n in seeds]
    curves.append(_converge(problem, "hybrid", seed, None))
    freshness = [sweep_freshness(problem, p.id) for p in problem.products]
    investment = [sweep_investment(problem, p.id) for p in problem.products]
    return Study(
        case=problem.name,
        plan=plan,
        curves=tuple(curves),
        tables=(
            warehouse_table(plan),
            trip_table(problem, plan),
            central_table(plan),
            cycle_table(plan),
            convergence_table(curves, plan),
        ),
        figures=(
            convergence_figure(curves),
            *sensitivity_figures(freshness, investment),
        ),
        statements=tuple(all_statements(freshness, investment)),
    )


def _converge(problem: Problem, solver: SolverName, seed: int, generations: int | None) -> Curve:
    """One run; without a number of generations the solver ends by its own habit."""
    best: dict[int, float] = {}

    def note(progress: Progress) -> None:
        if math.isfinite(progress.objective):
            best[progress.generation] = progress.objective

    stop = MaxGenerations(generations) if generations else None
    solve(problem, solver=solver, seed=seed, stop=stop, on_progress=note)
    return Curve(f"{solver}, seed {seed}", tuple(best), tuple(best.values()))


def warehouse_table(plan: Plan) -> Table:
    """Table 4: cycle and quantity of every class at every pre-positioned warehouse."""
    rows = [
        (product.id, w.id, w.central, w.cycle_days, w.quantity_kg, w.safety_stock_kg)
        for product in plan.products
        for w in product.warehouses
    ]
    columns = ("product", "warehouse", "central", "cycle_days", "quantity_kg", "safety_stock_kg")
    return Table("table_4_warehouses", "Table 4: pre-positioned warehouses", columns, tuple(rows))


def trip_table(problem: Problem, plan: Plan) -> Table:
    """Table 5: trips; published ones stand beside ours of the same cycle, by falling load."""
    rows: list[tuple[Cell, ...]] = []
    for product in plan.products:
        capacity = problem.product(product.id).vehicle.capacity_kg
        known = PUBLISHED.get(product.id)
        left = list(known.trips) if known else []
        for trip in sorted(product.trips, key=lambda t: (t.cycle_days, -t.load_kg)):
            beside = _take(left, trip.cycle_days)
            ours = (product.id, trip.cycle_days, " ".join((trip.central, *trip.stops)))
            load = (trip.length_km, trip.load_kg, trip.load_kg / capacity)
            rows.append((*ours, *load, *_shown(beside), _difference(trip.load_kg, beside)))
        rows += [(product.id, x.cycle_days, *[None] * 4, *_shown(x), None) for x in left]
    columns = ("product", "cycle_days", "route", "length_km", "load_kg", "load_rate")
    published = ("published_load_kg", "published_load_rate", "difference")
    return Table("table_5_trips", "Table 5: trips", columns + published, tuple(rows))


def _take(left: list[PublishedTrip], cycle_days: int) -> PublishedTrip | None:
    same = [trip for trip in left if trip.cycle_days == cycle_days]
    if not same:
        return None
    heaviest = max(same, key=lambda trip: trip.load_kg)
    left.remove(heaviest)
    return heaviest


def _shown(trip: PublishedTrip | None) -> tuple[Cell, Cell]:
    return (trip.load_kg, trip.load_rate) if trip else (None, None)


def _difference(ours: float, published: PublishedTrip | None) -> float | None:
    return ours / published.load_kg - 1 if published else None


def central_table(plan: Plan) -> Table:
    """Table 6: what the central warehouses procure, and when."""
    rows: list[tuple[Cell, ...]] = []
    for product in plan.products:
        known = PUBLISHED.get(product.id)
        for order in product.central:
            ours = (product.id, order.id, order.cycle_days, order.quantity_kg)
            beside: tuple[Cell, ...] = (None, None, None)
            if known:
                apart = order.quantity_kg / known.purchase_kg - 1
                beside = (known.procurement_days, known.purchase_kg, apart)
            rows.append((*ours, *beside))
    columns = ("product", "central", "cycle_days", "quantity_kg")
    published = ("published_cycle_days", "published_quantity_kg", "difference")
    return Table(
        "table_6_central", "Table 6: central warehouses", columns + published, tuple(rows)
    )


def cycle_table(plan: Plan) -> Table:
    """The cycles in use and their mean over the warehouses."""
    rows: list[tuple[Cell, ...]] = []
    for product in plan.products:
        known = PUBLISHED.get(product.id)
        in_use = " ".join(map(str, sorted({w.cycle_days for w in product.warehouses})))
        beside: tuple[Cell, Cell] = (None, None)
        if known:
            stated = sorted({trip.cycle_days for trip in known.trips})
            beside = (" ".join(map(str, stated)), known.mean_cycle_days)
        rows.append((product.id, in_use, _mean_cycle(product), *beside))
    columns = ("product", "cycles", "mean_cycle_days", "published_cycles", "published_mean")
    return Table("cycles", "Cycles", columns, tuple(rows))


def _mean_cycle(product: ProductPlan) -> float:
    days = [w.cycle_days for w in product.warehouses]
    return math.fsum(days) / len(days) if days else 0.0


def convergence_table(curves: Sequence[Curve], plan: Plan) -> Table:
    """When each run found its best plan, and how far that is from the best known."""
    rows = [
        (
            curve.label,
            curve.generation[-1],
            curve.best_generation,
            curve.objective[-1],
            curve.objective[-1] / plan.objective - 1,
            publication.BEST_GENERATION if curve.label.startswith("matrix") else None,
        )
        for curve in curves
        if curve.generation
    ]
    columns = ("run", "generations", "best_generation", "objective", "gap", "published_best")
    return Table("convergence_summary", "Convergence", columns, tuple(rows))


def convergence_figure(curves: Sequence[Curve]) -> Figure:
    lines = tuple(
        Line(curve.label, tuple(float(g) for g in curve.generation), curve.objective)
        for curve in curves
    )
    panel = Panel("best plan so far", "generation", "money per day", lines)
    return Figure("convergence", "Convergence", (panel,))


# --- writing --------------------------------------------------------------------------------


def csv_text(table: Table) -> str:
    """Full precision: what is rounded in the page can be checked here."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(["" if cell is None else cell for cell in row] for row in table.rows)
    return out.getvalue()


def markdown_table(table: Table) -> str:
    lines = [
        "| " + " | ".join(column.replace("_", " ") for column in table.columns) + " |",
        "|" + "---|" * len(table.columns),
        *("| " + " | ".join(map(_cell, table.columns, row)) + " |" for row in table.rows),
    ]
    return "\n".join(lines)


def _cell(column: str, value: Cell) -> str:
    if value is None:
        return "–"
    if not isinstance(value, float):
        return str(value)
    if column.endswith(("rate", "gap", "difference")):
        return f"{value:.2%}"
    return f"{value:g}" if value.is_integer() else f"{value:,.1f}".replace(",", " ")


PURCHASES = """Our purchases cover the deliveries of the cycle, what spoils at the central
warehouse, and its safety stock's spoilage; the published ambient and frozen purchases are below
their own deliveries, so they cannot be met by any plan with these trips."""
CONTRADICTED = """The published figures contradict each other in places. Ours and theirs stand
side by side; nothing is tuned to either:

"""


def _maker(plan: Plan) -> str:
    return f"{plan.solver.name}, seed {plan.solver.seed}"


def page(study: Study, *, plots: str | None) -> str:
    """The study as Markdown; `plots` is the folder of the pictures, relative to the page."""
    plan = study.plan
    proof = "proven optimal" if plan.proven_optimal else f"lower bound {plan.lower_bound}"
    parts = [
        f"# Study: {study.case}",
        "Written by `forepost-optimizer study CASE --page FILE`; do not edit.",
        f"**{publication.RECONSTRUCTION}** Source: {publication.SOURCE}; see docs/model.md.",
        f"Plan: {plan.objective:.2f} per day, {proof}; {_maker(plan)}.",
        PURCHASES,
        CONTRADICTED + "\n".join(f"- {text}" for text in publication.CONTRADICTIONS),
    ]
    for table in study.tables:
        parts += [f"## {table.title}", markdown_table(table)]
    rows = tuple(
        (s.product, s.text, "holds" if s.holds else "DOES NOT HOLD", s.evidence)
        for s in study.statements
    )
    columns = ("product", "statement of the publication", "here", "evidence")
    parts += ["## Qualitative statements", markdown_table(Table("", "", columns, rows))]
    parts.append(
        "## Figures\n\nNumbered 6 to 16 in the order of the publication's prose; its own "
        "division into panels is not known to us."
    )
    for figure in study.figures:
        picture = f"![{figure.title}]({plots}/{figure.name}.png)" if plots else "(no plot)"
        parts.append(f"### {figure.name}\n\n{picture}")
    return "\n\n".join(parts) + "\n"


def write_study(
    study: Study, folder: Path, *, draw_figure: Callable[[Figure, Path], Path] | None
) -> None:
    """CSV files for everything into the folder; pictures where a drawing function is given."""
    folder.mkdir(parents=True, exist_ok=True)
    for table in (*study.tables, *(figure.as_table() for figure in study.figures)):
        (folder / f"{table.name}.csv").write_text(csv_text(table), encoding="utf-8")
    if draw_figure is not None:
        for figure in study.figures:
            draw_figure(figure, folder)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", help="case file (forepost-network/1)")
    parser.add_argument(
        "--output", type=Path, default=Path("study"), help="folder for CSV and PNG"
    )
    parser.add_argument("--page", type=Path, help="write the study as one Markdown page here")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--generations",
        type=_at_least_one,
        default=publication.GENERATIONS,
        metavar="N",
        help="of each convergence run; default %(default)s, as published",
    )
    parser.add_argument("--no-plots", action="store_true", help="CSV only; needs no matplotlib")


def _at_least_one(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text}")
    return value


def run(args: argparse.Namespace) -> int:
    """Write everything; 0, also where a statement does not hold: that is a result too."""
    problem = load_case(args.case)
    if not args.no_plots:
        try:
            require_matplotlib()
        except PlottingUnavailable as error:
            print(f"forepost-optimizer: {error}", file=sys.stderr)
            return 2
    study = make_study(problem, seed=args.seed, generations=args.generations)
    write_study(study, args.output, draw_figure=None if args.no_plots else draw)
    where = None
    if args.page:
        if not args.no_plots:
            where = os.path.relpath(args.output, args.page.parent)
        args.page.write_text(page(study, plots=where), encoding="utf-8")
    held = sum(s.holds for s in study.statements)
    print(f"{len(study.tables)} tables and {len(study.figures)} figures in {args.output}")
    print(f"{held} of {len(study.statements)} statements of the publication hold")
    return 0
