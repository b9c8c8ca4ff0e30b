"""A job's own process on a cluster whose nodes lack the secret that says where the registry is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result


def test_a_secret_that_lacks_is_named(invplat: Callable[..., Result], home: Path) -> None:
    ended = invplat("jobs", "run", "1f0c9a2b3d4e5f60", "--cluster", "--json")
    assert ended.exit_code == 2
    said = json.loads(ended.stderr)
    assert "there is no job '1f0c9a2b3d4e5f60'" in said["error"]
    assert str(home / "invplat.db") in said["error"]  # where it was looked for
    assert "INVPLAT_DATABASE_URL" in said["hint"]
    elsewhere = invplat("jobs", "run", "1f0c9a2b3d4e5f60", "--json")
    assert "INVPLAT_DATABASE_URL" not in elsewhere.stderr  # on this machine that is not the reason
