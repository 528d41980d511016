# Pins the business simulation: pieces conserved, the same chance for every policy, nothing seen
# of the future, and scenarios that make no sense refused by name.

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from device_sim.__main__ import main
from device_sim.business import curve, trial
from device_sim.business.chance import World, draw_world
from device_sim.business.pieces import INFORMED, OURS, outcome, play, rule_of_thumb
from device_sim.business.planned import Planned
from device_sim.business.policies import RULES, Policy, Rule, look
from device_sim.business.report import interval, table
from device_sim.business.scenario import (
    SHIPPED,
    Business,
    load_business,
    parse_business,
    resized,
    shipped_names,
)
from device_sim.business.trial import Comparison
from device_sim.business.verdict import report
from device_sim.business.world_days import ROWS, Network, take_first_expired
from device_sim.errors import ScenarioRefused

pytestmark = pytest.mark.slow


def small() -> Business:
    """Three places, a few SKUs, two weeks, with all that can go wrong."""
    business = resized(load_business("normal-weeks"), weeks=1, skus=12)
    values = business.model_dump() | {"warehouses": 3, "warmup_days": 5, "late": 0.3}
    for goods in values["classes"]:
        goods["excursions"] = 0.1
    values["surges"] = [{"day": 2, "days": 2, "factor": 4.0, "share": 0.3, "announced_days": 1}]
    return Business.model_validate(values)


BUSINESS = small()
WORLD = draw_world(BUSINESS, 3)
POLICIES = [OURS, *RULES, INFORMED]


def policy_of(name: str) -> Policy:
    if name == OURS:
        return Planned(service=0.95)
    return rule_of_thumb(name, [Rule(2, 3, 1.5)] * len(BUSINESS.classes))


@pytest.mark.parametrize("name", POLICIES)
def test_every_piece_bought_is_sold_lost_on_a_shelf_or_on_its_way(name: str) -> None:
    network = play(WORLD, policy_of(name))
    left = network.stock.sum(axis=(0, 1)) + network.on_order().sum(axis=0)
    sold = network.sold[WORLD.first :].sum(axis=(0, 1))
    assert network.bought.sum() > sold.sum() > 0
    assert network.lost.sum() > 0
    np.testing.assert_array_equal(network.bought, sold + network.lost + left)
    assert (network.stock >= 0).all()
    assert (network.sold <= WORLD.demand).all()


def changed_after(world: World, day: int) -> World:
    """The same until a day, and another future: nobody buys, all fails, everything is late."""
    demand, late, failed = world.demand.copy(), world.late.copy(), world.failed.copy()
    demand[day + 1 :] = 0
    failed[day + 1 :] = True
    late[day + 1 :] = True
    return replace(world, demand=demand, late=late, failed=failed)


@pytest.mark.parametrize("name", POLICIES)
def test_no_policy_sees_the_future(name: str) -> None:
    day = WORLD.first + 8
    kept = play(WORLD, policy_of(name)).log
    other = play(changed_after(WORLD, day), policy_of(name)).log
    known = day - WORLD.first + 1
    assert described(kept[:known]) == described(other[:known])
    assert described(kept[known:]) != described(other[known:])


def described(log: list) -> list:
    return [
        ([(t.goods_class, t.stops, t.units.tolist()) for t in orders.trips],
         orders.procure.tolist())
        for orders in log
    ]  # fmt: skip


def test_a_seed_is_one_world_and_one_outcome() -> None:
    again = draw_world(BUSINESS, 3)
    np.testing.assert_array_equal(again.demand, WORLD.demand)
    np.testing.assert_array_equal(again.failed, WORLD.failed)
    first, second = (outcome(w, policy_of(OURS), name=OURS, seed=3) for w in (WORLD, again))
    assert first.figures() == second.figures()
    assert (draw_world(BUSINESS, 4).demand != WORLD.demand).any()


def test_policies_meet_the_same_customers() -> None:
    asked = {n: outcome(WORLD, policy_of(n), name=n, seed=3).counts.asked for n in POLICIES}
    for counted in asked.values():
        np.testing.assert_array_equal(counted, asked[OURS])
    assert asked[OURS].sum() == WORLD.demand[WORLD.counted_from :].sum()


def test_surges_are_known_from_the_day_they_are_announced() -> None:
    begins = WORLD.counted_from + 2
    assert (WORLD.announced(begins - 2, 5) == 1).all()
    told = WORLD.announced(begins - 1, 5)
    np.testing.assert_array_equal(told[:2, WORLD.surge_skus[0]], 4.0)
    assert (told[2:] == 1).all()
    assert (told[:, ~WORLD.surge_skus[0]] == 1).all()
    assert (WORLD.announced_past(begins - 1) == 1).all()
    assert (WORLD.announced_past(begins)[begins, WORLD.surge_skus[0]] == 4.0).all()


def test_nobody_buys() -> None:
    values = BUSINESS.model_dump()
    values["sales"]["level"] = 0.0
    world = draw_world(Business.model_validate(values), 1)
    for name in POLICIES:
        found = outcome(world, policy_of(name), name=name, seed=1).figures()
        assert found["fill"] == 1.0
        assert found["cost"] == 0.0


