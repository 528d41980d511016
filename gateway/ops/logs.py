"""Logs: one line per event, either for people or as JSON for programs.

journald adds time and unit itself, so the plain form carries neither when it is the reader.
Control characters are escaped: a device's name must not be able to forge a line.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Final

_PLAIN_FIELDS: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in record.__dict__.items() if key not in _PLAIN_FIELDS}


class PlainFormatter(logging.Formatter):
    """`LEVEL logger: message key=value …`"""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        fields = " ".join(f"{key}={_escape(value)}" for key, value in _fields(record).items())
        return f"{text} {fields}" if fields else text


class JsonFormatter(logging.Formatter):
    """One JSON object per line, with the same fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time_us": round(record.created * 1_000_000),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def _escape(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text else json.dumps(text)


def set_up_logging(*, is_json: bool, level: str) -> None:
    """Send everything to standard error in the chosen form."""
    handler = logging.StreamHandler(sys.stderr)
    if is_json:
        handler.setFormatter(JsonFormatter())
    else:
        by_journald = "JOURNAL_STREAM" in os.environ
        prefix = "" if by_journald else "%(asctime)s "
        handler.setFormatter(PlainFormatter(prefix + "%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Their INFO is per request; ours says the same once per change.
    for noisy in ("httpx", "httpcore", "pymodbus", "aiosqlite"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
