"""What several commands' tests need: a small business with one kept model, and processes that end with their test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from invplat.cluster import processes
from tests.cli.clusters import Begin


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder, made once for all who only read it; the business is called shop, its model mlp."""
    from invplat.cli.main import cli

    home = tmp_path_factory.mktemp("home")

    def run(*words: object) -> None:
        ended = CliRunner().invoke(cli, [*map(str, words), "--home", str(home), "--quiet"])
        assert ended.exit_code == 0, ended.output

    world = home / "world"
    run("data", "synth", "--tenants", 1, "--stores", 2, "--skus", 6, "--days", 200, "--out", world)
    run("data", "ingest", "--tenant", "shop", world / "tenant-0000")
    run("train", "mlp", "--tenant", "shop", "--epochs", 1, "--windows", 300, "--spec", "past=14,horizon=7")
    return home


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Processes that are collected as soon as they end, and gone after the test."""
    begun: list[subprocess.Popen[bytes]] = []

    def start(program: str, node: str | None = None, **how: Any) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **({} if node is None else processes.mark("c1", node))}
        begun.append(subprocess.Popen([sys.executable, "-c", program], env=environment, **how))
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.communicate()
