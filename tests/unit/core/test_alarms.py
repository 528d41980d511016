"""Pins alarms: each is told once when it begins and once when it is over, also over a restart and
when it comes and goes; figures that hover are told once; every alarm there is has its words."""

import re

import pytest

from gateway.core.alarms import (
    HOLD_S,
    INHERITED_HOLD_S,
    TITLES,
    TOLD_MAX,
    Alarm,
    AlarmMemory,
    title_of,
)
from gateway.core.thresholds import DAY_S, SPAN_MIN_S, Shrinking, Threshold
from gateway.services.box_watch import CLOUD_AWAY_S, SILENT_S
from tests.house.tracked import read_tracked, tracked_files

BROKER = Alarm("broker", "away", since_us=5)


def told(memory: AlarmMemory, now_s: float, *alarms: Alarm) -> list[tuple[str, str, bool]]:
    return [
        (it.alarm.name, it.alarm.about, it.is_raised) for it in memory.look(list(alarms), now_s)
    ]


def test_an_alarm_is_told_when_it_begins_and_when_it_is_over() -> None:
    memory = AlarmMemory([])
    assert told(memory, 0, BROKER) == [("broker", "", True)]
    assert told(memory, 5, BROKER) == []
    assert told(memory, 10) == []
    assert told(memory, 10 + HOLD_S - 0.1) == []
    assert told(memory, 10 + HOLD_S) == [("broker", "", False)]
    assert told(memory, 11 + HOLD_S) == []


def test_what_comes_back_soon_was_not_over() -> None:
    memory = AlarmMemory([])
    told(memory, 0, BROKER)
    for second in range(1, 600, 30):
        assert told(memory, second, *([BROKER] if second % 60 > 30 else [])) == []


def test_a_restart_tells_nothing_again_and_misses_no_end() -> None:
    other = Alarm("disk_filling", "", 7)
    memory = AlarmMemory([BROKER, other])
    assert told(memory, 0) == []
    assert told(memory, INHERITED_HOLD_S - 1, BROKER) == [], "it takes a while to be seen again"
    assert told(memory, INHERITED_HOLD_S) == [("disk_filling", "", False)]
    assert told(memory, INHERITED_HOLD_S + HOLD_S) == [("broker", "", False)]


def test_a_start_has_time_to_see_that_the_cloud_is_away() -> None:
    assert INHERITED_HOLD_S > CLOUD_AWAY_S + SILENT_S


def test_the_same_alarm_about_two_things_is_two() -> None:
    memory = AlarmMemory([])
    both = [Alarm("device_silent", "", 1, about) for about in ("a", "b")]
    assert len(told(memory, 0, *both)) == 2
    told(memory, 1, both[0])
    assert told(memory, 1 + HOLD_S, both[0]) == [("device_silent", "b", False)]


def test_names_made_up_do_not_fill_memory() -> None:
    memory = AlarmMemory([])
    many = [Alarm("device_silent", "", 1, str(n)) for n in range(TOLD_MAX + 10)]
    assert len(memory.look(many, 0)) == TOLD_MAX


def test_a_figure_between_its_bounds_is_as_it_was() -> None:
    threshold = Threshold(on=10, off=5)
    assert [threshold.look(it) for it in (9.9, 10, 5, 4.9, 9.9)] == [
        False, True, True, False, False,
    ]  # fmt: skip


def test_days_left_are_known_after_a_while_and_only_if_room_shrinks() -> None:
    shrinking = Shrinking()
    assert shrinking.days_left(1000, 0) is None
    assert shrinking.days_left(900, SPAN_MIN_S - 1) is None
    assert shrinking.days_left(900, DAY_S) == pytest.approx(9)
    assert shrinking.days_left(1100, 2 * DAY_S) is None


def test_a_short_burst_leaves_the_sight_after_two_days() -> None:
    shrinking = Shrinking()
    shrinking.days_left(10_000, 0)
    for hour in range(1, 100):
        left = shrinking.days_left(5_000, hour * 3600)
    assert left is None


def test_every_alarm_that_is_raised_has_its_words_in_both_languages() -> None:
    raised = set()
    for path in tracked_files():
        if path.startswith("gateway/") and path.endswith(".py"):
            text = read_tracked(path)
            raised |= set(re.findall(r'alarms\.set\(\s*"(\w+)"', text))
            names = dict(re.findall(r'^([A-Z_]+): Final = "(\w+)"$', text, re.MULTILINE))
            raised |= {names[it] for it in re.findall(r"alarms\.set\(\s*([A-Z_]+)", text)}
    assert len(raised) > 12
    assert raised | {"gateway_down"} == set(TITLES)
    for name in TITLES:
        assert title_of(name, "en") != title_of(name, "zh-TW") != name


def test_a_name_without_words_is_shown_as_it_is() -> None:
    assert title_of("of_another_version", "zh") == "of_another_version"
