"""Pins the causes of replenishment: when each is so, once, armed again when over, quiet."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.contract.plans import TriggerBody
from gateway.core.facts import TriggerState
from gateway.core.outlook import unsold_units
from gateway.core.triggers import Look, Rush, Strain, happening, triggers_of

QUIET_US = 1_000
ITEM = "09506000134352"
States = dict[tuple[str, str], TriggerState]


def look(
    position: int,
    *,
    on_hand: int = 100,
    due_days: float | None = None,
    unsold: int = 0,
    taken: int = 0,
    surge: Rush | None = None,
    strain: Strain | None = None,
) -> Look:
    return Look(
        item=ITEM,
        name="milk",
        warehouse="J1",
        reorder_point_units=20,
        position_units=position,
        on_hand_units=on_hand,
        cover_days=max(0, on_hand) / 10.0,
        next_delivery_days=due_days,
        unsold_units=unsold,
        taken_units=taken,
        surge=surge,
        strain=strain,
    )


def fire(states: States, seen: Look, now_us: int = 0) -> list[TriggerBody]:
    bodies, changed = triggers_of(seen, states, now_us=now_us, quiet_us=QUIET_US, language="en")
    states.update(changed)
    return bodies


def causes(states: States, seen: Look, now_us: int = 0) -> list[str]:
    return [body.cause for body in fire(states, seen, now_us)]


def test_it_fires_at_the_reorder_point_and_below_not_above() -> None:
    fired = {position: causes({}, look(position)) for position in (19, 20, 21)}
    assert fired == {19: ["reorder_point"], 20: ["reorder_point"], 21: []}


def test_it_does_not_fire_again_while_stock_stays_low() -> None:
    states: States = {}
    assert causes(states, look(20))
    assert not causes(states, look(5), QUIET_US * 10)


def test_it_is_armed_again_once_stock_was_above() -> None:
    states: States = {}
    causes(states, look(20))
    causes(states, look(21), QUIET_US)
    assert causes(states, look(20), 2 * QUIET_US) == ["reorder_point"]


def test_stock_that_swings_around_the_point_fires_once_per_quiet_period() -> None:
    states: States = {}
    causes(states, look(20))
    causes(states, look(21), 1)
    assert not causes(states, look(20), 2 * QUIET_US - 1)
    assert causes(states, look(20), 2 * QUIET_US)


def test_the_trigger_says_why() -> None:
    (body,) = fire({}, look(12), 5_500)
    assert body.key == f"reorder_point:{ITEM}:J1:5"
    assert body.reason == (
        "milk: 12 units on hand and on order, at or below the reorder point of 20"
    )


@pytest.mark.parametrize(
    ("on_hand", "days", "is_so"), [(9, 1.0, True), (10, 1.0, False), (10, 1.01, True)]
)
def test_goods_that_end_before_the_next_delivery_fire(
    on_hand: int, days: float, *, is_so: bool
) -> None:
    assert causes({}, look(50, on_hand=on_hand, due_days=days)) == (["stock_out"] * is_so)


def test_where_a_new_order_would_come_no_sooner_there_is_nothing_to_ask_for() -> None:
    late = replace(look(50, on_hand=5, due_days=1.0), lead_time_days=1.0)
    assert causes({}, late) == []
    assert causes({}, replace(late, lead_time_days=0.9)) == ["stock_out"]


def test_a_stock_out_is_over_only_when_the_goods_last_a_tenth_longer() -> None:
    states: States = {}
    assert causes(states, look(50, on_hand=9, due_days=1.0))
    for on_hand, fires_after in ((10, False), (11, True)):
        causes(states, look(50, on_hand=on_hand, due_days=1.0), 5 * QUIET_US)
        again = causes(states, look(50, on_hand=9, due_days=1.0), 9 * QUIET_US)
        assert bool(again) == fires_after


@pytest.mark.parametrize(("unsold", "is_so"), [(0, False), (29, False), (30, True)])
def test_lots_that_will_not_sell_in_time_are_not_counted_on(unsold: int, *, is_so: bool) -> None:
    assert causes({}, look(50, unsold=unsold)) == (["expiring"] * is_so)


def test_what_an_excursion_took_away_fires_by_itself() -> None:
    (body,) = fire({}, look(50, on_hand=30, taken=12))
    assert (body.cause, body.reason) == (
        "excursion",
        "milk: 12 units were taken off sale by the cold chain, 30 are left",
    )


def test_a_surge_fires_with_what_it_will_take() -> None:
    (body,) = fire(
        {}, look(50, surge=Rush(is_on=True, n_sales=30, n_expected=2.5, extra_units=80))
    )
    assert (body.cause, body.extra_units) == ("surge", 80)
    assert body.reason == "milk: 30 sales where 2.5 were expected"
    assert causes({}, look(50, surge=Rush(is_on=False))) == []


def test_a_plan_whose_item_went_another_way_is_stale() -> None:
    far = Strain("PL-1", -40, is_far=True, is_near=False)
    (body,) = fire({}, look(50, strain=far))
    assert body.cause == "stale_plan"
    assert body.reason == "milk: -40 units against what plan PL-1 expected"


def test_a_cause_that_nobody_looked_at_is_neither_so_nor_over() -> None:
    states: States = {}
    rush = Rush(is_on=True, n_sales=30)
    causes(states, look(50, surge=rush))
    causes(states, look(50, surge=None), QUIET_US)
    assert not causes(states, look(50, surge=rush), 9 * QUIET_US), "it was never over"


def test_a_clock_that_was_set_back_makes_no_key_twice_and_one_ahead_silences_nothing() -> None:
    states: States = {}
    year = 10**9
    keys = [
        body.key
        for now in (10, 10 + year, 11, 11 + year, 12)
        for at in (look(21), look(20))
        for body in fire(states, at, now)
    ]
    assert len(keys) == len(set(keys)) == 5


def test_a_wish_is_told_with_its_author() -> None:
    body, _ = happening(
        "manual", item="", name="", warehouse="J1", state=TriggerState(), now_us=7, quiet_us=0,
        language="en", values={"author": "Ana"},
    )  # fmt: skip
    assert body is not None
    assert (body.key, body.item, body.reason) == ("manual:*:J1:7", None, "Ana asked for a plan")


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(-50, 600)), max_size=60))
def test_no_key_is_ever_used_twice(steps: list[tuple[int, int]]) -> None:
    states: States = {}
    now_us, seen = 0, []
    for position, pause_us in steps:
        now_us = max(0, now_us + pause_us)
        seen += [(body.key, now_us) for body in fire(states, look(position), now_us)]
    keys = [key for key, _ in seen]
    assert len(keys) == len(set(keys))
    times = [at for _, at in seen]
    assert all(
        later - earlier >= QUIET_US or later < earlier for earlier, later in pairwise(times)
    )


def test_what_is_sold_first_is_what_expires_first() -> None:
    lots = [("2026-11-18", 5), ("2026-11-19", 30), ("2026-11-25", 40)]
    # 10 a day: 5 today and 5 of the second lot, 10 of it tomorrow, 15 of it are waste.
    assert unsold_units(lots, 10.0, "2026-11-18") == 15
    assert unsold_units(lots, 100.0, "2026-11-18") == 0
    assert unsold_units(lots, 0.0, "2026-11-18") == 75
    assert unsold_units([("2026-11-17", 9)], 10.0, "2026-11-18") == 9
