"""Clusters that no Ray is behind: a note as `up` leaves it, and a program that stands in for a node."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from invplat.cluster import note
from invplat.cluster.note import Node, Note
from invplat.core.process import Process

Run = Callable[..., Result]
LASTS = "import time; time.sleep(600)"
Begin = Callable[..., "subprocess.Popen[bytes]"]


def made(home: Path, *listed: Node, cluster: str = "c1", starter: Process | None = None) -> Note:
    """A note as `up` leaves it, on a port that nobody has."""
    with socket.create_server((note.HOST, 0)) as held:
        port = held.getsockname()[1]
    found = Note(cluster, home, "2026-01-01T00:00:00+00:00", starter or Process.this(), port, 1, nodes=listed)
    home.mkdir(parents=True, exist_ok=True)
    assert note.prepare(found)
    return found
