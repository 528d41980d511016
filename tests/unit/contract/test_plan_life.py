"""Pins a plan's life: a function of the set of steps, along the table and no other way."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.contract.plan_life import NEXT, STEPS, Step, in_order, path_of, state_of

steps = st.builds(
    Step,
    st.sampled_from(sorted(STEPS.values())),
    st.integers(0, 5),
    st.sampled_from(["a", "b", "c"]),
)
histories = st.lists(steps, max_size=10)


@given(histories, st.randoms(use_true_random=False))
def test_both_sides_agree_in_whatever_order_they_learn(
    told: list[Step], chance: random.Random
) -> None:
    other = [*told, *told]
    chance.shuffle(other)
    assert state_of(other) == state_of(told)


@given(histories)
def test_no_way_leads_off_the_table(told: list[Step]) -> None:
    state = None
    for step, after in path_of(told):
        assert NEXT[state][step.name] == after
        state = after
    assert state == state_of(told)


@given(histories)
def test_a_plan_that_is_known_never_leaves_its_state_by_a_decision_once_goods_left(
    told: list[Step],
) -> None:
    proposed = [Step("propose", 0, "p"), *told]
    if state_of(proposed) in {"in_transit", "received", "closed"} and any(
        it.name in {"dispatch", "receive"} for it in told
    ):
        for name in ("approve", "reject", "supersede"):
            after = state_of([*proposed, Step(STEPS[name], 9, "z")])
            assert after in {"in_transit", "received", "closed"}


def test_the_table_leads_from_a_proposal_to_its_end() -> None:
    names = ["propose", "approve", "order", "dispatch", "receive", "close"]
    told = [Step(STEPS[name], 10 - n, str(n)) for n, name in enumerate(names)]
    assert [after for _, after in path_of(told)] == [
        "proposed", "approved", "ordered", "in_transit", "received", "closed",
    ]  # fmt: skip
    assert [step.name for step in in_order(told)] == names, "times do not turn facts round"


def test_the_first_decision_stands_and_an_approval_can_be_taken_back() -> None:
    proposed, ordered = Step("propose", 0, "p"), Step("order", 1, "o")
    assert state_of([proposed, Step("reject", 1, "a"), Step("approve", 2, "b")]) == "rejected"
    back = [proposed, ordered, Step("approve", 1, "a"), Step("reject", 2, "b")]
    assert state_of(back) == "rejected"
    assert state_of([*back, Step("dispatch", 3, "d")]) == "in_transit"


def test_nothing_is_known_before_the_proposal() -> None:
    assert state_of([Step("approve", 1, "a"), Step("dispatch", 1, "b")]) is None
