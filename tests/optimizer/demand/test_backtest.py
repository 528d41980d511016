"""Pins the back-test: its measures on cases worked by hand, the rivals, and who wins where."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from optimizer.__main__ import main
from optimizer.demand.backtest import FORECAST, NAIVE, QUANTILES, SEASONAL, Score, backtest
from tests.optimizer.demand.drawn import draw, draw_lumpy, history_of
from tests.optimizer.demand.pizzaplace import FIRST_DAY, N_DAYS, read_pizzaplace

pytestmark = pytest.mark.slow


def by_name(scores: list[Score]) -> dict[str, Score]:
    return {each.name: each for each in scores}


def test_a_rival_that_is_right_costs_nothing() -> None:
    """The same week over and over: last week's weekday is the truth, yesterday is not."""
    week = np.array([3.0, 4.0, 5.0, 6.0, 9.0, 12.0, 0.0])
    scores = by_name(backtest(history_of(np.tile(week, (2, 10))), span_days=2, origins=[49, 52]))
    assert (scores[SEASONAL].pinball, scores[SEASONAL].bias) == (0.0, 0.0)
    assert scores[SEASONAL].coverage == (1.0, 1.0, 1.0)
    assert scores[NAIVE].pinball > 0


def test_bias_and_loss_are_those_of_the_formula() -> None:
    """Ten a day, then twelve on the day that is judged: told 10 at all quantiles."""
    units = np.full((1, 61), 10.0)
    units[0, 60] = 12.0
    score = by_name(backtest(history_of(units), span_days=1, origins=[60]))[NAIVE]
    assert score.bias == pytest.approx(-2 / 12)
    assert score.pinball == pytest.approx(np.mean([p * 2 / 12 for p in QUANTILES]))
    assert score.coverage == (0.0, 0.0, 0.0)


def test_naive_looks_at_yesterday_and_seasonal_at_the_same_weekdays() -> None:
    rng = np.random.default_rng(1)
    units = rng.poisson(5.0, size=(1, 70)).astype(np.float64)
    for span_days, seasonal_days in ((1, [53]), (3, [53, 54, 55]), (9, [*range(53, 60), 53, 54])):
        scores = by_name(backtest(history_of(units), span_days=span_days, origins=[60]))
        came = units[0, 60 : 60 + span_days].sum()
        told = span_days * units[0, 59]
        assert scores[NAIVE].bias == pytest.approx((told - came) / came)
        told = units[0, seasonal_days].sum()
        assert scores[SEASONAL].bias == pytest.approx((told - came) / came)


@pytest.mark.parametrize("span_days", [1, 3])
def test_the_forecast_beats_both_rivals_on_drawn_demand(span_days: int) -> None:
    rng = np.random.default_rng(2)
    for kind in (draw(rng, n_items=200, n_days=120), draw_lumpy(rng, n_items=200, n_days=120)):
        origins = [120 - span_days - 8 * back for back in range(4)]
        scores = by_name(backtest(kind.history(120), span_days=span_days, origins=origins))
        better = min(scores[NAIVE].pinball, scores[SEASONAL].pinball)
        assert scores[FORECAST].pinball < 0.93 * better


@pytest.mark.parametrize("span_days", [1, 3])
def test_the_forecast_beats_both_rivals_on_a_year_of_others(span_days: int) -> None:
    history = read_pizzaplace()
    origins = [N_DAYS - span_days - 11 * back for back in range(6)]
    scores = by_name(backtest(history, span_days=span_days, origins=origins))
    better = min(scores[NAIVE].pinball, scores[SEASONAL].pinball)
    assert scores[FORECAST].pinball < 0.9 * better
    assert abs(scores[FORECAST].bias) < 0.1
    assert scores[FORECAST].coverage[1] > 0.88
    assert scores[FORECAST].coverage[2] > 0.965


def test_nothing_that_came_later_is_known() -> None:
    drawn = draw(np.random.default_rng(3), n_items=30, n_days=100)
    one = backtest(drawn.history(100), span_days=2, origins=[80])
    drawn.units[:, 82:] = 1000.0
    other = backtest(drawn.history(100), span_days=2, origins=[80])
    for before, after in zip(one, other, strict=True):
        assert (before.name, before.coverage) == (after.name, after.coverage)
        assert before.pinball == pytest.approx(after.pinball, rel=1e-9)
        assert before.bias == pytest.approx(after.bias, rel=1e-9)


def test_spans_that_could_not_be_seen_are_not_judged() -> None:
    history = read_pizzaplace()
    christmas = 358
    assert history.covered[:, christmas].sum() == 0
    scores = backtest(history, span_days=2, origins=[christmas - 1, christmas + 2])
    assert scores[0].n_spans == len(history.items)


@pytest.mark.parametrize("origin", [13, 69])
def test_an_origin_without_past_or_future_is_refused(origin: int) -> None:
    with pytest.raises(ValueError, match="origins"):
        backtest(history_of(np.ones((1, 70))), span_days=2, origins=[origin])


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """The pizza place's last 100 days as a demand job."""
    history = read_pizzaplace()
    items = [
        {
            "item": name,
            "units": units[-100:].tolist(),
            "hour_units": [units[-100:].sum()] + [0.0] * 23,
            "lead_days": 1.0,
            "cycle_days": 2.0,
        }
        for name, units in list(zip(history.items, history.units, strict=True))[:20]
    ]
    whole = {
        "format": "forepost-demand/1",
        "warehouse": "pizza",
        "first_day": FIRST_DAY.isoformat(),
        "n_days": 100,
        "items": items,
    }
    path = tmp_path / "job.json"
    path.write_text(json.dumps(whole))
    return path


def test_the_command_prints_the_table(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", str(job), "--span-days", "2", "--origins", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "20 items, spans of 2 days, asked 3 times"
    assert [line.split(" | ")[0] for line in lines[3:]] == [
        f"| {name}" for name in (FORECAST, NAIVE, SEASONAL)
    ]


@pytest.mark.parametrize(
    ("text", "says"), [("{}", "format"), ("no", "JSON"), ('{"format": "x"}', "format")]
)
def test_a_file_that_is_no_job_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    path = tmp_path / "job.json"
    path.write_text(text)
    assert main(["backtest", str(path)]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


def test_too_short_a_past_is_refused(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = json.loads(job.read_text())
    for item in whole["items"]:
        item["units"] = item["units"][:20]
    job.write_text(json.dumps(whole | {"n_days": 20}))
    assert main(["backtest", str(job)]) == 2
    assert "n_days" in capsys.readouterr().err
