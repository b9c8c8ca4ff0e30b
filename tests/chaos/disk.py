"""A small disk of its own that a test can fill to the last byte. For tests only."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Disk:
    path: Path

    @property
    def _others(self) -> Path:
        """What else lies on it."""
        return self.path / "others"

    @property
    def free(self) -> int:
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self, leave: int = 0) -> None:
        """All but so many bytes."""
        with self._others.open("ab", buffering=0) as stream, suppress(OSError):
            while (left := self.free - leave) > 0:
                stream.write(bytes(min(left, 1 << 16)))

    def clear(self) -> None:
        self._others.unlink(missing_ok=True)


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[Disk]:
    """Mounted at `path`, which is made."""
    path.mkdir(parents=True)
    made = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(path)]
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    if subprocess.run(made, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can't be mounted here")
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)
