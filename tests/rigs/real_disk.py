"""An ext4 disk of a test's own that turns read-only as a worn card does; needs root.

The kernel's own way is taken: an error in the file system, after which `errors=remount-ro` lets
nobody write. What ends it is what ends it in life: unmount, check, mount.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.rigs.mounts import run

IMAGE_BYTES = 96 * 2**20


class Ext4Disk:
    """A file system in an image, mounted at `place` or not."""

    def __init__(self, image: Path, place: Path) -> None:
        self._image, self.place = image, place
        image.touch()
        os.truncate(image, IMAGE_BYTES)
        run("mkfs.ext4", "-q", "-F", image)
        place.mkdir()

    def mount(self, *options: str) -> None:
        """Mount it, with further options such as "ro"."""
        run("mount", "-o", ",".join(("loop", "errors=remount-ro", *options)), self._image,
            self.place)  # fmt: skip

    def unmount(self) -> None:
        run("umount", self.place)

    def break_down(self) -> None:
        """From now on nobody writes; who has files open keeps them."""
        source = subprocess.run(
            ["findmnt", "-no", "SOURCE", self.place], capture_output=True, text=True, check=True
        ).stdout.strip()
        Path(f"/sys/fs/ext4/{Path(source).name}/trigger_fs_error").write_text("broken by a test")

    def mend(self) -> None:
        """What a person does: check the disk that is not mounted."""
        checked = subprocess.run(
            ["/sbin/fsck.ext4", "-p", "-f", str(self._image)], capture_output=True, check=False
        )
        assert checked.returncode in (0, 1), checked.stdout  # 1: errors were corrected


@contextlib.contextmanager
def ext4_disk(image: Path, place: Path) -> Iterator[Ext4Disk]:
    """A mounted disk; unmounted at the end if it is not yet."""
    disk = Ext4Disk(image, place)
    disk.mount()
    try:
        yield disk
    finally:
        if os.path.ismount(place):
            disk.unmount()
