from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

Invplat = Callable[..., Result]


def test_the_demo_goes_from_made_up_files_to_a_described_dataset(invplat: Invplat, home: Path) -> None:
    result = invplat("demo", "--tenants", 2, "--json")
    assert result.exit_code == 0, result.output
    world, first, second, described = (json.loads(line) for line in result.stdout.splitlines())
    assert len(world["tenants"]) == 2
    for made in (first, second):
        assert made["rows_in"] == made["rows_kept"] + made["rows_merged"] + made["rows_quarantined"]
        assert made["rows_quarantined"] > 0  # the world is dirty on purpose
    assert described
    assert list(home.glob("*.html"))


def test_the_demo_shows_the_commands_that_it_runs_and_can_run_again(invplat: Invplat, home: Path) -> None:
    for _ in range(2):
        result = invplat("demo", "--tenants", 1)
        assert result.exit_code == 0, result.output
    assert "$ invplat data synth" in result.stderr
    assert "$ invplat data ingest --tenant tenant-0000" in result.stderr
    assert "$ invplat data describe --tenant tenant-0000" in result.stderr
