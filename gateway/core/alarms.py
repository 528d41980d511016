"""The alarms there are, in words for people.

An alarm has a name, the device or file it is about where there may be several, a title from here
and a text that holds what was seen. It is told once when it begins and once when it is over, with
some patience: what comes back within HOLD_S was not over, and one of before a restart only when
there was time to see it again (INHERITED_HOLD_S).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

HOLD_S: Final = 60.0
INHERITED_HOLD_S: Final = 1200.0
"""Longer than a gateway that has just started needs to say that the cloud is away."""
TOLD_MAX: Final = 500

TITLES: Final[Mapping[str, tuple[str, str]]] = {
    "broker": ("The broker is not reached", "连接不上消息代理"),
    "broker_test": ("The broker does not keep or deliver messages", "消息代理不保存或不投递消息"),
    "buffer_filling": (
        "The journal fills and the cloud takes too little",
        "日志库将满，云端取走得太少",
    ),
    "certificate_expiring": ("A certificate ends soon", "证书即将到期"),
    "clock_unset": ("The box does not know the time", "本机不知道时间"),
    "clock_wrong": ("The box's clock is not to be believed", "本机时钟不可信"),
    "cloud_away": ("The cloud is not reached", "连接不上云端"),
    "configuration": ("The configuration's file is not in effect", "配置文件尚未生效"),
    "device_silent": ("A device is silent", "设备没有声音"),
    "disk_filling": ("The disk fills", "磁盘将满"),
    "disk_worn": ("The disk is nearly worn out", "磁盘寿命将尽"),
    "gateway_down": ("The gateway does not answer", "网关没有应答"),
    "journal_room": ("There is no room for new events", "没有空间记录新事件"),
    "journal_salvaged": ("The journal was damaged and salvaged", "日志库曾损坏，已抢救"),
    "network_old": ("Master data and stocks of others are old", "主数据和他处库存已旧"),
    "shut_out": ("The cloud knows another gateway by this name", "云端以此名认得另一台网关"),
    "sync_refused": ("The cloud takes nothing", "云端拒收"),
    "sync_unsigned": (
        "The cloud said something that is not signed by its key",
        "云端有未用其密钥签名的内容",
    ),
    "sync_rows_gone": ("The cloud wants rows that have left", "云端要的记录已不在本机"),
}  # tidy: table
"""English and Chinese, by name."""


class Key(NamedTuple):
    """Which alarm. about: empty for one that there is once."""

    name: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing that is not as it should be. since_us: wall clock of when it was first seen."""

    name: str
    text: str
    since_us: int
    about: str = ""

    @property
    def key(self) -> Key:
        """Which it is."""
        return Key(self.name, self.about)


def title_of(name: str, language: str) -> str:
    """An alarm in a few words; its name where there are none."""
    english, chinese = TITLES.get(name, (name, name))
    return chinese if language.partition("-")[0] == "zh" else english


@dataclass(frozen=True, slots=True)
class AlarmNews:
    """An alarm that begins (is_raised) or is over now."""

    alarm: Alarm
    is_raised: bool


class AlarmMemory:
    """What was told. told: as it was committed, by an earlier life of the gateway, too."""

    def __init__(self, told: Iterable[Alarm]) -> None:
        self._told = {alarm.key: alarm for alarm in told}
        self._inherited = set(self._told)
        self._gone_s: dict[Key, float] = {}

    def look(self, open_now: Iterable[Alarm], now_s: float) -> list[AlarmNews]:
        """What is to be told of the alarms that are raised now; each is told once."""
        raised = {alarm.key: alarm for alarm in open_now}
        news = []
        for key, alarm in raised.items():
            self._gone_s.pop(key, None)
            self._inherited.discard(key)
            if key not in self._told and len(self._told) < TOLD_MAX:
                self._told[key] = alarm
                news.append(AlarmNews(alarm, is_raised=True))
        for key, alarm in list(self._told.items()):
            if key in raised:
                continue
            hold_s = INHERITED_HOLD_S if key in self._inherited else HOLD_S
            if now_s - self._gone_s.setdefault(key, now_s) >= hold_s:
                del self._told[key], self._gone_s[key]
                self._inherited.discard(key)
                news.append(AlarmNews(alarm, is_raised=False))
        return news
