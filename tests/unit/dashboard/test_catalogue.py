# Pins that the pages say the same in every language, and all that the templates ask for.

import re
from string import Formatter

import pytest

from cloud_sync.dashboard.languages import ENGLISH, LANGUAGES, NAMES, choose_language
from cloud_sync.dashboard.views import HERE
from cloud_sync.inventory.exceptions import ACTIONS


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_language_has_every_sentence_with_its_blanks(language: str) -> None:
    spoken, english = LANGUAGES[language], LANGUAGES[ENGLISH]
    assert spoken.keys() == english.keys()
    assert {key: blanks(text) for key, text in spoken.items()} == {
        key: blanks(text) for key, text in english.items()
    }
    assert language in NAMES


def test_the_areas_of_a_language_do_not_say_the_same_key_twice() -> None:
    from cloud_sync.dashboard.languages.en import frame, operations, planning, queue

    areas = [set(it.MESSAGES) for it in (frame, operations, planning, queue)]
    assert sum(map(len, areas)) == len(set().union(*areas))


def test_what_templates_say_is_there() -> None:
    said = {
        (file.name, key)
        for file in (HERE / "templates").glob("*.html")
        for key in re.findall(r"\bt\('([a-z0-9_.-]+)'(?! ~)", file.read_text(encoding="utf-8"))
    }
    assert len(said) > 20
    assert not {(name, key) for name, key in said if key not in LANGUAGES[ENGLISH]}


@pytest.mark.parametrize(
    ("cookie", "accepted", "chosen"),
    [
        ("zh", "en", "zh"),
        ("xx", "zh-CN,en;q=0.8", "zh"),
        (None, "fr;q=0.9,en;q=0.2,zh;q=0.5", "zh"),
        (None, "", "en"),
        (None, "zh;q=nonsense,de", "en"),
    ],
)
def test_the_language_is_chosen_or_the_browsers(
    cookie: str | None, accepted: str, chosen: str
) -> None:
    assert choose_language(cookie, accepted) == chosen


def test_exceptions_are_named_as_the_pdas_name_them() -> None:
    from gateway.core.languages import LANGUAGES as SPOKEN_TO_WORKERS

    for language, told in SPOKEN_TO_WORKERS.items():
        for kind, actions in ACTIONS.items():
            assert LANGUAGES[language][f"kind.{kind}"] == told[f"exception_{kind}"]
            for action in actions:
                assert LANGUAGES[language][f"action.{action}"] == told[f"action_{action}"]
