"""File systems of a test's own, mounted for the time of a context; needs root."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

NEEDS_ROOT = (
    pytest.mark.needs_root,
    pytest.mark.skipif(
        os.geteuid() != 0 and "CI" not in os.environ, reason="mounting disks needs root"
    ),
)
"""Marks of a test that mounts. Where nobody would see the skip it fails instead."""


def run(*command: object) -> None:
    """Run a program of the system's, which for root may be outside a user's path."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    subprocess.run(
        [str(word) for word in command],
        check=True,
        capture_output=True,
        env=os.environ | {"PATH": path},
    )


@contextlib.contextmanager
def mounted(place: Path, *options: object) -> Iterator[None]:
    """`mount OPTIONS place`, and its end."""
    run("mount", *options, place)
    try:
        yield
    finally:
        run("umount", place)


@contextlib.contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """A disk in memory of this size ("3m") at `place`."""
    place.mkdir()
    with mounted(place, "-t", "tmpfs", "-o", f"size={size}", "tmpfs"):
        yield place
