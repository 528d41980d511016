# Pins that the types hold, by mypy's own judgement: among the tests, as it leaves a core idle.

import subprocess
import sys

import pytest

from tests.house.tracked import ROOT


@pytest.mark.slow
def test_the_types_hold() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
