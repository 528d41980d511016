"""Pins the reorder trigger: at or below s, once, armed again above, quiet in between."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.contract.documents import Policy
from gateway.core.facts import TriggerState
from gateway.core.triggers import reorder_trigger

QUIET_US = 1_000
POLICY = Policy(
    warehouse="J1", gtin="09506000134352", demand_units_per_day=10.0, demand_sd_units_per_day=2.0,
    reorder_point_units=20, lead_time_days=0.25,
)  # fmt: skip


def step(position: int, state: TriggerState, now_us: int) -> tuple[bool, TriggerState]:
    body, after = reorder_trigger(
        POLICY, position_units=position, state=state, now_us=now_us, quiet_us=QUIET_US
    )
    return body is not None, after


def test_it_fires_at_the_reorder_point_and_below_not_above() -> None:
    fired = {position: step(position, TriggerState(), 0)[0] for position in (19, 20, 21)}
    assert fired == {19: True, 20: True, 21: False}


def test_it_does_not_fire_again_while_stock_stays_low() -> None:
    _, state = step(20, TriggerState(), 0)
    assert not step(5, state, QUIET_US * 10)[0]


def test_it_is_armed_again_once_stock_was_above() -> None:
    _, state = step(20, TriggerState(), 0)
    _, state = step(21, state, QUIET_US)
    assert step(20, state, QUIET_US)[0]


def test_stock_that_swings_around_the_point_fires_once_per_quiet_period() -> None:
    _, state = step(20, TriggerState(), 0)
    _, state = step(21, state, 1)
    assert not step(20, state, QUIET_US - 1)[0]
    assert step(20, state, QUIET_US)[0]


def test_the_trigger_says_why() -> None:
    body, _ = reorder_trigger(
        POLICY, position_units=12, state=TriggerState(), now_us=5_500, quiet_us=QUIET_US
    )
    assert body is not None
    assert body.key == "reorder_point:09506000134352:J1:5"
    assert "12 units" in body.reason
    assert "20" in body.reason


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 600)), max_size=60))
def test_no_key_is_ever_used_twice(steps: list[tuple[int, int]]) -> None:
    state, now_us, seen = TriggerState(), 0, []
    for position, pause_us in steps:
        now_us += pause_us
        body, state = reorder_trigger(
            POLICY, position_units=position, state=state, now_us=now_us, quiet_us=QUIET_US
        )
        if body is not None:
            seen.append((body.key, now_us))
    keys = [key for key, _ in seen]
    assert len(keys) == len(set(keys))
    times = [at for _, at in seen]
    assert all(later - earlier >= QUIET_US for earlier, later in pairwise(times))
