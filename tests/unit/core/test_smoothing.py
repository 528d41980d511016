"""Pins when a tag is here and when it is gone."""

from gateway.core.readings import Tag
from gateway.core.smoothing import SmoothingRule, TagPresence

RULE = SmoothingRule(
    window_s=2.0, min_reads=2, gone_after_s=10.0, rssi_floor_centi_dbm=-7000, max_tags=3
)
S = 1_000_000


def tag(epc: str = "AA", rssi: int | None = -5000, count: int = 1) -> Tag:
    return Tag(epc, 1, rssi, count)


def test_a_tag_arrives_at_its_second_read_within_the_window_and_only_once() -> None:
    presence = TagPresence(RULE)
    assert presence.see("dock", tag(), 0) is None
    arrival = presence.see("dock", tag(rssi=-4000), 2 * S)
    assert arrival is not None
    assert (arrival.kind, arrival.n_reads, arrival.rssi_centi_dbm) == ("arrived", 2, -4000)
    assert presence.see("dock", tag(), 3 * S) is None


def test_reads_too_far_apart_are_strays() -> None:
    presence = TagPresence(RULE)
    assert presence.see("dock", tag(), 0) is None
    assert presence.see("dock", tag(), 2 * S + 1) is None


def test_a_weak_read_is_a_stray_and_one_at_the_floor_is_not() -> None:
    presence = TagPresence(RULE)
    presence.see("dock", tag(rssi=-7001, count=5), 0)
    assert presence.n_strays == 1
    assert presence.see("dock", tag(rssi=-7000, count=2), 0) is not None


def test_a_tag_leaves_when_it_was_not_read_for_long_enough() -> None:
    presence = TagPresence(RULE)
    presence.see("dock", tag(count=2), 0)
    assert list(presence.tick(10 * S - 1)) == []
    (left,) = presence.tick(10 * S)
    assert (left.kind, left.epc, left.read_point) == ("left", "AA", "dock")
    assert list(presence.tick(20 * S)) == []


def test_what_never_arrived_does_not_leave() -> None:
    presence = TagPresence(RULE)
    presence.see("dock", tag(), 0)
    assert list(presence.tick(30 * S)) == []
    assert presence.n_strays == 1


def test_two_read_points_are_two_stays() -> None:
    presence = TagPresence(RULE)
    assert presence.see("dock", tag(count=2), 0) is not None
    assert presence.see("door", tag(count=2), 0) is not None


def test_memory_is_bounded_and_the_longest_unseen_tag_goes_first() -> None:
    presence = TagPresence(RULE)
    for i, epc in enumerate("ABCD"):
        presence.see("dock", tag(epc, count=2), i)
    assert presence.see("dock", tag("D", count=2), 5) is None, "D is still followed"
    assert presence.see("dock", tag("A", count=2), 6) is not None, "A was forgotten"
