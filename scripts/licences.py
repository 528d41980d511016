"""Checks that every package the product needs may be shipped with it: `make audit`.

    scripts/licences.py LOCK …

A licence is an SPDX expression: every part that is joined by AND must be allowed, of parts joined
by OR one. What a package says of itself is believed; one that says nothing fails.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ALLOWED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0",
    "PSF-2.0", "Zlib",
}  # fmt: skip
EXCEPTIONS = {
    # Imported by httpcore, so it cannot be left out. Mozilla's list of authorities, unchanged: the
    # MPL asks only that changes to its own files are published.
    "certifi": "MPL-2.0",
}
# What packages wrote before there were SPDX expressions in their metadata.
SPDX = {
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


@dataclass(frozen=True, slots=True)
class Pin:
    """One line of a lock."""

    name: str
    version: str
    sha256: tuple[str, ...]

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{self.name}@{self.version}"


def read_lock(path: Path) -> list[Pin]:
    """Its packages. One that is pinned for several Pythons is there several times."""
    blocks = re.split(r"\n(?=[A-Za-z])", path.read_text())
    pins = []
    for block in blocks:
        found = re.match(r"([A-Za-z0-9._-]+)==([^ ;\\]+)", block)
        if found is not None:
            hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})", block)
            pins.append(Pin(found[1], found[2], tuple(hashes)))
    return pins


def licence_of(name: str) -> str:
    """What the installed package says of itself, as SPDX; empty if it says nothing."""
    about = metadata.metadata(name)
    if told := about.get("License-Expression"):
        return str(told)
    if (told := about.get("License") or "") and "\n" not in told:
        return SPDX.get(told, told)
    for line in about.get_all("Classifier", []):
        if line.startswith("License :: OSI Approved :: "):
            name = line.rpartition(" :: ")[2]
            return SPDX.get(name, name)
    return ""


def is_allowed(name: str, licence: str) -> bool:
    """Whether the product may be shipped with it."""
    if EXCEPTIONS.get(name) == licence:
        return True
    plain = licence.replace("(", " ").replace(")", " ")
    if "(" in licence and " OR " in plain and " AND " in plain:
        return False  # nobody has needed more yet: a person looks at it
    return any(
        all(part.strip() in ALLOWED for part in choice.split(" AND "))
        for choice in plain.split(" OR ")
    )


def main() -> int:
    """Print a line for each package that may not be shipped."""
    if not sys.argv[1:] or sys.argv[1].startswith("-"):
        print("usage: scripts/licences.py LOCK …", file=sys.stderr)
        return 0 if sys.argv[1:] == ["--help"] else 2
    pins = {pin.name: pin for path in sys.argv[1:] for pin in read_lock(Path(path))}
    bad = 0
    for name in sorted(pins):
        licence = licence_of(name)
        if not is_allowed(name, licence):
            print(f"licences: {name}: {licence or 'says nothing of its licence'}")
            bad += 1
    print(f"licences: {len(pins)} packages, {bad} not allowed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
