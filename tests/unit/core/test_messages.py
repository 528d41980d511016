"""Pins that every message exists in every language and fills the same blanks."""

import re
import string
from pathlib import Path

import pytest

from cloud_sync.inventory.exceptions import ACTIONS
from gateway.core import languages
from gateway.core.languages import ENGLISH, LANGUAGES
from gateway.core.messages import in_words, message, sentence

TECHNICAL = {"malformed"}
ENGLISH_ONLY = {"reason"}
"""What only those understand who look into the quarantine."""


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", sorted(LANGUAGES.keys() - {ENGLISH}))
def test_every_language_has_every_message_with_the_same_blanks(language: str) -> None:
    english, other = LANGUAGES[ENGLISH], LANGUAGES[language]
    assert other.keys() == english.keys()
    assert {key: blanks(text) for key, text in other.items()} == {
        key: blanks(text) - (ENGLISH_ONLY if key in TECHNICAL else set())
        for key, text in english.items()
    }


def test_chinese_has_no_latin_words() -> None:
    """Codes, quantities and units stand in the blanks; the reason of a refusal is English."""
    for key, text in LANGUAGES["zh"].items():
        words = re.sub(r"\{[a-z_]+\}|°C", "", text)
        assert not re.search(r"[A-Za-z]", words), f"{key}: {text}"


def test_words_are_put_to_a_result_that_has_none() -> None:
    bare = {"message_key": "too_old", "status": "refused"}
    assert in_words(bare, "zh") == {**bare, "message": LANGUAGES["zh"]["too_old"]}
    told = {"message_key": "too_old", "message": "told"}
    assert in_words(told, "zh") == told
    assert in_words({"status": "accepted"}, "zh") == {"status": "accepted"}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_blank_is_a_plain_name(language: str) -> None:
    # What fills them is looked up by the blank's whole name, and put in as it is.
    for key, text in LANGUAGES[language].items():
        for _, name, how, conversion in string.Formatter().parse(text):
            assert name is None or name.isidentifier(), key
            assert not how, key
            assert conversion is None, key
        assert set(sentence(key, language).blanks) == blanks(text)


def test_every_module_of_a_language_is_among_the_languages() -> None:
    modules = {path.stem for path in Path(str(languages.__file__)).parent.glob("[a-z]*.py")}
    assert modules == set(LANGUAGES)


def test_an_unknown_language_falls_back_to_english() -> None:
    assert message("location_missing", "tlh") == LANGUAGES[ENGLISH]["location_missing"]


def test_a_dialect_falls_back_to_its_language() -> None:
    assert message("location_missing", "zh-TW") == LANGUAGES["zh"]["location_missing"]


def test_a_word_that_is_missing_is_a_dash_and_no_failure() -> None:
    assert message("lot_held", "en", lot=None) == "Lot – is on hold: put it aside"


def test_every_message_is_explained() -> None:
    root = Path(__file__).resolve().parents[3]
    names = ("devices.md", "flows.md", "planning.md")
    pages = [(root / "docs" / name).read_text() for name in names]
    # These name a label; their key in a result is label_known.
    labels = {"location", "container", "worker", "document", "logistic_unit"}
    told = LANGUAGES[ENGLISH].keys() - labels
    # What a kind of exception is called stands where its kind is explained.
    pages.append((root / "docs" / "exceptions.md").read_text())
    words = {f"exception_{kind}": kind for kind in ACTIONS}
    words |= {f"action_{it}": it for several in ACTIONS.values() for it in several}
    known = {words.get(key, key) for key in told}
    assert not {key for key in known if not any(f"`{key}`" in page for page in pages)}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_action_has_its_words(language: str) -> None:
    actions = {action for several in ACTIONS.values() for action in several}
    assert {f"action_{action}" for action in actions} <= LANGUAGES[language].keys()


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_kind_of_exception_has_its_words(language: str) -> None:
    assert {f"exception_{kind}" for kind in ACTIONS} <= LANGUAGES[language].keys()
