"""Metrics as text: Prometheus' format 0.0.4, which gateway and cloud both speak.

A sample that is None is left out: what is not known is never zero. Label values are escaped, so
that no name can break a line.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Kind = Literal["gauge", "counter"]
Labels = tuple[tuple[str, str], ...]
Sample = tuple[Labels, object]


def encode_family(name: str, kind: Kind, about: str, samples: Iterable[Sample]) -> str:
    """The lines of one family; empty if nothing of it is known."""
    lines = [
        f"{name}{_encode_labels(labels)} {shown}\n"
        for labels, value in samples
        if (shown := _encode_number(value)) is not None
    ]
    return "".join([f"# HELP {name} {about}\n# TYPE {name} {kind}\n", *lines]) if lines else ""


def _encode_number(value: object) -> str | None:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int):
        return str(value)
    return repr(round(value, 9)) if isinstance(value, float) else None


def _encode_labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
