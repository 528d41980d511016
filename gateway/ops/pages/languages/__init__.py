"""The words of the pages, one module per language, beside what workers are told.

A new language is a copy of en.py with its words put into that language, a line here, and its
sentences in gateway/core/languages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.core.languages import LANGUAGES as SENTENCES
from gateway.ops.pages.languages import en, zh

WORDS: Final[Mapping[str, Mapping[str, str]]] = {"en": en.WORDS, "zh": zh.WORDS}


def words_of(language: str) -> Mapping[str, str]:
    """All a page may have to say in a language: its own words and the workers' catalogue."""
    return {**SENTENCES[language], **WORDS[language]}
