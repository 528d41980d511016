"""Pins when a tag is here and when it is gone, and which reads are strays."""

from collections.abc import Callable
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.core.readings import Tag
from gateway.core.smoothing import (
    ARRIVED,
    LEFT,
    RETURN_US,
    Sighting,
    SmoothingRule,
    TagPresence,
)

RULE = SmoothingRule(
    window_s=2.0,
    min_reads=2,
    gone_after_s=10.0,
    rssi_floor_centi_dbm=-7000,
    stray_margin_centi_db=1000,
)
S = 1_000_000


def tag(epc: str = "AA", rssi: int | None = -5000, count: int = 1) -> Tag:
    return Tag(epc, 1, rssi, count)


def by(rule: SmoothingRule) -> Callable[[str], SmoothingRule]:
    return lambda _: rule


def kinds(sightings: list[Sighting]) -> list[tuple[str, str, str]]:
    return [(each.kind, each.read_point, each.epc) for each in sightings]


def test_a_tag_arrives_at_its_second_read_within_the_window_and_only_once() -> None:
    presence = TagPresence(by(RULE))
    assert presence.see("dock", tag(), 0) == []
    assert presence.see("dock", tag(rssi=-4000), 2 * S) == [
        Sighting(ARRIVED, "dock", "AA", 2, -4000, first_us=0, last_us=2 * S, at_us=2 * S)
    ]
    assert presence.see("dock", tag(), 3 * S) == []


def test_reads_too_far_apart_are_strays() -> None:
    presence = TagPresence(by(RULE))
    assert presence.see("dock", tag(), 0) == []
    assert presence.see("dock", tag(), 2 * S + 1) == []
    assert presence.n_strays == 1


def test_a_weak_read_is_a_stray_and_one_at_the_floor_is_not() -> None:
    presence = TagPresence(by(RULE))
    presence.see("dock", tag(rssi=-7001, count=5), 0)
    assert presence.n_strays == 1
    assert presence.see("dock", tag(rssi=-7000, count=2), 0)


def test_a_tag_leaves_when_it_was_not_read_for_long_enough() -> None:
    presence = TagPresence(by(RULE))
    presence.see("dock", tag(count=2), 0)
    assert list(presence.tick(10 * S - 1)) == []
    assert list(presence.tick(10 * S)) == [
        Sighting(LEFT, "dock", "AA", 2, -5000, first_us=0, last_us=0, at_us=10 * S)
    ]
    assert list(presence.tick(20 * S)) == []


def test_what_never_arrived_does_not_leave() -> None:
    presence = TagPresence(by(RULE))
    presence.see("dock", tag(), 0)
    assert list(presence.tick(30 * S)) == []
    assert presence.n_strays == 1


def test_two_read_points_are_two_stays() -> None:
    presence = TagPresence(by(RULE))
    assert presence.see("dock", tag(count=2), 0)
    assert presence.see("door", tag(count=2), 0)


def test_every_read_point_has_a_rule_of_its_own() -> None:
    patient = SmoothingRule(window_s=60.0, min_reads=3, gone_after_s=100.0)
    presence = TagPresence(lambda point: patient if point == "shelf" else RULE)
    for at_s in (0, 30):
        assert presence.see("shelf", tag(), at_s * S) == []
    assert presence.see("shelf", tag(), 60 * S)
    assert presence.see("dock", tag("BB", count=2), 60 * S)
    assert kinds(list(presence.tick(80 * S))) == [(LEFT, "dock", "BB")]
    assert kinds(list(presence.tick(160 * S))) == [(LEFT, "shelf", "AA")]


def test_a_tag_seen_weakly_by_the_neighbours_antenna_is_not_there() -> None:
    presence = TagPresence(by(RULE))
    presence.see("dock", tag(rssi=-4500, count=2), 0)
    assert presence.see("door", tag(rssi=-5500, count=9), S) == []
    assert presence.n_strays == 1
    assert presence.see("door", tag(rssi=-5499, count=2), S), "one less than the margin"


def test_a_neighbour_that_has_not_seen_the_tag_lately_makes_no_stray() -> None:
    presence = TagPresence(by(RULE))
    presence.see("dock", tag(rssi=-4500, count=2), 0)
    assert presence.see("door", tag(rssi=-6500, count=2), 2 * S + 1)


