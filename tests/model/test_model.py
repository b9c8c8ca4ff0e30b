"""A kept model says the same as before it was kept, bit for bit, and refuses weights that aren't its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import invplat
from invplat.core.errors import BundleRefused, DatasetError, SettingRefused
from invplat.model import Model, Preparation, lineage_of
from invplat.model import trained as trained_module
from invplat.registry.bundle import load, packed, save
from invplat.storage import open_storage
from invplat.workload import Prediction
from tests.model.made import EVERY, Made

Trained = Callable[[str], Made]


def equal(one: Prediction, two: Prediction) -> bool:
    fields = ((getattr(one, each), getattr(two, each)) for each in ("quantiles", "mean", "vlt", "order"))
    return one.levels == two.levels and all(mine is theirs or torch.equal(mine, theirs) for mine, theirs in fields)


@pytest.mark.parametrize("place", ["folder", "memory"])
@pytest.mark.parametrize("name", EVERY)
def test_a_kept_model_says_the_same(trained: Trained, name: str, place: str, tmp_path: Path) -> None:
    made = trained(name)
    model, said = made.model, made.says()
    storage = open_storage(str(tmp_path) if place == "folder" else "memory://round-trip")
    storage.remove("m")
    save(storage, "m", model.bundle())
    chance = torch.random.get_rng_state()
    again = Model.of(load(storage, "m"))
    storage.remove("m")
    assert torch.equal(torch.random.get_rng_state(), chance), "opening a model used up somebody's chance"
    assert equal(replace(made, model=again).says(), said)
    recut = again.preparation.cut(again.preparation.ready(made.panel), again.spec)
    assert equal(made.says(recut), said), "prepared by what was kept, the panel gave other windows"
    assert (again.params, again.spec, again.layout) == (model.params, model.spec, model.layout)
    assert (again.lineage, again.metrics) == (model.lineage, model.metrics)
    assert again.preparation == model.preparation
    assert json.dumps(again.bundle().documents) == json.dumps(model.bundle().documents)
    assert again.bundle().weights == model.bundle().weights


def test_a_model_kept_in_two_parts_says_the_same(trained: Trained, tmp_path: Path) -> None:
    made = trained("mlp")
    model, storage = made.model, open_storage(str(tmp_path))
    other = Model.of(model.bundle())
    with torch.no_grad():
        next(iter(other.module.parameters())).add_(1.0)
    shared = model.alike(other)
    assert len(shared) == len(model.module.state_dict()) - 1
    save(storage, "m", model.bundle(shared))
    assert equal(replace(made, model=Model.of(load(storage, "m"))).says(), made.says())
    grown = replace(other, module=torch.nn.Linear(2, 2))
    assert model.alike(grown) == set()


def test_all_windows_are_answered_in_their_order(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    made = trained("mlp")
    model, cut, whole = made.model, made.windows, made.says()
    assert whole.mean.shape == (len(cut), 3)
    assert whole.quantiles.shape == (len(cut), 3, 3)
    assert not whole.mean.requires_grad
    last = model.predict(cut.select(slice(-3, None)))
    assert torch.allclose(last.mean, whole.mean[-3:], atol=1e-5)
    monkeypatch.setattr(trained_module, "AT_ONCE", 7)
    assert torch.allclose(model.predict(cut).quantiles, whole.quantiles, atol=1e-5)


def test_asking_twice_says_the_same_even_of_a_net_in_training(trained: Trained) -> None:
    made = trained("lstm")
    first = made.says()
    made.model.module.train()
    assert equal(made.says(), first)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda tensors: {name: value for name, value in tensors.items() if name != "head.bias"}, "bias is missing"),
        (lambda tensors: {**tensors, "more": torch.zeros(1)}, "more is not known"),
        (lambda tensors: {**tensors, "head.bias": torch.zeros(3)}, r"head\.bias is float32 \[3\]"),
        (lambda tensors: {**tensors, "head.bias": tensors["head.bias"].double()}, "float64"),
    ],
)
def test_weights_of_another_net_are_refused(trained: Trained, change: Any, told: str) -> None:
    bundle = trained("straight").model.bundle()
    with pytest.raises(BundleRefused, match=told):
        Model.of(replace(bundle, weights=packed(change(bundle.tensors))))


def test_a_workload_that_is_not_installed_is_named(trained: Trained) -> None:
    bundle = trained("mlp").model.bundle()
    with pytest.raises(SettingRefused, match="'gone' is not installed"):
        Model.of(replace(bundle, workload="gone"))


def test_documents_of_another_shape_are_refused(trained: Trained) -> None:
    bundle = trained("mlp").model.bundle()
    for changed in ({"spec": {}}, {"layout": {"version": 1}}, {"preparation": {"version": 1}}):
        with pytest.raises(BundleRefused, match="not what this invplat writes"):
            Model.of(replace(bundle, documents={**bundle.documents, **changed}))
    for newer in ("layout", "preparation"):
        document = {**bundle.documents[newer], "version": 99}
        with pytest.raises(DatasetError, match="version 99"):
            Model.of(replace(bundle, documents={**bundle.documents, newer: document}))


def test_lineage_tells_what_it_was_made_of(trained: Trained) -> None:
    found = lineage_of(None, seed=7, donor="base@3", cutoff="2024-02-01")
    assert (found["seed"], found["donor"], found["cutoff"], found["dataset"]) == (7, "base@3", "2024-02-01", None)
    assert (found["code"], found["torch"]) == (invplat.__version__, torch.__version__)


def test_figures_that_json_lacks_become_null(trained: Trained) -> None:
    model = replace(trained("straight").model, metrics={"r2": float("nan"), "by": [np.float32(0.5), float("inf")]})
    assert model.bundle().documents["metrics"] == {"r2": None, "by": [0.5, None]}


def test_the_input_schema_says_what_to_bring(trained: Trained) -> None:
    schema = trained("mlp").model.bundle().documents["input_schema"]
    assert (schema["past"], schema["horizon"], schema["frequency"]) == (7, 3, "daily")
    assert {"demand", "mean_7"} <= set(schema["seen"])
    assert [column["name"] for column in schema["columns"] if column["required"]] == ["sales.quantity"]
    assert set(schema["ids"]) == {"sku", "store"}


def test_a_preparation_refuses_another_calendar(trained: Trained) -> None:
    model, panel = trained("mlp").model, trained("mlp").panel
    weekly = replace(model.preparation, frequency="weekly")
    with pytest.raises(DatasetError, match="is daily, the model is weekly"):
        weekly.ready(panel)


def test_a_business_without_a_text_is_answered(trained: Trained) -> None:
    model, panel = trained("mlp").model, trained("mlp").panel
    poor = replace(panel, statics=replace(panel.statics, texts={"sku": panel.statics.texts["sku"]}))
    cut = model.preparation.cut(model.preparation.ready([poor]), model.spec)
    assert model.layout.lacking(cut) == ("store",)
    assert bool(model.predict(cut).mean.isfinite().all())


def test_a_preparation_survives_json(trained: Trained) -> None:
    preparation = trained("mlp").model.preparation
    assert Preparation.from_json(preparation.to_json()) == preparation
