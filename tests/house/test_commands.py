# Pins that every program answers --help at once: nothing heavy is loaded to print a list, and
# that wrong usage is one line and exit code 2.

import re
import subprocess
import sys
import tomllib

import pytest

from tests.house.tracked import ROOT

PROGRAMS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
    "scripts"
]

HEAVY = ["aiosqlite", "asyncio", "fastapi", "httpx", "matplotlib", "numpy", "paho", "pydantic",
         "pymodbus", "rich", "serial", "sqlite3", "uvicorn"]  # fmt: skip

ASK = """
import sys
from {module} import main
try:
    main({arguments})
except SystemExit as end:
    assert end.code in (0, None), end.code
sys.stderr.write(" ".join(sorted(set({heavy}) & set(sys.modules))))
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_loads_nothing_heavy(program: str) -> None:
    module = PROGRAMS[program].partition(":")[0]
    done = python(ASK.format(module=module, arguments=["--help"], heavy=HEAVY))
    assert done.stdout.startswith(f"usage: {program} "), done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_unknown_command_is_refused_in_one_line(program: str) -> None:
    module = PROGRAMS[program].partition(":")[0]
    done = subprocess.run(
        [sys.executable, "-m", module.removesuffix(".__main__"), "no-such-command"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "no-such-command" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS)
def test_every_command_that_is_listed_answers_help(program: str) -> None:
    def help_of(*command: str) -> subprocess.CompletedProcess[str]:
        module = PROGRAMS[program].partition(":")[0].removesuffix(".__main__")
        return subprocess.run(
            [sys.executable, "-m", module, *command, "--help"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    commands = re.findall(r"^    ([a-z][a-z-]*)(?=\s)", help_of().stdout, re.MULTILINE)
    assert len(commands) > 1
    for command in commands:
        done = help_of(command)
        assert done.stdout.startswith(f"usage: {program} {command}"), done.stderr


def test_the_running_gateway_holds_neither_solver_nor_web_framework() -> None:
    done = python(
        "import gateway.app, sys\n"
        "held = {'numpy', 'fastapi', 'uvicorn', 'optimizer'} & set(sys.modules)\n"
        "sys.stderr.write(' '.join(held))"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
