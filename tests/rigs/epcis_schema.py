"""The official JSON schema of EPCIS with its formats checked, by code that shares none with ours.

The schema may not be handed on, so it stays outside the repository.
"""

from __future__ import annotations

import datetime
import json
import os
import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema
import pytest

from tests.golden import BESIDE

FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("date-time")
def is_date_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    if not re.fullmatch(r"\S+[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", value):
        return False
    leaps = value[17:19] == "60"
    try:
        at = datetime.datetime.fromisoformat(
            value[:17].upper() + ("59" if leaps else value[17:19]) + value[19:].upper()
        )
        if not leaps:
            return True
        at = at.astimezone(datetime.UTC)
        return (at.hour, at.minute) == (23, 59) and (at + datetime.timedelta(days=1)).day == 1
    except (ValueError, OverflowError):
        return False


@FORMATS.checks("uri")
def is_uri(value: object) -> bool:
    if not isinstance(value, str):
        return True
    if re.search(r"[^!-~]|[<>\"{}|\\^`]|%(?![0-9A-Fa-f]{2})", value):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return bool(parts.scheme) and bool(parts.netloc or parts.path)


@lru_cache
def validator() -> jsonschema.Draft7Validator:
    """The schema, or the test is skipped."""
    path = Path(os.environ.get("FOREPOST_VECTORS", BESIDE)) / "epcis" / "EPCIS-JSON-Schema.json"
    if not path.is_file():
        pytest.skip("no EPCIS-JSON-Schema.json beside the checkout nor in $FOREPOST_VECTORS")
    schema = json.loads(path.read_text(encoding="utf-8"))
    return jsonschema.Draft7Validator(schema, format_checker=FORMATS)


def schema_faults(document: object) -> list[str]:
    """What the schema has against a document."""
    return [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in validator().iter_errors(document)
    ]
