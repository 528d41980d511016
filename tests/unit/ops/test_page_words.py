"""Pins the words of the box's pages: each in every language, none that nobody says, none missing;
and that the offline PDA page keeps all its files."""

from __future__ import annotations

import re
import string

from gateway.ops.pages.languages import WORDS
from gateway.ops.pages.static_files import static_files


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_language_has_every_word_with_the_same_blanks() -> None:
    english = WORDS["en"]
    for words in WORDS.values():
        assert words.keys() == english.keys()
        for key, text in words.items():
            assert blanks(text) == blanks(english[key]), key


def test_every_word_is_said_somewhere_and_none_is_missing() -> None:
    texts = [it.body.decode() for path, it in static_files().items() if path.endswith(".js")]
    script = "\n".join(text for text in texts if "vendor" not in text[:200])
    named = set(re.findall(r'"((?:box|pda)_[a-z_]+)"', script))
    assert named <= WORDS["en"].keys()
    # Some are put together: `box_${…}`, `box_state_${…}`, `pda_${…}`, `pda_close_${…}` …
    made = re.compile(r"^(?:box_state|box_is|pda_close|box|pda)_(\w+)$")
    silent = [
        key
        for key in WORDS["en"].keys() - named
        if (end := made.match(key)) is None or not re.search(rf"\b{end[1]}\b", script)
    ]
    assert not silent


def test_an_offline_pda_page_has_all_its_files() -> None:
    files = {path.removeprefix("pda/") for path in static_files() if path.startswith("pda/")}
    worker = static_files()["pda/sw.js"].body.decode()
    listed = set(re.findall(r'"([^"]+\.\w+)"', worker.partition("];")[0]))
    expected = files - {"index.html", "sw.js", "vendor/NOTICE.txt"}
    assert listed == expected | {f"words/{it}.json" for it in WORDS}
