"""What the pages say, one package per language, each with the keys and blanks of `en`.

Sentences have blanks in braces. Each room of pages has a module of its own in every language; a
new language is a copy of en/ with its sentences put into that language, and a line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cloud_sync.dashboard.languages import en, zh

ENGLISH: Final = "en"
LANGUAGES: Final[Mapping[str, Mapping[str, str]]] = {ENGLISH: en.MESSAGES, "zh": zh.MESSAGES}
NAMES: Final[Mapping[str, str]] = {ENGLISH: "English", "zh": "中文"}


@dataclass(frozen=True, slots=True)
class Words:
    """The sentences of one language."""

    language: str

    def say(self, key: str, **blanks: object) -> str:
        """The sentence for `key`, filled."""
        return LANGUAGES[self.language][key].format_map(blanks)

    def named(self, group: str, name: str) -> str:
        """The word for a name of the wire, as `state.open`; the name itself where there is none.

        Gateways may be newer than these pages: what they say is shown, and nothing fails.
        """
        return LANGUAGES[self.language].get(f"{group}.{name}", name)


def choose_language(cookie: str | None, accepted: str) -> str:
    """The language of choice, else the first of an Accept-Language that we have, else English."""
    if cookie is not None and cookie in LANGUAGES:
        return cookie
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted.split(",")[:20]):
        name, _, quality = part.partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        ranked.append((-weight, place, name.strip().lower().partition("-")[0]))
    return next((name for _, _, name in sorted(ranked) if name in LANGUAGES), ENGLISH)
