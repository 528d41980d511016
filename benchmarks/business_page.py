"""Puts what `make business` played on its page: the table of all scenarios, and the picture.

Usage: python -m benchmarks.business_page DIR
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from benchmarks.measuring import write_page

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/business-simulation.md"
PICTURE = ROOT / "docs/pictures/business-overview.svg"


def main(argv: list[str]) -> int:
    """Give 0, or 2 if DIR is not told."""
    if len(argv) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(argv[0])
    write_page(PAGE, "make business", (folder / "overview.md").read_text("utf-8").rstrip())
    if (picture := folder / "overview.svg").is_file():
        shutil.copyfile(picture, PICTURE)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
