"""A real Redis for a test: on a port of its own, with a password, keeping nothing on disk."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from invplat.cluster.kept import Kept


@contextmanager
def real_redis(folder: Path) -> Iterator[Kept]:
    """Skips the test where there is none."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server here (Debian: apt-get install redis-server)")
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    found = Kept("127.0.0.1", port, secrets.token_hex(8))
    settings = folder / "redis.conf"
    settings.write_text(f'bind 127.0.0.1\nport {port}\nrequirepass {found.password}\nsave ""\ndir {folder}\n')
    with subprocess.Popen([program, str(settings)], stdout=subprocess.DEVNULL) as process:
        try:
            for _ in range(200):
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                time.sleep(0.05)
            yield found
        finally:
            process.terminate()
