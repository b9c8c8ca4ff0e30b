"""A business to tune on, made once for all tests here; and the table of promises at the end."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import promises
from tests.chaos.promises import Promise
from tests.chaos.tuning import SMALL, Tuning, command, done, run


@pytest.fixture(scope="session")
def shop_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with one business, called shop."""
    home = tmp_path_factory.mktemp("tuned")
    world = home / "world"
    for words in (
        ("data", "synth", "--tenants", 1, "--stores", 2, "--skus", 6, "--days", 200, "--out", world),
        ("data", "ingest", "--tenant", "shop", world / "tenant-0000"),
    ):
        ended = run(command(*words, "--home", home, "--quiet"))
        assert ended.returncode == 0, ended.stderr
    (home / "space.toml").write_text(SMALL)
    done(Tuning(home, home / "first", "first").words("--in-process", "--epochs", 1, "--json"))
    # Two trials a pack, whatever was measured: there must be packs enough to be in the middle of them.
    widths = home / "widths.json"
    widths.write_text(json.dumps(dict.fromkeys(json.loads(widths.read_text()), 2)))
    return home


@pytest.fixture
def tuning(shop_home: Path, tmp_path: Path) -> Tuning:
    return Tuning(shop_home, tmp_path / "kept")


@pytest.fixture
def promise(request: pytest.FixtureRequest) -> Promise:
    """Say what is promised, and what was measured: `promise("a node killed", "nothing lost", {"requests lost": 0})`."""
    return Promise(request.node.user_properties)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    rows = promises.said(terminalreporter.stats)
    if not rows:
        return
    terminalreporter.section("promised and measured")
    for line in promises.drawn(rows):
        terminalreporter.write_line(line)
    if path := os.environ.get(promises.FILE):
        promises.write(rows, Path(path))
        terminalreporter.write_line(f"\nadded to {path}")
