# Pins docs/runbook.md and docs/logs.md to the programs: every command in the runbook exists with
# its options, every alarm has an entry with its own title, every log action is on the page.

import ast
import contextlib
import io
import re

import pytest

from cloud_sync.__main__ import main as cloud
from gateway.__main__ import main as gateway
from gateway.core.alarms import TITLES
from tests.house.tracked import ROOT, read_tracked, tracked_files

RUNBOOK = read_tracked("docs/runbook.md")
ENTRIES = re.split(r"^### ", RUNBOOK, flags=re.MULTILINE)[1:]
BLOCKS = re.findall(r"```sh\n(.*?)```", RUNBOOK, re.DOTALL)
LINES = [line for block in BLOCKS for line in block.splitlines() if line.strip()]
SPOKEN = re.findall(r"`(forepost-(?:gateway|cloud) [a-z][^`]*)`", RUNBOOK)
OURS = sorted({it for it in [*LINES, *SPOKEN] if re.match(r"forepost-(gateway|cloud) ", it)})
UNITS = {"forepost-gateway", "mosquitto", "systemd-timesyncd"}
OTHERS = {
    "apt-get", "cat", "curl", "df", "dmesg", "du", "getent", "journalctl", "ls", "mkdir", "mv",
    "pgrep", "systemctl", "tar", "timedatectl",
}  # fmt: skip
ACTION_ROWS = dict(
    re.findall(r"^\| `(\w+)` \| ([a-z ]+) \|", read_tracked("docs/logs.md"), re.MULTILINE)
)


def help_of(program: str, words: list[str]) -> str:
    """What `PROGRAM WORDS --help` prints; fails if it is no command."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), pytest.raises(SystemExit) as ended:
        (gateway if program == "forepost-gateway" else cloud)([*words, "--help"])
    assert ended.value.code in (0, None), (program, words)
    return shown.getvalue()


@pytest.mark.parametrize("line", OURS)
def test_a_command_of_the_runbook_exists_with_its_options(line: str) -> None:
    program, *rest = line.split()
    words = []
    for word in rest:
        if not re.fullmatch(r"[a-z][a-z-]*", word) or len(words) == 2:
            break
        words.append(word)
    told = help_of(program, words)
    assert told.startswith(f"usage: {program} {' '.join(words[:1])}")
    for option in re.findall(r" (--[a-z-]+)", line):
        assert option in told, f"{line}: {option}"


def test_other_commands_are_ones_that_a_debian_box_has_and_units_are_ours() -> None:
    assert len(OURS) > 20
    for line in LINES:
        program, *rest = line.split()
        if program.startswith("forepost-"):
            continue
        assert program in OTHERS, line
        if program == "systemctl":
            assert set(rest[1:]) <= UNITS, line
        for unit in re.findall(r" -u (\S+)", line):
            assert unit in UNITS, line


def test_the_program_that_goes_back_is_named_as_it_is() -> None:
    script = read_tracked("deploy/box/forepost-box")
    assert "/var/lib/forepost-box" in script
    assert "logger -t forepost-box" in script


def test_there_are_twenty_entries_and_each_says_what_why_and_what_to_do() -> None:
    assert len(ENTRIES) >= 20
    for n, entry in enumerate(ENTRIES, 1):
        assert entry.startswith(f"{n}. "), entry[:40]
        places = [entry.find(f"**{part}** —") for part in ("Looks like", "Why", "Do")]
        assert places == sorted(places), entry[:40]
        assert places[0] > 0, entry[:40]
    for number in re.findall(r"entr(?:y|ies) (\d+)", RUNBOOK):
        assert 1 <= int(number) <= len(ENTRIES)


@pytest.mark.parametrize("name", TITLES)
def test_an_alarm_has_its_entry_with_its_own_words(name: str) -> None:
    (entry,) = [it for it in ENTRIES if f"`{name}`" in it.splitlines()[0]]
    words = " ".join(entry.split())
    if name == "gateway_down":
        assert "DOES NOT ANSWER" in words
        return
    assert re.search(rf"ALARM {name}(/NAME)?:( {re.escape(TITLES[name][0])}| …)", words), name


def test_log_actions_that_are_quoted_exist() -> None:
    quoted = set(re.findall(r"action=(\w+)", RUNBOOK)) - {"alarm"}
    for group in re.findall(r"action=\(([a-z_|]+)\)", RUNBOOK):
        quoted |= set(group.split("|"))
    assert len(quoted) > 12
    assert quoted <= set(ACTION_ROWS)


def actions_in_the_code() -> tuple[set[str], set[str]]:
    """The gateway's log actions, and the beginnings of those that are put together."""
    whole, begun = set(), set()
    for path in tracked_files():
        if not path.startswith("gateway/") or not path.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(read_tracked(path))):
            if isinstance(node, ast.keyword) and node.arg == "extra":
                for value in _actions(node.value):
                    for part in ast.walk(value):
                        if isinstance(part, ast.JoinedStr):
                            head = part.values[0]
                            assert isinstance(head, ast.Constant)
                            begun.add(str(head.value))
                    if not any(isinstance(it, ast.JoinedStr) for it in ast.walk(value)):
                        whole |= {
                            it.value
                            for it in ast.walk(value)
                            if isinstance(it, ast.Constant) and isinstance(it.value, str)
                        }
    return whole, begun


def _actions(extra: ast.expr) -> list[ast.expr]:
    if not isinstance(extra, ast.Dict):
        return []
    keys = [key.value if isinstance(key, ast.Constant) else None for key in extra.keys]
    return [extra.values[n] for n, key in enumerate(keys) if key == "action"]


def test_the_page_of_log_lines_lists_the_actions_of_the_code_and_no_others() -> None:
    whole, begun = actions_in_the_code()
    assert len(whole) > 50
    listed = set(ACTION_ROWS)
    assert whole - listed == set(), "in the code and not on the page"
    rest = listed - whole
    assert {it for it in rest if not it.startswith(tuple(begun))} == set(), "on the page only"
    for start in begun:
        assert any(it.startswith(start) for it in listed), start


def test_the_page_of_log_lines_is_in_order_and_knows_levels() -> None:
    levels = {word for level in ACTION_ROWS.values() for word in level.split(" or ")}
    assert levels <= {"debug", "info", "warning", "error"}


def test_paths_are_those_of_the_package() -> None:
    shipped = "".join(
        path.read_text(errors="ignore") for path in (ROOT / "deploy").rglob("*") if path.is_file()
    )
    for path in set(re.findall(r"(/(?:etc|var/lib)/(?:forepost|mosquitto)[\w-]*)", RUNBOOK)):
        assert path in shipped, path
