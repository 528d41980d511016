"""``forepost-optimizer forecast``: a demand job in, forecasts and stock levels out, as JSON.

The door for programs that hold no numpy: they start it, write the job, and read the answer.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from optimizer.demand.job import answer_job
from optimizer.errors import CaseError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommand's arguments."""
    parser.add_argument("job", help="demand job (forepost-demand/1), - for standard input")


def run(args: argparse.Namespace) -> int:
    """Print the answer."""
    json.dump(answer_job(read_job(args.job)), sys.stdout, ensure_ascii=False)
    print()
    return 0


def read_job(name: str) -> dict[str, object]:
    """The JSON object in a file, or on standard input. Raises CaseError if there is none."""
    raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    try:
        job = json.loads(raw)
    except ValueError as error:
        raise CaseError(name, str(error), "JSON") from error
    if not isinstance(job, dict):
        raise CaseError(name, type(job).__name__, "an object")
    return job