def test_a_network_whose_rooms_are_too_small_is_played_and_told() -> None:
    """No class plan fits: the rule of the room holds, and the report says so."""
    values = BUSINESS.model_dump()
    values["classes"][1]["storage_kg"] = 0.001
    business = Business.model_validate(values)
    found = outcome(draw_world(business, 1), policy_of(OURS), name=OURS, seed=1)
    assert found.fill()[1] < 0.05
    assert found.fill()[0] > 0.5
    shown = report(Comparison(business, {OURS: [found]}, {}))
    assert "- forepost: no class plan fits the rooms" in shown
    assert "(1 of 1 seed)" in shown


def test_what_is_too_old_on_arrival_is_not_bought() -> None:
    business = odd({"life_days": (1, 1)})
    world = draw_world(business, 1)
    network = play(world, Planned(service=0.98))
    np.testing.assert_array_equal(network.bought, Network.start(world).bought)


ODD = {
    "one place, one SKU": {"warehouses": 1, "skus": 1},
    "a life of a day": {"life_days": (1, 1)},
    "a long way to go": {"lead_days": 14, "supplier_lead_days": 60},
    "vans that carry less than a place sells": {"vehicle_capacity_kg": 5.0, "level": 20.0,
                                                "storage_kg": 9000.0},
    "whole boxes": {"case_pack": 100},
    "a purchase and a delivery every day": {"max_cycle_days": 1, "max_procurement_days": 1},
    "everything fails": {"excursions": 1.0, "excursion_loss": 1.0},
    "driving is free": {"trip_cost": 0.0, "cost_per_km": 0.0, "supplier_trip_cost": 0.0},
    "keeping is free": {"holding": 0.0, "preservation": 0.0},
    "a surge of fifty": {"surges": [{"day": 1, "days": 3, "factor": 50.0, "share": 0.5,
                                     "announced_days": 3}]},
}  # fmt: skip


def odd(changes: dict[str, object]) -> Business:
    values = BUSINESS.model_dump() | {"history_days": 28, "warmup_days": 2}
    for key, value in changes.items():
        if key == "level":
            values["sales"][key] = value
        elif key in values:
            values[key] = value
        else:
            for goods in values["classes"]:
                goods[key] = value
    return Business.model_validate(values)


@pytest.mark.parametrize("name", ODD)
def test_odd_scenarios_are_played_to_their_end(name: str) -> None:
    world = draw_world(odd(ODD[name]), 1)
    network = play(world, Planned(service=0.98))
    assert all(np.isfinite(each).all() for each in (network.counts.costs, network.counts.sold))
    left = network.stock.sum(axis=(0, 1)) + network.on_order().sum(axis=0)
    sold = network.sold[world.first :].sum(axis=(0, 1))
    np.testing.assert_array_equal(network.bought, sold + network.lost + left)


def test_what_is_oldest_is_sold_first() -> None:
    stock = np.array([[2], [3], [5]])
    taken = take_first_expired(stock, np.array([4]))
    np.testing.assert_array_equal(taken, [[2], [2], [0]])
    np.testing.assert_array_equal(stock, [[0], [1], [5]])


def test_goods_are_waste_after_the_last_day_of_their_life() -> None:
    quiet = replace(WORLD, demand=np.zeros_like(WORLD.demand), failed=np.zeros_like(WORLD.failed))
    network = Network.start(quiet)
    network.stock[:] = 0
    network.stock[1, 1, 0] = 7
    network.stock[ROWS - 1, 1, 0] = 3
    network.play_day(WORLD.first)
    assert network.lost[0] == 0
    network.play_day(WORLD.first + 1)
    assert network.lost[0] == 7
    assert network.stock.sum() == 3


def test_what_was_not_served_is_not_shown() -> None:
    """Twice the customers on a day that sold out: the same sales, an outage by chance earlier."""
    place, sku, day = 1, 0, WORLD.first
    shares = []
    for factor in (1, 4):
        demand = WORLD.demand.copy()
        demand[day, place, sku] = 5 * factor
        network = Network.start(replace(WORLD, demand=demand))
        network.stock[:, place, sku] = 0
        network.stock[5, place, sku] = 4
        network.play_day(day)
        assert network.sold[day, place, sku] == 4
        shares.append(network.covered[day, place, sku])
    assert 0 < shares[1] < shares[0] < 1
    # Nobody could tell n from k of n and an expected share k / (n + 1).
    assert all(abs(4 / share - round(4 / share)) > 1e-3 for share in shares)


def test_a_shelf_that_is_empty_shows_nothing() -> None:
    network = Network.start(WORLD)
    network.stock[:] = 0
    network.play_day(WORLD.first)
    assert (network.covered[WORLD.first] == 0).all()


