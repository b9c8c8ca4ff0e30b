"""Bundles that were written long ago still open, and still say what they said then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from invplat.model import Model
from invplat.registry.bundle import load, read_seal
from invplat.storage import FolderStorage
from tests.golden.make import ADAPTED, HERE, NAMES, PARAMS, asked
from tests.model.made import install_example

MEANT = "an old bundle says something else now; where that is meant, run python -m tests.golden.make and say so"


@pytest.mark.parametrize("name", NAMES)
def test_an_old_bundle_says_what_it_said(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_example(monkeypatch, tmp_path / "installed")
    model = Model.of(load(FolderStorage(HERE), name))
    said = model.predict(asked(model))
    expected = json.loads((HERE / name / "said.json").read_text())
    assert said.mean.shape == (15, 2)
    for each in ("mean", "quantiles"):
        found = getattr(said, each)
        assert torch.allclose(found, torch.tensor(expected[each]), rtol=1e-5, atol=1e-5), MEANT


def test_both_forms_are_there() -> None:
    storage = FolderStorage(HERE)
    assert [read_seal(storage, name).schema for name in PARAMS] == [1] * len(PARAMS)
    adapted, donor = (load(storage, name) for name in (ADAPTED, "mlp"))
    assert adapted.shared is not None
    assert set(adapted.tensors) == set(donor.tensors)
    assert len(adapted.weights) < len(adapted.shared)


def test_they_stay_small() -> None:
    assert sum(path.stat().st_size for path in HERE.rglob("*") if path.suffix != ".py" and path.is_file()) < 100_000
