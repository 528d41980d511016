"""Templates to HTML: everything is escaped, nothing is undefined, numbers and times are readable.

A template is given the `visit`; it says words by `t(key)`, and links by `asset(name)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cloud_sync.dashboard.assets import Assets
from cloud_sync.dashboard.languages import NAMES, Words

HERE: Final = Path(__file__).parent
MINUTE_US: Final = 60_000_000
HOUR_US: Final = 60 * MINUTE_US
DAY_US: Final = 24 * HOUR_US


Navigation = Sequence[tuple[str, Sequence[object]]]
"""The groups of the list at the side, as navigation.py makes them."""


class Speaks(Protocol):
    """What a template needs of those who render it."""

    @property
    def words(self) -> Words:
        """The reader's language."""
        ...


class Views:
    """The templates, loaded once."""

    def __init__(self, assets: Assets, navigation: Navigation) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters.update(
            number=number,
            quantity=quantity,
            weight=weight,
            celsius=celsius,
            money=money,
            local=local,
            iso=iso,
        )
        self._environment.globals.update(
            asset=assets.url, ago=ago, until=until, languages=NAMES, navigation=navigation
        )

    def render(self, template: str, *, taste: Speaks, **values: object) -> str:
        """The HTML of a template, whole."""
        words = taste.words
        return self._environment.get_template(template).render(
            t=words.say, named=words.named, words=words, taste=taste, **values
        )


def number(n: float, digits: int = 0) -> str:
    """12345.6 as 12 345.6, with narrow blanks that do not break."""
    return f"{n:,.{digits}f}".replace(",", "\u202f")


def quantity(n: int, unit: str) -> str:
    """Units as they are, grams in kilograms."""
    return f"{number(n / 1000, 3).rstrip('0').rstrip('.')} kg" if unit == "g" else number(n)


def weight(grams: int) -> str:
    """Grams as tonnes, or as kilograms below one."""
    if abs(grams) < 1_000_000:
        return f"{number(grams / 1000)}\u00a0kg"
    return f"{number(grams / 1_000_000, 1)}\u00a0t"


def celsius(centi: int | None) -> str:
    """Centi-degrees as 4.25 °C; a dash for none."""
    return "–" if centi is None else f"{centi / 100:.1f} °C".replace("-", "−")


_MINOR_DIGITS: Final = {"JPY": 0, "KRW": 0, "VND": 0, "BHD": 3, "KWD": 3, "TND": 3}


def digits_of(currency: str) -> int:
    """How many digits a currency has behind the point (ISO 4217)."""
    return _MINOR_DIGITS.get(currency, 2)


def money(minor: int, currency: str, *, whole: bool = False) -> str:
    """Minor units as 1 234.50 EUR. whole: as 1 235 EUR, where large sums are compared."""
    digits = digits_of(currency)
    return f"{number(minor / 10**digits, 0 if whole else digits)}\u00a0{currency}"


def local(at_us: int | None, time_zone: str = "UTC") -> str:
    """A time as a clock on the wall of that zone shows it."""
    if at_us is None:
        return "–"
    there = datetime.fromtimestamp(at_us / 1_000_000, UTC).astimezone(ZoneInfo(time_zone))
    return f"{there:%Y-%m-%d %H:%M}"


def iso(at_us: int) -> str:
    """A time for machines."""
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).isoformat().replace("+00:00", "Z")


def ago(words: Words, at_us: int | None, now_us: int) -> str:
    """How long ago something was, in words."""
    if at_us is None:
        return words.say("never")
    return _span(words, "ago", now_us - at_us)


def until(words: Words, at_us: int, now_us: int) -> str:
    """How soon something is, or how long ago it was."""
    return _span(words, "ahead", at_us - now_us) if at_us > now_us else ago(words, at_us, now_us)


def _span(words: Words, way: str, span_us: int) -> str:
    if span_us < MINUTE_US:
        return words.say("ago.now")
    if span_us < 2 * HOUR_US:
        return words.say(f"{way}.minutes", n=span_us // MINUTE_US)
    if span_us < 2 * DAY_US:
        return words.say(f"{way}.hours", n=span_us // HOUR_US)
    return words.say(f"{way}.days", n=span_us // DAY_US)


def text_of(values: Mapping[str, str], language: str) -> str:
    """A name of several languages in one of them: English or any where it has none of it."""
    return values.get(language) or values.get("en") or next(iter(values.values()), "")
