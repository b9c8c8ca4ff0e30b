"""Recurrent nets: the study's count, and layers that are what torch's own are."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from invplat.core.errors import DatasetError
from invplat.testing.panels import Case, made_windows
from invplat.workload import Spec
from invplat_workloads.recurrent import GRU, LSTM, RNN, Layer, Recurrent

SPEC = Spec(past=14, horizon=1, quantiles=(0.1, 0.5, 0.9))


def test_the_study_s_net_has_the_study_s_number_of_parameters() -> None:
    layout = LSTM.layout(made_windows(Case(past=14, horizon=1)), SPEC)
    module = LSTM.build({"form": "demand"}, layout)
    assert sum(parameter.numel() for parameter in module.parameters()) == 119_269


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_a_layer_is_torch_s_with_its_second_bias_at_zero(cell: str) -> None:
    ours = Layer(cell, 5, 7)
    theirs = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[cell](5, 7, batch_first=True)
    with torch.no_grad():
        for parameter, value in (
            (theirs.weight_ih_l0, ours.of_input),
            (theirs.weight_hh_l0, ours.of_state),
            (theirs.bias_ih_l0, ours.bias),
            (theirs.bias_hh_l0, torch.zeros_like(ours.bias)),
        ):
            parameter.copy_(value)
    values = torch.randn(3, 11, 5)
    assert torch.allclose(ours(values), theirs(values)[0], atol=1e-6)


@pytest.mark.parametrize("workload", [LSTM, GRU, RNN])
def test_the_study_s_form_reads_demand_alone(workload: Recurrent) -> None:
    cut = made_windows(Case(past=14, horizon=4))
    layout = workload.layout(cut, SPEC)
    module = workload.build({"form": "demand"}, layout)
    batch = cut.batch(torch.arange(5))
    said = workload.predict(module(**workload.inputs(module, batch)), batch, layout)
    other = replace(batch, ahead=batch.ahead + 1, static=batch.static + 1)
    assert torch.equal(said.mean, workload.predict(module(**workload.inputs(module, other)), other, layout).mean)
    assert (said.mean == said.mean[:, :1]).all()
    assert (said.quantiles == said.mean[..., None]).all()


def test_rows_without_a_past_are_refused() -> None:
    layout = replace(LSTM.layout(made_windows(Case(past=14, horizon=1)), SPEC), past=0)
    with pytest.raises(DatasetError, match="reads a past"):
        LSTM.build({}, layout)
