"""Pins the study: published numbers beside ours, reconstruction named, one command, all files."""

import csv
from pathlib import Path

import pytest

from optimizer import load_case, parse_case, plots
from optimizer.__main__ import main
from optimizer.figures import Figure, Line, Panel
from optimizer.study import Study, csv_text, make_study, markdown_table, page, write_study
from tests.optimizer.oracle.tiny import random_case

ROOT = Path(__file__).resolve().parents[2]
M_COMPANY = ROOT / "deploy" / "example" / "m_company.json"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def study() -> Study:
    return make_study(load_case(M_COMPANY), seed=1, generations=10)


def rows(study: Study, name: str) -> list[dict[str, object]]:
    (table,) = [table for table in study.tables if table.name == name]
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_optimum_has_the_published_cycles(study: Study) -> None:
    for row in rows(study, "cycles"):
        assert row["cycles"] == row["published_cycles"]
        assert row["mean_cycle_days"] == pytest.approx(row["published_mean"])
    assert all(
        row["cycle_days"] == row["published_cycle_days"] for row in rows(study, "table_6_central")
    )


def test_plan_of_the_study_is_proven(study: Study) -> None:
    assert study.plan.proven_optimal
    assert study.plan.objective == pytest.approx(127529.93519583542, rel=1e-9)


def test_every_published_trip_stands_beside_one_of_ours(study: Study) -> None:
    """Within 8 percent: near, as it should be, and not tuned to be nearer."""
    found = rows(study, "table_5_trips")
    assert len(found) == 9
    for row in found:
        assert row["load_kg"] == pytest.approx(row["published_load_kg"], rel=0.08)


def test_published_purchases_stand_beside_ours(study: Study) -> None:
    """Ours also cover what spoils at the centre, which the published ones cannot: see the page."""
    found = rows(study, "table_6_central")
    assert [row["published_quantity_kg"] for row in found] == [26238, 18819, 10873]
    for row in found:
        assert row["quantity_kg"] == pytest.approx(row["published_quantity_kg"], rel=0.1)


def test_every_warehouse_has_a_row_per_class(study: Study) -> None:
    assert len(rows(study, "table_4_warehouses")) == 30


def test_convergence_never_rises_and_ends_above_the_optimum(study: Study) -> None:
    assert len(study.curves) == 6
    for curve in study.curves:
        assert list(curve.objective) == sorted(curve.objective, reverse=True)
        assert curve.objective[-1] >= study.plan.objective * (1 - 1e-9)
        assert curve.objective[curve.generation.index(curve.best_generation)] == min(
            curve.objective
        )


def test_figures_are_numbered_six_to_sixteen(study: Study) -> None:
    names = [figure.name for figure in study.figures]
    assert names[0] == "convergence"
    assert [name[:9] for name in names[1:]] == [f"figure_{n:02d}" for n in range(6, 17)]


def test_page_names_the_reconstruction_and_the_contradictions(study: Study) -> None:
    text = page(study, plots=None)
    assert "reconstructed" in text
    assert "26 238" in text
    assert "DOES NOT HOLD" not in text


def test_study_repeats_by_seed() -> None:
    problem = parse_case(random_case(4, warehouses=4, centrals=1))
    first, again = (make_study(problem, seed=3, generations=5) for _ in range(2))
    assert page(first, plots=None) == page(again, plots=None)


def test_csv_keeps_full_precision_and_page_rounds(study: Study, tmp_path: Path) -> None:
    write_study(study, tmp_path, draw_figure=None)
    with (tmp_path / "table_6_central.csv").open(encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    expected = rows(study, "table_6_central")
    assert [float(row["quantity_kg"]) for row in read] == [row["quantity_kg"] for row in expected]
    names = {path.stem for path in tmp_path.glob("*.csv")}
    assert names == {t.name for t in study.tables} | {f.name for f in study.figures}


def test_case_unknown_to_the_publication_shows_gaps_not_numbers() -> None:
    case = random_case(4, warehouses=3, centrals=2)
    case["products"][0]["id"] = "dry"
    for place in case["central_warehouses"] + case["warehouses"]:
        place["products"]["dry"] = place["products"].pop("ambient")
    study = make_study(parse_case(case), seed=1, generations=3)
    assert all(row["published_load_kg"] is None for row in rows(study, "table_5_trips"))
    assert "–" in markdown_table(study.tables[1])
    assert ",,\n" in csv_text(study.tables[1])


def test_one_command_writes_tables_plots_and_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is the study extra")
    folder, written = tmp_path / "out", tmp_path / "study.md"
    arguments = ["study", str(M_COMPANY), "--output", str(folder), "--page", str(written)]
    assert main([*arguments, "--generations", "5"]) == 0
    assert "34 of 34 statements" in capsys.readouterr().out
    pictures = {path.name for path in folder.glob("*.png")}
    assert len(pictures) == 12
    assert all(f"(out/{name})" in written.read_text(encoding="utf-8") for name in pictures)


def test_missing_matplotlib_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    arguments = ["study", str(M_COMPANY), "--output", str(tmp_path / "out")]
    assert main(arguments) == 2
    assert "pip install 'forepost[study]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_same_figure_gives_the_same_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is the study extra")
    line = Line("a", (1.0, 2.0), (3.0, 5.0))
    figure = Figure("one", "One", (Panel("p", "x", "y", (line, line)),))
    pictures = []
    for name in ("first", "again"):
        (tmp_path / name).mkdir()
        pictures.append(plots.draw(figure, tmp_path / name).read_bytes())
    assert pictures[0] == pictures[1]
    assert pictures[0].startswith(b"\x89PNG")
