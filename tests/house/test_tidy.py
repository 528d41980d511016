# Pins the house rules that no linter states, over every tracked Python file, and that they bite.

import json
from pathlib import Path

import pytest

from tests.house import rules
from tests.house.rules import Rule, Source
from tests.house.tracked import read_tracked, tracked_files
from tests.rigs.made_once import made_once


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What each rule finds in all files; each file is parsed once for all of them."""
    told = made_once(tmp_path_factory, "complaints", look_at_all_files) / "complaints.json"
    found: dict[str, list[str]] = json.loads(told.read_text(encoding="utf-8"))
    return found


def look_at_all_files(directory: Path) -> None:
    paths = [path for path in tracked_files() if path.endswith(".py")]
    assert len(paths) > 100, "the list of files is broken"
    found: dict[str, list[str]] = {rule.__name__: [] for rule in rules.RULES}
    for source in (Source(path, read_tracked(path)) for path in paths):
        for rule in rules.RULES:
            complained = (f"{source.path}:{line}: {what}" for line, what in rule(source))
            found[rule.__name__] += complained
    (directory / "complaints.json").write_text(json.dumps(found), encoding="utf-8")


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_tidy(rule: Rule, complaints: dict[str, list[str]]) -> None:
    found = complaints[rule.__name__]
    assert not found, "\n".join(["", *found])


LONG_FUNCTION = "def f():\n" + "    x = 1\n" * 60
BAD = [
    (rules.files_are_short, "gateway/a.py", "x = 1\n" * 401),
    (rules.functions_are_short, "gateway/a.py", LONG_FUNCTION),
    (rules.modules_are_named_after_what_they_hold, "gateway/utils.py", ""),
    (rules.modules_are_named_after_what_they_hold, "gateway/helpers/epc.py", ""),
    (rules.modules_say_what_they_are, "gateway/a.py", "x = 1\n"),
    (rules.tests_say_what_they_pin, "tests/test_a.py", "import os\n"),
    (rules.tasks_belong_to_a_group, "gateway/a.py", "asyncio.create_task(f(), name='f')\n"),
    (rules.tasks_belong_to_a_group, "gateway/a.py", "await asyncio.gather(f())\n"),
    (rules.tasks_belong_to_a_group, "gateway/a.py", "group.create_task(f())\n"),
    (rules.failures_are_not_swallowed, "gateway/a.py", "try: f()\nexcept Exception: pass\n"),
    (
        rules.failures_are_not_swallowed,
        "gateway/a.py",
        "try: f()\nexcept (OSError, BaseException) as e: log(e)\n",
    ),
    (rules.time_is_an_argument, "gateway/core/a.py", "x = time.time()\n"),
    (rules.time_is_an_argument, "gateway/core/a.py", "x = datetime.datetime.now(UTC)\n"),
    (rules.invariants_are_raised, "gateway/a.py", "assert x\n"),
    (rules.signatures_are_typed, "gateway/a.py", "def f(x: dict[str, Any]): ...\n"),
    (rules.signatures_are_typed, "gateway/a.py", "def f(*x: int) -> 'Any': ...\n"),
    (rules.exemptions_have_reasons, "gateway/a.py", "f()  # type: ignore[arg-type]\n"),
    (rules.log_messages_are_constant, "gateway/a.py", "logger.info(f'{x} came')\n"),
]


@pytest.mark.parametrize(("rule", "path", "text"), BAD, ids=lambda part: None)
def test_a_rule_finds_what_it_forbids(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Source(path, text)))


GOOD = [
    (rules.files_are_short, "gateway/a.py", "# tidy: table\n" + "x = 1\n" * 400),
    (rules.files_are_short, "gateway/a.py", "x = 1\n" * 400),
    (rules.functions_are_short, "gateway/a.py", "def f():\n" + "    x = 1\n" * 59),
    (rules.functions_are_short, "gateway/a.py", LONG_FUNCTION.replace(":", ":  # tidy: table", 1)),
    (rules.tasks_belong_to_a_group, "gateway/a.py", "group.create_task(f(), name='f')\n"),
    (rules.failures_are_not_swallowed, "gateway/a.py", "try: f()\nexcept Exception: raise\n"),
    (rules.exemptions_have_reasons, "gateway/a.py", "f()  # type: ignore[misc]  # no stubs\n"),
    (rules.log_messages_are_constant, "gateway/a.py", "logger.info('came', extra={'x': x})\n"),
]


@pytest.mark.parametrize(("rule", "path", "text"), GOOD, ids=lambda part: None)
def test_a_rule_allows_what_it_says(rule: Rule, path: str, text: str) -> None:
    assert not list(rule(Source(path, text)))


def test_every_rule_is_shown_to_bite() -> None:
    assert {rule for rule, _, _ in BAD} == set(rules.RULES)
