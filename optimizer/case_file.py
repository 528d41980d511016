"""Reads a case from a file. With ``__main__`` the only place of the package that opens files."""

from __future__ import annotations

import sys
from pathlib import Path

from optimizer.case_format import parse_case
from optimizer.errors import CaseError
from optimizer.problem import Problem


def load_case(path: str | Path) -> Problem:
    """The problem in a case file; `-`: on standard input.

    Raises CaseError; a file that cannot be read counts as one.
    """
    try:
        text = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise CaseError(str(path), reason, "a readable case file") from error
    return parse_case(text)
