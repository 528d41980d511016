"""What workers are told, by key, in their language. `docs/flows.md` lists the keys.

A message is one short sentence that says what is wrong and, where there is one, what to do. The
sentences are in gateway.core.languages, one module per language.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from string import Formatter
from typing import Final, NamedTuple

from gateway.core.languages import ENGLISH, LANGUAGES
from gateway.core.readings import Flaw

SENTENCES_MAX: Final = 2048
"""Sentences that are remembered with their blanks."""


class Sentence(NamedTuple):
    """A sentence and the names of its blanks, so that nobody looks up what is not told."""

    text: str
    blanks: tuple[str, ...]

    def filled(self, values: Mapping[str, object]) -> str:
        """The sentence with these values, of which it takes what it has blanks for.

        A blank with nothing to put in stays a dash: a worker is told the rest, and no scan fails
        for the want of a word.
        """
        words: dict[str, object] = {}
        for name in self.blanks:
            value = values.get(name)
            words[name] = "–" if value is None or value == "" else value
        return self.text.format_map(words)


@lru_cache(SENTENCES_MAX)
def sentence(key: str, language: str) -> Sentence:
    """The sentence for `key`; English where the language is not known.

    A language is also found by its first part: `zh` for `zh-TW`.
    """
    sentences = LANGUAGES.get(language) or LANGUAGES.get(language.partition("-")[0])
    text = (sentences or LANGUAGES[ENGLISH])[key]
    names = (name for _, name, _, _ in Formatter().parse(text) if name is not None)
    return Sentence(text, tuple(dict.fromkeys(names)))


def message(key: str, language: str, **values: object) -> str:
    """The sentence for `key`, filled."""
    return sentence(key, language).filled(values)


def flaw_in_words(flaw: Flaw, language: str) -> str:
    """What is wrong with a symbol."""
    return message(flaw.key, language, where=flaw.where, shown=flaw.shown)


def in_words(result: Mapping[str, object], language: str) -> Mapping[str, object]:
    """A result that has a message's key and not its words yet, with them."""
    key = result.get("message_key")
    if not isinstance(key, str) or "message" in result:
        return result
    return {**result, "message": message(key, language)}
