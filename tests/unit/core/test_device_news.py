"""Pins what of a device is news: states that hold, low batteries, firmware; each told once."""

from gateway.core.device_news import (
    BATTERY_LOW_PCT,
    BATTERY_WELL_PCT,
    DEVICES_MAX,
    HOLD_S,
    DeviceNews,
    News,
    Seen,
    Told,
)

S = 1_000_000


class Bench:
    """One device, looked at every second."""

    def __init__(self, told: Told | None = None) -> None:
        self.news = DeviceNews({} if told is None else {"d": told})
        self.now_s = 0.0
        self.told: list[News] = []

    def see(self, state: str, for_s: float = 0.0, **known: object) -> list[News]:
        """What is told while the device is so."""
        before = len(self.told)
        until_s = self.now_s + for_s
        while True:
            seen = Seen("d", state, **known)  # type: ignore[arg-type]
            now_us = round(self.now_s * S)
            self.told += self.news.look([seen], now_us=now_us, now_s=self.now_s)
            if self.now_s >= until_s:
                return self.told[before:]
            self.now_s += 1.0


def test_a_state_is_told_when_it_has_held_and_only_once() -> None:
    bench = Bench()
    assert bench.see("online", HOLD_S - 1) == []
    assert bench.see("online", 2) == [News("d", None, Told("online"), since_us=0)]
    assert bench.see("online", 3600) == []
    assert bench.see("lost", HOLD_S + 1)[0].now == Told("lost")


def test_a_device_that_comes_and_goes_within_the_time_is_not_told() -> None:
    bench = Bench(Told("online"))
    for _ in range(50):
        assert bench.see("lost", HOLD_S - 2) == []
        assert bench.see("online", 1) == []


def test_after_a_restart_only_what_has_changed_is_told() -> None:
    bench = Bench(Told("online", firmware="1.0"))
    assert bench.see("starting", 3600) == [], "how it is, is not known yet"
    assert bench.see("online", 60) == []
    (news,) = Bench(Told("online", firmware="1.0")).see("lost", HOLD_S)
    assert (news.before, news.now) == (Told("online", False, "1.0"), Told("lost", False, "1.0"))


def test_a_low_battery_is_told_once_until_it_is_well_again() -> None:
    bench = Bench(Told("online"))
    assert bench.see("online", battery_pct=BATTERY_LOW_PCT) == []
    (news,) = bench.see("online", battery_pct=BATTERY_LOW_PCT - 1)
    assert news.now == Told("online", is_battery_low=True)
    assert bench.see("online", battery_pct=BATTERY_WELL_PCT - 1) == []
    assert bench.see("online") == [], "it does not say every time"
    (news,) = bench.see("online", battery_pct=BATTERY_WELL_PCT)
    assert news.now == Told("online")


def test_another_firmware_is_news_and_silence_about_it_is_not() -> None:
    bench = Bench(Told("online", firmware="1.0"))
    assert bench.see("online") == []
    (news,) = bench.see("online", firmware="1.1")
    assert news.now.firmware == "1.1"


def test_a_change_of_battery_does_not_tell_a_state_that_has_not_held() -> None:
    bench = Bench(Told("online"))
    (news,) = bench.see("lost", battery_pct=1)
    assert news.now == Told("online", is_battery_low=True)


def test_memory_is_bounded() -> None:
    news = DeviceNews({})
    names = [Seen(f"d{n}", "online") for n in range(DEVICES_MAX + 10)]
    assert news.look(names, now_us=0, now_s=0.0) == []
    assert len(news.look(names, now_us=0, now_s=HOLD_S)) == DEVICES_MAX
