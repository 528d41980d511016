"""The files of the pages, read once at the start: nothing a browser names is ever opened."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file. tag: changes with its content."""

    body: bytes
    content_type: str
    tag: str


def static_files() -> Mapping[str, StaticFile]:
    """Every file that may be served, by its path below `static`."""
    found: dict[str, StaticFile] = {}
    _gather(files(__package__) / "static", "", found)
    return found


def whole_tag(static: Mapping[str, StaticFile], under: str) -> str:
    """Changes with any of the files below a path."""
    tags = [it.tag for path, it in sorted(static.items()) if path.startswith(under)]
    return hashlib.sha256("".join(tags).encode()).hexdigest()[:16]


def _gather(directory: Traversable, path: str, found: dict[str, StaticFile]) -> None:
    for entry in directory.iterdir():
        if entry.is_dir():
            _gather(entry, f"{path}{entry.name}/", found)
            continue
        content_type = TYPES.get(f".{entry.name.rpartition('.')[2]}")
        if content_type is not None:
            body = entry.read_bytes()
            tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
            found[path + entry.name] = StaticFile(body, content_type, tag)
