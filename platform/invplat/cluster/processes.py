"""The processes of a cluster, known by a mark in their environment: they are ended, whoever their parent is by now.

Ray's processes leave their parents, their groups and their sessions, and hand the environment on. Linux only.
Knows nothing of Ray.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from invplat.core.errors import InvplatError

MARK = "INVPLAT_NODE"
GRACE = 2.0  # seconds between asking and ending; Ray itself would take ten
KILLED_WITHIN = 20.0
LOOK_EVERY = 0.1


def mark(cluster: str, node: str) -> dict[str, str]:
    """For the environment of a node's first process; Ray's processes name themselves, and would write over it."""
    return {MARK: f"{cluster}/{node}", "SPT_NOENV": "1"}


def marked(cluster: str, node: str | None = None) -> dict[int, str]:
    """Processes that are there, and the node that each is of."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            name = _node(int(entry), cluster)
            if name is not None and node in (None, name):
                found[int(entry)] = name
    return found


def end(cluster: str, node: str | None = None, *, grace: float = GRACE) -> int:
    """All of them, or those of one node: asked, and after `grace` seconds killed. How many there were."""
    began = time.monotonic()
    seen: set[int] = set()
    while alive := marked(cluster, node):
        late = time.monotonic() - began
        if late > grace + KILLED_WITHIN:
            raise InvplatError(
                f"{len(alive)} processes are still there: {', '.join(map(str, sorted(alive)))}",
                hint="look at them with ps; then again: invplat cluster down",
            )
        if late >= grace:
            for pid in alive:
                _send(pid, cluster, signal.SIGKILL)
        else:
            for pid in alive.keys() - seen:  # once: a second request makes some of them hasty
                _send(pid, cluster, signal.SIGTERM)
        seen |= alive.keys()
        time.sleep(LOOK_EVERY if late < grace else LOOK_EVERY / 5)
    return len(seen)


def memory(cluster: str) -> dict[str, int]:
    """Bytes of each node's processes, what they share counted once."""
    found: dict[str, int] = {}
    for pid, node in marked(cluster).items():
        with suppress(OSError, ValueError, IndexError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            kib = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
            found[node] = found.get(node, 0) + kib * 1024
    return found


def called(cluster: str, node: str, program: str) -> int | None:
    """The node's process of that program."""
    for pid in marked(cluster, node):
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if os.path.basename(words[0]).decode(errors="replace") == program:
                return pid
    return None


def _node(pid: int, cluster: str) -> str | None:
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:
            entries = stream.read().split(b"\0")
    except OSError:
        return None
    start = f"{MARK}={cluster}/".encode()
    return next((entry.removeprefix(start).decode() for entry in entries if entry.startswith(start)), None)


def _send(pid: int, cluster: str, number: signal.Signals) -> None:
    """To that very process: the handle keeps its number from meaning another one meanwhile."""
    with suppress(OSError):
        handle = os.pidfd_open(pid)
        try:
            if _node(pid, cluster) is not None:
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)
