"""Pins that every message exists in every language and fills the same blanks."""

import string

import pytest

from gateway.core.messages import MESSAGES, message


@pytest.mark.parametrize("key", sorted(MESSAGES))
def test_every_message_is_translated_with_the_same_blanks(key: str) -> None:
    def blanks(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    translations = MESSAGES[key]
    assert set(translations) == {"en", "zh"}
    assert blanks(translations["en"]) == blanks(translations["zh"])


def test_an_unknown_language_falls_back_to_english() -> None:
    assert message("location_missing", "tlh") == MESSAGES["location_missing"]["en"]
