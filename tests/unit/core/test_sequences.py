"""Pins which numbers of a device are missing: those left out and not come since."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.sequences import BOOTS_MAX, MISSING_MAX, BootNumbers, Gap, Sequences


def test_a_number_left_out_is_missing_until_it_comes() -> None:
    numbers = Sequences()
    assert numbers.take("p", "b", 7) is None, "what came before the first cannot be known"
    assert numbers.take("p", "b", 10) == Gap("p", "b", 8, 9)
    assert numbers.n_missing()["p"] == 2
    assert numbers.take("p", "b", 8) is None
    assert list(numbers.missing("p", "b")) == [9]
    assert numbers.take("p", "b", 9) is None
    assert numbers.n_missing()["p"] == 0


def test_a_new_boot_begins_anew_and_the_old_gap_stays_counted() -> None:
    numbers = Sequences()
    for boot, seq in (("b1", 1), ("b1", 3), ("b2", 1), ("b2", 2)):
        numbers.take("p", boot, seq)
    assert numbers.n_missing()["p"] == 1


def test_after_a_restart_a_gap_over_it_is_seen() -> None:
    numbers = Sequences()
    numbers.restore([BootNumbers("p", "b", 5)])
    assert numbers.take("p", "b", 7) == Gap("p", "b", 6, 6)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=80))
def test_the_missing_are_those_that_did_not_come(seqs: list[int]) -> None:
    numbers = Sequences()
    for seq in seqs:
        numbers.take("p", "b", seq)
    expected = set(range(seqs[0], max(seqs) + 1)) - set(seqs)
    assert set(numbers.missing("p", "b")) == expected
    assert numbers.n_missing()["p"] == len(expected)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=80), st.integers(0, 80))
def test_a_restart_in_between_changes_nothing(seqs: list[int], n_before: int) -> None:
    whole, before, after = Sequences(), Sequences(), Sequences()
    for seq in seqs:
        whole.take("p", "b", seq)
    for seq in seqs[:n_before]:
        before.take("p", "b", seq)
    known = before.numbers("p", "b")
    after.restore([] if known is None else [known])
    for seq in seqs[n_before:]:
        after.take("p", "b", seq)
    assert after.numbers("p", "b") == whole.numbers("p", "b")


def test_what_is_worth_saving_is_told_once() -> None:
    numbers = Sequences()
    numbers.take("p", "b", 1)
    assert numbers.take_changed() == {("p", "b")}
    numbers.take("p", "b", 2)
    assert numbers.take_changed() == set(), "no gap has changed"
    numbers.take("p", "b", 5)
    assert numbers.take_changed() == {("p", "b")}
    numbers.take("p", "b", 4)
    assert numbers.take_changed() == {("p", "b")}
    numbers.take("p", "b", 4)
    assert numbers.take_changed() == set(), "a repeat closes nothing"
    assert numbers.numbers("p", "b") == BootNumbers("p", "b", 5, ((3, 3),))


def test_a_huge_gap_and_many_boots_take_no_memory() -> None:
    numbers = Sequences()
    numbers.take("p", "b", 1)
    numbers.take("p", "b", 2**53)
    assert len(list(numbers.missing("p", "b"))) == MISSING_MAX
    assert numbers.n_missing()["p"] == 2**53 - 2
    for n in range(BOOTS_MAX):
        numbers.take("q", str(n), 1)
    assert numbers.n_missing()["p"] == 0, "forgotten"