def test_a_tag_that_is_carried_over_leaves_here_and_arrives_there() -> None:
    presence = TagPresence(by(RULE))
    log: list[Sighting] = []
    for step in range(40):
        # The dock's antenna sees it weaker and weaker, the door's stronger and stronger.
        log += presence.see("dock", tag(rssi=-4000 - 75 * step), step * S // 2)
        log += presence.see("door", tag(rssi=-6925 + 75 * step), step * S // 2)
        log += presence.tick(step * S // 2)
    assert kinds(log) == [(ARRIVED, "dock", "AA"), (ARRIVED, "door", "AA")]
    log += presence.see("door", tag(rssi=-4000), 24 * S)
    log += presence.tick(24 * S)
    assert kinds(log[2:]) == [(LEFT, "dock", "AA")]


def test_without_rssi_every_antenna_is_believed() -> None:
    presence = TagPresence(by(RULE))
    presence.see("dock", tag(rssi=-4000, count=2), 0)
    assert presence.see("door", tag(rssi=None, count=2), 0)


def test_memory_is_bounded_and_the_longest_unseen_tag_has_left() -> None:
    presence = TagPresence(by(RULE), max_tags=3)
    for i, epc in enumerate("ABC"):
        assert kinds(presence.see(f"p{i % 2}", tag(epc, count=2), i)) == [
            (ARRIVED, f"p{i % 2}", epc)
        ]
    assert kinds(presence.see("p1", tag("D", count=2), 3)) == [
        (LEFT, "p0", "A"),
        (ARRIVED, "p1", "D"),
    ]
    assert presence.see("p1", tag("D", count=2), 5) == [], "D is still followed"


def test_a_clock_that_is_set_back_keeps_nobody_here_for_ever() -> None:
    presence = TagPresence(by(RULE))
    presence.see("dock", tag(count=2), 3600 * S)
    assert list(presence.tick(0)) == []
    assert kinds(list(presence.tick(10 * S))) == [(LEFT, "dock", "AA")]


reads = st.tuples(
    st.sampled_from(["dock", "door", "shelf"]),
    st.sampled_from(["AA", "BB", "CC", "DD"]),
    st.sampled_from([None, -3000, -4500, -6500, -7100]),
    st.integers(1, 3),
    st.sampled_from([0, 1, S, 2 * S, 11 * S, -S, -3600 * S]),
)


@settings(deadline=None)
@given(st.lists(reads, max_size=100), st.integers(0, 100))
@example([("dock", "AA", None, 2, S), ("dock", "AA", None, 1, -S)], 1)  # set back while away
def test_arrivals_and_departures_alternate_whatever_is_read_and_over_a_restart(
    history: list[tuple[str, str, int | None, int, int]], i_restart: int
) -> None:
    presence = TagPresence(by(RULE), max_tags=5)
    now_us = 0
    told: list[Sighting] = []
    for i, (point, epc, rssi, count, step_us) in enumerate(history):
        now_us = max(0, now_us + step_us)
        if i == i_restart:
            presence = restarted(told, now_us)
        told += presence.see(point, tag(epc, rssi, count), now_us)
        told += presence.tick(now_us)
    _check_alternation(told)
    told += presence.tick(now_us + 27 * S)
    assert not _check_alternation(told), "all have left once nobody is read any more"
    if all(step_us >= 0 for *_, step_us in history):
        # Unless the clock was set back.
        assert all(before.at_us <= after.at_us for before, after in pairwise(told))


def restarted(told: list[Sighting], now_us: int) -> TagPresence:
    """What a crash leaves: the arrivals that were told, without those that left."""
    here: dict[tuple[str, str], Sighting] = {}
    for sighting in told:
        here.pop((sighting.read_point, sighting.epc), None)
        if sighting.kind == ARRIVED:
            here[sighting.read_point, sighting.epc] = sighting
    presence = TagPresence(by(RULE), max_tags=5)
    presence.restore(here.values(), now_us)
    return presence


def test_a_tag_that_went_while_nobody_listened_has_left_once_readers_had_time_to_return() -> None:
    before = TagPresence(by(RULE))
    told = before.see("dock", tag(rssi=-4000, count=2), 5 * S)
    presence = restarted(told, 3600 * S)
    assert list(presence.tick(3600 * S + RETURN_US + 10 * S - 1)) == []
    at_us = 3600 * S + RETURN_US + 10 * S
    assert list(presence.tick(at_us)) == [
        Sighting(LEFT, "dock", "AA", 2, -4000, first_us=5 * S, last_us=5 * S, at_us=at_us)
    ]


def test_a_tag_that_is_still_there_after_a_restart_does_not_arrive_again() -> None:
    told = TagPresence(by(RULE)).see("dock", tag(count=2), 5 * S)
    presence = restarted(told, 60 * S)
    assert presence.see("dock", tag(count=3), 61 * S) == []
    assert list(presence.tick(71 * S - 1)) == []
    (left,) = presence.tick(71 * S)
    assert (left.n_reads, left.first_us, left.last_us) == (5, 5 * S, 61 * S)


def _check_alternation(told: list[Sighting]) -> set[tuple[str, str]]:
    """Who is where after all that was told."""
    here: set[tuple[str, str]] = set()
    for sighting in told:
        key = (sighting.read_point, sighting.epc)
        assert (key in here) == (sighting.kind == LEFT)
        here ^= {key}
        assert sighting.first_us <= sighting.last_us <= sighting.at_us
    return here
