"""What workers are told, by key, in their language. `docs/flows.md` lists the keys.

A message is one short sentence that says what is wrong and, where there is one, what to do. The
sentences are in gateway.core.languages, one module per language.
"""

from __future__ import annotations

from gateway.core.languages import ENGLISH, LANGUAGES


def message(key: str, language: str, **values: object) -> str:
    """The sentence for `key`; English where the language is not known.

    A language is also found by its first part: `zh` for `zh-TW`. A blank with nothing to put in
    stays a dash: a worker is told the rest, and no scan fails for the want of a word.
    """
    sentences = LANGUAGES.get(language) or LANGUAGES.get(language.partition("-")[0])
    sentence = (sentences or LANGUAGES[ENGLISH])[key]
    return sentence.format_map(_Values(values))


class _Values(dict[str, object]):
    """Values for a sentence's blanks."""

    def __getitem__(self, name: str) -> object:
        value = self.get(name)
        return "–" if value is None or value == "" else value
