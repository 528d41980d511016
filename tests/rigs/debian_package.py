"""The gateway's Debian package, built once, and altered copies of it that stand for others."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.house.tracked import ROOT

SITE = "lib/python3.11/site-packages"


def run(*command: str | Path) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(output: Path, version: str) -> Path:
    """The package as `make deb` builds it, under a version of the test's."""
    printed = run(ROOT / "scripts/deb", "--version", version, "--output", output)
    return Path(printed.strip().splitlines()[-1])


def altered(package: Path, version: str, change: Callable[[Path], None] | None = None) -> Path:
    """The same package as another version; change: what is done to its site-packages."""
    before = version_of(package)
    root = package.parent / f"root-{version}"
    run("dpkg-deb", "--raw-extract", package, root)
    home = root / "opt/forepost/versions" / version
    (root / "opt/forepost/versions" / before).rename(home)
    for text in [*(root / "DEBIAN").iterdir(), *(home / "bin").iterdir()]:
        if text.is_symlink():
            continue
        text.write_text(re.sub(rf"\b{re.escape(before)}\b", version, text.read_text()))
    if change is not None:
        change(home / SITE)
        # Bytecode of a package is never checked against its source.
        for cache in (home / SITE / "gateway").rglob("__pycache__"):
            shutil.rmtree(cache)
    other = package.with_name(package.name.replace(before, version))
    run("dpkg-deb", "--build", "--root-owner-group", "-Znone", root, other)
    shutil.rmtree(root)
    return other


def version_of(package: Path) -> str:
    """The version that dpkg would install."""
    return run("dpkg-deb", "--field", package, "Version").strip()
