"""Pins the event ids: different each time, with the time in them, and the box's idea of time."""

import uuid

from gateway.clock import IDS_AT_ONCE, UNSET_BEFORE_US, EventIds, is_set
from tests.fakes.clock import FakeClock


def test_ids_differ_however_many_are_made_and_tell_the_time() -> None:
    clock = FakeClock()
    new_id = EventIds(clock)
    ids = [new_id() for _ in range(3 * IDS_AT_ONCE)]
    assert len(set(ids)) == len(ids)
    chance = {uuid.UUID(each).int & (1 << 62) - 1 for each in ids}
    assert len(chance) == len(ids), "the randomness itself never comes twice"
    assert {uuid.UUID(each).int >> 80 for each in ids} == {clock.wall_us() // 1000}


def test_two_makers_share_nothing() -> None:
    first, second = EventIds(FakeClock()), EventIds(FakeClock())
    assert not {first() for _ in range(300)} & {second() for _ in range(300)}


def test_a_box_without_a_battery_does_not_know_the_time() -> None:
    assert not is_set(UNSET_BEFORE_US - 1)
    assert is_set(UNSET_BEFORE_US)
