"""Bundles that were written long ago still open, and still say what they said then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from invplat.model import Model
from invplat.registry.bundle import load
from invplat.storage import FolderStorage
from tests.golden.make import HERE, PARAMS, asked
from tests.model.made import install_example

MEANT = "an old bundle says something else now; where that is meant, run python -m tests.golden.make and say so"


@pytest.mark.parametrize("name", PARAMS)
def test_an_old_bundle_says_what_it_said(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_example(monkeypatch, tmp_path / "installed")
    model = Model.of(load(FolderStorage(HERE), name))
    said = model.predict(asked(model))
    expected = json.loads((HERE / name / "said.json").read_text())
    assert said.mean.shape == (15, 2)
    for each in ("mean", "quantiles"):
        found = getattr(said, each)
        assert torch.allclose(found, torch.tensor(expected[each]), rtol=1e-5, atol=1e-5), MEANT


def test_they_stay_small() -> None:
    assert sum(path.stat().st_size for path in HERE.rglob("*") if path.suffix != ".py" and path.is_file()) < 100_000
