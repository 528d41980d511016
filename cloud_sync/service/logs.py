"""Logs of the service: one line each, for people or as JSON; fields are escaped."""

from __future__ import annotations

import json
import logging
import sys
from typing import Final

_OWN: Final = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "color_message",
}


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in record.__dict__.items() if key not in _OWN}


class PlainFormatter(logging.Formatter):
    """`TIME LEVEL logger: message key=value …`"""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        fields = "".join(f" {key}={_plain(value)}" for key, value in _fields(record).items())
        return super().format(record) + fields


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
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


def _plain(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text else json.dumps(text)


def set_up_logging(*, is_json: bool, level: str) -> None:
    """Send everything to standard error in the chosen form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter()
        if is_json
        else PlainFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("aiosqlite", "uvicorn", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
