"""A home folder with a few small businesses and a base, made once a run; each test works on a copy of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

NAMES = ("tenant-0000", "tenant-0001", "tenant-0002", "tenant-0003")
TINY = "hidden_one=32,hidden_two=32"
_MADE: list[Path] = []


def _made(factory: pytest.TempPathFactory) -> Path:
    if _MADE:
        return _MADE[0]
    home = factory.mktemp("firms")
    world = home / "world"
    typed(home, "data", "synth", "--tenants", 4, "--stores", 1, "--skus", 6, "--days", 120, "--out", world)
    for name in NAMES:
        typed(home, "tenant", "add", name, "--data", world / name, "--mapping", "generic")
    pooled = [word for name in NAMES[:2] for word in ("--tenant", name)]
    sizes = ("--epochs", 2, "--windows", 400, "--spec", "past=14,horizon=7", "--params", TINY)
    # Not a good base: every firm shall have something to learn.
    typed(home, "train", "mlp", "--base", "--openings", 0, *pooled, *sizes)
    _MADE.append(home)
    return home


def typed(home: Path, *words: object) -> str:
    from invplat.cli.main import cli

    ended = CliRunner().invoke(cli, [*map(str, words), "--home", str(home), "--quiet"])
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def firms_in(home: Path, factory: pytest.TempPathFactory) -> None:
    """A copy, as `home`."""
    shutil.copytree(_made(factory), home)
