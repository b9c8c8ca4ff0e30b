"""A net for other programs says what the net says, whatever the number of examples; or nothing is written."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import invplat
from invplat.core.errors import DatasetError, MissingExtra, SettingRefused
from invplat.model import export
from invplat.model.export import Exported, exported
from invplat.workload import Outputs
from tests.model.made import EVERY, Made

SIZES = (1, 2, 17)
SLOW = ("e2e", "gru", "rnn")  # to be followed
WORKLOADS = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in EVERY]
Trained = Callable[[str], Made]


def agree(found: Outputs, expected: Outputs) -> None:
    assert {"quantiles", "mean"} & set(expected) <= set(found)
    for name, tensor in found.items():
        assert torch.allclose(tensor, expected[name], rtol=1e-5, atol=1e-5), name


@pytest.fixture(scope="module")
def onnx_of(trained: Trained) -> Callable[[str], Exported]:
    """Each net once for all tests: following it takes seconds."""
    return lru_cache(lambda name: exported(trained(name).model, "onnx"))


@pytest.mark.parametrize("name", WORKLOADS)
def test_onnx_says_what_the_net_says(trained: Trained, onnx_of: Callable[[str], Exported], name: str) -> None:
    import onnxruntime

    net, made = trained(name), onnx_of(name)
    session = onnxruntime.InferenceSession(made.content, providers=["CPUExecutionProvider"])
    told = made.description
    assert [each["name"] for each in told["inputs"]] == [each.name for each in session.get_inputs()]
    assert {each.shape[0] for each in (*session.get_inputs(), *session.get_outputs())} == {"n"}
    for size in SIZES:
        inputs = net.inputs(size)
        names = [each["name"] for each in told["outputs"]]
        said = session.run(names, {each["name"]: inputs[each["name"]].numpy() for each in told["inputs"]})
        agree(
            {each: torch.from_numpy(np.asarray(values)) for each, values in zip(names, said, strict=True)},
            net.model.module(**inputs),
        )


@pytest.mark.parametrize("name", ["mlp", "lstm"])
def test_an_archive_says_what_the_net_says(trained: Trained, name: str) -> None:
    net = trained(name)
    made = exported(net.model, "torch-export")
    with export._quiet():
        program: Any = torch.export.load(io.BytesIO(made.content)).module()
    for size in SIZES:
        inputs = net.inputs(size)
        agree(program(**inputs), net.model.module(**inputs))


def test_the_description_tells_scaling_and_levels_and_no_place(
    trained: Trained, onnx_of: Callable[[str], Exported]
) -> None:
    model = trained("mlp").model
    made = onnx_of("mlp")
    told = made.description
    assert told["quantiles"] == [0.1, 0.5, 0.9]
    assert tuple(told["scaling"]["sees"]["names"]) == model.layout.sees.names
    assert set(told["preparation"]["encoders"]) == {"sku", "store"}
    assert told["verified"]["batches"] == [1, 33]
    assert told["verified"]["largest_difference"] <= 1e-5
    for place in (Path(invplat.__file__).parents[1], Path(torch.__file__).parent):
        assert str(place).encode() not in made.content, "the file tells where it was made"


class Bent(torch.nn.Module):
    """A net that speaks otherwise when others read it."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, demand: torch.Tensor) -> dict[str, torch.Tensor]:
        found: dict[str, torch.Tensor] = self.inner(demand)
        return {**found, "mean": found["mean"] + (1e-3 if torch.compiler.is_exporting() else 0.0)}


class Counting(Bent):
    """A net that is built for one number of examples."""

    def forward(self, demand: torch.Tensor) -> dict[str, torch.Tensor]:
        found: dict[str, torch.Tensor] = self.inner(demand)
        return {**found, "mean": found["mean"] * (2.0 if len(demand) == export.TRACED else 1.0)}


class Handing(Bent):
    """A net that hands on what it was told, and makes something of the name of one of torch's own steps."""

    def forward(self, demand: torch.Tensor) -> dict[str, torch.Tensor]:
        found: dict[str, torch.Tensor] = self.inner(demand)
        return {"demand": demand, "softplus": demand.mean(dim=-1), **found}


class Renaming(Bent):
    """A net that says something new under an old name."""

    def forward(self, demand: torch.Tensor) -> dict[str, torch.Tensor]:
        found: dict[str, torch.Tensor] = self.inner(demand)
        return {**found, "demand": 2 * demand}


def test_what_is_only_handed_on_is_no_answer(trained: Trained) -> None:
    model = trained("straight").model
    for form in export.FORMATS:
        told = exported(replace(model, module=Handing(model.module)), form).description
        assert [each["name"] for each in told["inputs"]] == ["demand"]
        assert [each["name"] for each in told["outputs"]] == ["softplus", "quantiles", "mean"]


def test_one_name_for_two_things_is_refused_where_the_format_can_t(trained: Trained) -> None:
    model = trained("straight").model
    renaming = replace(model, module=Renaming(model.module))
    with pytest.raises(SettingRefused, match="takes and gives demand"):
        exported(renaming, "onnx")
    assert exported(renaming, "torch-export").description["outputs"][-1]["name"] == "demand"


def test_an_export_that_differs_is_refused(trained: Trained) -> None:
    model = trained("straight").model
    with pytest.raises(SettingRefused, match="from the net, more than 1e-05"):
        exported(replace(model, module=Bent(model.module)), "torch-export")


def test_a_net_that_can_t_be_followed_is_refused_with_its_name(trained: Trained) -> None:
    model = trained("straight").model
    with pytest.raises(SettingRefused, match="straight can't be exported"):
        exported(replace(model, module=Counting(model.module)), "torch-export")


def test_a_model_of_tables_is_refused(trained: Trained) -> None:
    model = trained("mlp").model
    with pytest.raises(DatasetError, match="rows of a table"):
        exported(replace(model, layout=replace(model.layout, past=0)), "torch-export")


def test_a_format_that_is_not_known_is_refused(trained: Trained) -> None:
    with pytest.raises(SettingRefused, match="'pickle' is not known"):
        exported(trained("straight").model, "pickle")


def test_without_the_extra_the_pip_command_is_told(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match="onnxruntime") as told:
        exported(trained("straight").model, "onnx")
    assert told.value.hint == "pip install 'invplat[export]'"
