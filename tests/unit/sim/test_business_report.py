"""Pins what the business report says: goals judged against the right rule, chance called chance,
intervals left out where one seed cannot tell any, and pictures that are the same every time."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from device_sim.business import trial
from device_sim.business.curve import Point, curve_figure
from device_sim.business.overview import overview, rows_of
from device_sim.business.pictures import draw_bars, draw_lines, draw_overview
from device_sim.business.pieces import INFORMED, OURS, Outcome
from device_sim.business.policies import Rule
from device_sim.business.report import summary, table
from device_sim.business.scenario import load_business, resized, scaled
from device_sim.business.trial import TUNING_SKUS, Comparison, few_skus
from device_sim.business.verdict import best_rule, report
from device_sim.business.world_days import Counts

BUSINESS = resized(load_business("normal-weeks"), weeks=1, skus=5)
DAYS = 7


def outcome(name: str, seed: int, *, cost: float, waste: float, fill: float = 0.98) -> Outcome:
    """Cost per day, half of it transport and half holding, and waste per day, a half of it failed;
    all of the first class."""
    counts = Counts.zero(len(BUSINESS.classes))
    counts.asked[0], counts.sold[0] = 1000.0, 1000.0 * fill
    counts.waste_kg[0], counts.failed_kg[0] = DAYS * waste, DAYS * waste / 2
    counts.costs[0, 0] = counts.costs[2, 0] = DAYS * cost / 2
    return Outcome(name, seed, DAYS, counts)


def comparison(**by_policy: list[tuple[float, float]]) -> Comparison:
    names = {"ours": OURS, "cheap": "fixed-cycle", "fresh": "reorder-point", "informed": INFORMED}
    outcomes = {
        names[key]: [
            outcome(names[key], seed, cost=cost, waste=waste)
            for seed, (cost, waste) in enumerate(pairs, start=1)
        ]
        for key, pairs in by_policy.items()
    }
    rules = {name: [Rule(2, 7, 1.5)] * len(BUSINESS.classes) for name in outcomes if name != OURS}
    return Comparison(BUSINESS, outcomes, rules)


SURE = comparison(
    ours=[(80.0, 6.0), (88.0, 6.5)],
    cheap=[(100.0, 12.0), (108.0, 12.5)],
    fresh=[(150.0, 8.0), (158.0, 8.5)],
    informed=[(50.0, 1.0), (50.0, 1.0)],
)


def test_goals_are_held_against_the_cheapest_rule_and_a_fresher_one_is_told() -> None:
    text = report(SURE)
    first = "**Both goals are reached against fixed-cycle, the best rule, surely.**"
    assert text.index(first) < text.index("## All figures")
    assert (
        "- **Cost**: 84.0 a day against 104.0 of fixed-cycle: 19.2 % less; "
        "the goal of 10 % less is reached (between -19.2 and -19.2 % with 95 % confidence)."
    ) in text
    assert (
        "- **Waste**: 6.2 kg a day against 12.2 kg of fixed-cycle: 49.0 % less; "
        "the goal of 20 % less is reached"
    ) in text
    assert (
        "- **The least wasteful rule** is reorder-point, with 8.2 kg a day: "
        "ours wastes 24.2 % less than that"
    ) in text


def test_no_goal_is_reached_by_who_serves_less() -> None:
    seeds = (1, 2)
    outcomes = {
        OURS: [outcome(OURS, seed, cost=1.0, waste=0.1, fill=0.90) for seed in seeds],
        "full-truck": [outcome("full-truck", seed, cost=9.0, waste=9.0) for seed in seeds],
    }
    text = report(Comparison(BUSINESS, outcomes, {}))
    assert "**No goal is reached: full-truck serves more.**" in text


def test_a_rule_that_cannot_serve_as_much_is_told_to_be_no_like_for_like() -> None:
    hint = "a lower `--service` of ours compares both at one fill rate"
    for fill, is_told in ((0.97, True), (0.978, False)):
        outcomes = {
            OURS: [outcome(OURS, 1, cost=9.0, waste=1.0, fill=0.98)],
            "full-truck": [outcome("full-truck", 1, cost=8.0, waste=1.0, fill=fill)],
        }
        assert (hint in report(Comparison(BUSINESS, outcomes, {}))) is is_told


def test_one_goal_of_two_is_told_as_one() -> None:
    text = report(comparison(ours=[(80.0, 6.0)] * 2, cheap=[(100.0, 6.2)] * 2))
    assert (
        "**Against fixed-cycle, the best rule, of the two goals, that of cost is reached.**"
        in text
    )


def test_our_own_forecasts_in_a_rule_are_no_rule_of_the_trade() -> None:
    found = {name: [{"cost": float(i)}] for i, name in enumerate((INFORMED, OURS, "full-truck"))}
    assert best_rule(found, "cost") == "full-truck"


def test_what_may_be_chance_is_called_so() -> None:
    text = report(comparison(ours=[(80.0, 6.0), (120.0, 6.0)], cheap=[(110.0, 6.2), (100.0, 6.3)]))
    assert re.search(r"\*\*Cost\*\*.* 4\.8 % less; .* not reached .*it may be chance\)\.", text)
    assert re.search(r"\*\*Waste\*\*.* 4\.0 % less; .* not reached", text)


def test_one_seed_has_no_interval() -> None:
    it = comparison(ours=[(80.0, 6.0)], cheap=[(100.0, 9.0)])
    assert "±" not in table(it)
    assert "One seed: no interval can be told" in report(it)
    assert "one seed, so it may be chance" in report(it)


def test_nothing_wasted_and_nothing_spent_is_told_without_a_share() -> None:
    text = report(comparison(ours=[(0.0, 0.0)] * 2, cheap=[(0.0, 0.0)] * 2))
    assert "- **Waste**: 0.0 kg a day against 0.0 kg of fixed-cycle." in text
    assert "nan" not in text


def test_classes_and_tuned_rules_are_told() -> None:
    text = report(SURE)
    assert "| ambient | 98.00 / 98.00 % | 6.2 / 12.2 | 0.0 / 0.0 | 84.0 / 104.0 |" in text
    assert "| fixed-cycle | 2 / 7, z 1.5 | 2 / 7, z 1.5 | 2 / 7, z 1.5 |" in text


def test_the_summary_keeps_every_seed() -> None:
    told = summary(SURE)["policies"]
    assert isinstance(told, dict)
    assert [one["cost"] for one in told[OURS]["seeds"]] == [80.0, 88.0]
    assert told["fixed-cycle"]["less"]["cost"] == {"mean": -20.0, "half": 0.0}


def test_pictures_are_small_and_the_same_every_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    points = [Point(OURS, s, s, 10 * s, 100 * s) for s in (0.9, 0.95, 0.99)]
    figure = curve_figure(BUSINESS, points)
    rows = rows_of([SURE])

    def draw() -> list[Path]:
        side_by_side = draw_overview(rows, tmp_path / "overview.svg")
        return [draw_bars(SURE, tmp_path), draw_lines(figure, tmp_path), side_by_side]

    first = draw()
    drawn = [path.read_bytes() for path in first]
    assert [path.name for path in first][:2] == ["normal-weeks.svg", "normal-weeks-curve.svg"]
    assert all(0 < len(each) < 60_000 for each in drawn)
    assert b"failed cold chain" in drawn[0]
    assert drawn == [path.read_bytes() for path in draw()]


def test_many_skus_are_tuned_as_few_of_the_same_kind() -> None:
    whole = load_business("normal-weeks")
    few = few_skus(whole)
    assert max(goods.skus for goods in few.classes) == TUNING_SKUS
    for big, small in zip(whole.classes, few.classes, strict=True):
        assert small.skus == round(big.skus * TUNING_SKUS / 800)
        assert small.trip_cost / small.skus == pytest.approx(big.trip_cost / big.skus)
        assert small.storage_kg / small.skus == pytest.approx(big.storage_kg / big.skus)
    assert few_skus(few) == few


def test_a_class_keeps_one_sku_and_its_vehicle_carries_a_piece() -> None:
    tiny = scaled(load_business("normal-weeks"), 1e-6)
    assert [goods.skus for goods in tiny.classes] == [1, 1, 1]
    np.testing.assert_array_less(4.999, [goods.vehicle_capacity_kg for goods in tiny.classes])


def test_where_nothing_serves_enough_the_last_tenth_of_a_point_is_not_bought() -> None:
    usual, dear = Rule(1, 7, 2.0), Rule(1, 7, 4.75)
    tries = [[trial._Try(usual, 100.0, 20.0, 1000.0), trial._Try(dear, 160.0, 19.5, 1000.0)]]
    assert [it.rule for it in trial._cheapest(tries, 0.99)] == [usual]
    assert [it.rule for it in trial._cheapest(tries, 0.9804)] == [usual]


def test_scenarios_side_by_side_say_which_goals_were_reached() -> None:
    unsure = comparison(ours=[(80.0, 6.0), (99.0, 6.0)], cheap=[(100.0, 6.2), (103.0, 6.3)])
    first, second, _ = rows_of([SURE])
    assert (first.rule, first.reached("cost"), first.reached("waste_kg")) == (
        "fixed-cycle",
        "surely",
        "surely",
    )
    assert second.less["waste_kg"].mean == pytest.approx(-100 * 2.0 / 8.25)
    only = rows_of([unsure])[0]
    assert (only.reached("cost"), only.reached("waste_kg")) == ("yes", "no")
    lines = overview([first, second]).splitlines()
    assert lines[2].startswith("| normal-weeks | **fixed-cycle** | 98.00 / 98.00 % | 84 / 104 |")
    assert lines[2].endswith("| surely | surely |")
    assert "| reorder-point |" in lines[3]


def test_a_goal_is_not_reached_by_serving_less() -> None:
    names = {OURS: (0.97, 50.0), "fixed-cycle": (0.98, 100.0)}
    outcomes = {
        name: [outcome(name, seed, cost=cost, waste=1.0, fill=fill) for seed in (1, 2)]
        for name, (fill, cost) in names.items()
    }
    (row,) = rows_of([Comparison(BUSINESS, outcomes, {})])
    assert row.less["cost"].mean == pytest.approx(-50.0)
    assert row.reached("cost") == "no"
