"""Which process: told apart from a later one of the same number, on its own machine and from elsewhere."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass


@dataclass(frozen=True)
class Process:
    host: str
    pid: int
    ids: str  # the space of process ids it is of: containers of one host name may have their own
    born: str  # in the system's own count; empty where the system doesn't say

    @classmethod
    def this(cls) -> Process:
        return cls.of(os.getpid())

    @classmethod
    def of(cls, pid: int) -> Process:
        """A process of this machine."""
        return cls(platform.node(), pid, _ids(), _born(pid))

    @property
    def here(self) -> bool:
        """On this machine, so that its life or death can be seen."""
        return bool(self.born) and (self.host, self.ids) == (platform.node(), _ids())

    @property
    def alive(self) -> bool | None:
        """None where it can't be seen from here."""
        return _born(self.pid) == self.born if self.here else None


def _ids() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _born(pid: int) -> str:
    """Empty where the process is gone, or dead and not yet collected by its parent, or the system doesn't say."""
    try:
        with open(f"/proc/{pid}/stat") as stream:
            fields = stream.read().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
