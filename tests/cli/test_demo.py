from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Invplat = Callable[..., Result]
SMALL = ("--trials", 2, "--epochs", 1, "--no-serve")

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray")]


def test_from_made_up_files_to_models_of_their_own_and_again(invplat: Invplat, home: Path) -> None:
    result = invplat("demo", "--tenants", 2, "--json", *SMALL)
    assert result.exit_code == 0, result.output
    world, first, second, described, study, model, job, models = (
        json.loads(line) for line in result.stdout.splitlines()
    )
    assert len(world["tenants"]) == 2
    for made in (first, second):
        assert made["rows_in"] == made["rows_kept"] + made["rows_merged"] + made["rows_quarantined"]
        assert made["rows_quarantined"] > 0  # the world is dirty on purpose
    assert described
    assert (study["trials_asked"], study["workload"]) == (2, "mlp")
    assert (model["model"], model["tenant"]) == ("mlp@1", None)  # a base
    assert (job["state"], job["done"], job["tenants"]) == ("done", 2, 2)
    assert models["tenant"] == "tenant-0000"
    kept = job["results"][0]["model_id"]
    assert [row["id"] for row in models["models"] if row["name"] == "mlp"] == ([kept] if kept else [])
    assert set(model["test"]) >= {"mlp", "seasonal_naive"}
    assert list(home.glob("*.html"))
    # Again, now as a person sees it: the commands that it runs.
    result = invplat("demo", "--tenants", 2, *SMALL)
    assert result.exit_code == 0, result.output
    assert "$ invplat data synth" in result.stderr
    assert "$ invplat data ingest --tenant tenant-0000" in result.stderr
    assert "$ invplat data describe --tenant tenant-0000" in result.stderr
    assert "$ invplat tune mlp --resume demo" in result.stderr
    assert "$ invplat train mlp --tenant tenant-0000 --from demo" in result.stderr
    assert "$ invplat finetune submit --all --wait" in result.stderr
    assert "$ invplat models list --tenant tenant-0000" in result.stderr