def test_an_evening_shows_no_more_than_the_days_that_were() -> None:
    network = Network.start(WORLD)
    network.play_day(WORLD.first)
    seen = look(network, WORLD.first)
    assert len(seen.sold) == len(seen.covered) == WORLD.first + 1
    seen.stock[:] = 0
    assert network.stock.sum() > 0


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_scenarios_are_whole(name: str) -> None:
    assert load_business(name).name == name


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("vehicle_capacity_kg = 3120", "vehicle_capacity_kg = 0", "vehicle_capacity_kg"),
        ("life_days = [10, 30]", "life_days = [30, 10]", "life_days"),
        ("weeks = 4", "weeks = 400", "weeks"),
        ("level = 0.35", "level = nan", "level"),
        ('id = "frozen"', 'id = "ambient"', "each id once"),
        ('name = "normal-weeks"', 'name = "../weeks"', "name"),
        ("value = 7.2", "", "value"),
        ("value = 7.2", "value = 7.2\ncolour = 1", "colour"),
        ("value = 7.2", "value =", "not TOML"),
        ("trip_cost = 1600", "tripcost = 1600", "tripcost: no such key, 'trip_cost' perhaps"),
        ("skus = 800", 'skus = "many"', r"classes\.0\.skus: .*, got 'many'"),
        ('name = "normal-weeks"', 'name = "a/b"', "name: expected letters, .*, got 'a/b'"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(old: str, new: str, key: str) -> None:
    text = (SHIPPED / "normal-weeks.toml").read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(ScenarioRefused, match=key):
        parse_business(text.replace(old, new, 1), source="x.toml")


def test_the_interval_is_students() -> None:
    found = interval([1.0, 2.0, 3.0])
    assert found.mean == 2.0
    assert found.half == pytest.approx(4.303 / np.sqrt(3))
    assert np.isinf(interval([1.0]).half)


def test_the_cheapest_rules_that_serve_enough_together_are_taken() -> None:
    """Class 0 serves for little, class 1 only for much: it need not."""
    few, much = Rule(2, 4, 1.0), Rule(2, 4, 3.0)
    tries = [
        [trial._Try(few, 10.0, 8.0, 100.0), trial._Try(much, 12.0, 0.0, 100.0)],
        [trial._Try(few, 10.0, 8.0, 100.0), trial._Try(much, 90.0, 0.0, 100.0)],
    ]
    assert [it.rule for it in trial._cheapest(tries, 0.92)] == [few, few]
    assert [it.rule for it in trial._cheapest(tries, 0.96)] == [much, few]
    assert [it.rule for it in trial._cheapest(tries, 0.97)] == [much, much]
    # Nothing serves all of it: what serves most.
    assert [it.rule for it in trial._cheapest(tries, 1.1)] == [much, much]


def test_the_table_pairs_seeds() -> None:
    found = {
        n: [outcome(draw_world(BUSINESS, s), policy_of(n), name=n, seed=s) for s in (1, 2)]
        for n in (OURS, "fixed-cycle")
    }
    shown = table(Comparison(BUSINESS, found, {"fixed-cycle": []}))
    less = [
        a.figures()["cost"] - b.figures()["cost"]
        for a, b in zip(found[OURS], found["fixed-cycle"], strict=True)
    ]
    half = 12.706 * abs(less[0] - less[1]) / 2
    assert (
        f"| ours less theirs: total cost, money |  | {sum(less) / 2:.1f} ± {half:.1f} |" in shown
    )


def test_the_command_writes_table_figures_and_curve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trial, "CYCLES", {"fixed-cycle": (2,)})
    monkeypatch.setattr(trial, "PROCUREMENT_DAYS", (3,))
    monkeypatch.setattr(trial, "FACTORS", (0.0, 9.0))
    monkeypatch.setattr(trial, "STEPS", (0.0,))
    monkeypatch.setattr(trial, "FINE_STEPS", ())
    monkeypatch.setattr(trial, "TUNING_SEEDS", (trial.TUNING_SEEDS[0],))
    monkeypatch.setattr(curve, "SERVICES", (0.9,))
    monkeypatch.setattr(curve, "FACTORS", (0.0, 2.0))
    monkeypatch.setattr(curve, "WEIGHTS", (1.0,))
    text = (SHIPPED / "normal-weeks.toml").read_text(encoding="utf-8")
    file = tmp_path / "few.toml"
    file.write_text(text.replace("weeks = 4", "weeks = 1\nwarmup_days = 3\nwarehouses = 2"))
    command = ["business", str(file), "--seeds", "1", "--skus", "10", "--policy", "fixed-cycle"]
    assert main([*command, "--curve", "--output", str(tmp_path / "out")]) == 0
    told = json.loads((tmp_path / "out" / "normal-weeks.json").read_text(encoding="utf-8"))
    assert told["policies"][OURS]["fill"]["half"] is None
    assert {rule["z"] for rule in told["policies"]["fixed-cycle"]["rules"]} <= {0.0, 9.0}
    points = (tmp_path / "out" / "normal-weeks-curve.md").read_text(encoding="utf-8")
    fills = [float(row.split("|")[3].rstrip(" %")) for row in points.splitlines()[4:]]
    assert fills[0] < fills[1], "a larger safety factor serves more"
    assert points in capsys.readouterr().out


def test_an_unknown_scenario_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["business", "no-such-weeks"]) == 1
    assert capsys.readouterr().err.startswith("forepost-sim: no-such-weeks: no such file")
