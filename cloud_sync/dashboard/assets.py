"""Styles, scripts and pictures: read once, served from memory, known by what they hold.

An address with the hash of its content behind it may be kept for ever; one without is asked about
again each time, and answered 304 while it is as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from cloud_sync.service.problems import Refused

TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
FOR_EVER: Final = "public, max-age=31536000, immutable"
ASK_AGAIN: Final = "no-cache"


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    media_type: str
    tag: str


class Assets:
    """The files of a directory, under a path."""

    def __init__(self, directory: Path, path: str) -> None:
        self._path = path
        self._files = {
            file.relative_to(directory).as_posix(): _File(
                (content := file.read_bytes()),
                TYPES[file.suffix],
                hashlib.sha256(content).hexdigest()[:16],
            )
            for file in sorted(directory.rglob("*"))
            if file.suffix in TYPES
        }

    def url(self, name: str) -> str:
        """The address of a file; it changes with the content."""
        return f"{self._path}/{name}?v={self._files[name].tag}"

    async def answer(self, request: Request) -> Response:
        """The file whose name is in the path. Raises Refused."""
        name = str(request.path_params["name"])
        file = self._files.get(name)
        if file is None:
            raise Refused("not_found", f"there is no {name}")
        is_named_by_content = request.query_params.get("v") == file.tag
        headers = {
            "ETag": f'"{file.tag}"',
            "Cache-Control": FOR_EVER if is_named_by_content else ASK_AGAIN,
        }
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(file.content, media_type=file.media_type, headers=headers)
