"""What comes out of the database, checked to be what the schema says."""

from __future__ import annotations


def integer(value: object) -> int:
    """The integer in a column."""
    if not isinstance(value, int):
        raise AssertionError(f"expected an integer from the store, got {value!r}")
    return value


def text(value: object) -> str:
    """The text in a column."""
    if not isinstance(value, str):
        raise AssertionError(f"expected text from the store, got {value!r}")
    return value


def blob(value: object) -> bytes:
    """The bytes in a column."""
    if not isinstance(value, bytes):
        raise AssertionError(f"expected bytes from the store, got {value!r}")
    return value


def optional_text(value: object) -> str | None:
    """The text in a column that may be null."""
    return None if value is None else text(value)


def optional_integer(value: object) -> int | None:
    """The integer in a column that may be null."""
    return None if value is None else integer(value)
