"""A small business with one kept model, for the commands that read both: made once for all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder; the business is called shop, its model mlp."""
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
