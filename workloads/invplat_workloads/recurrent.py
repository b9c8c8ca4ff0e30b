"""Recurrent nets: two layers that read a window period by period, then a dense one; three kinds of cell.

Two forms. *panel*: every column of the window, and the same answer as the base model's. *demand*: as in the study it
comes from, where a net of 128 and 64 cells reads demand alone and says one number, which then stands for every period
and every quantile. Each gate has one bias, so sizes agree with the study's count (119,269).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from invplat.core.errors import DatasetError
from invplat.data.layout import Layout
from invplat.workload import Chance, Choice, Outputs, Params, Parts, Prediction, Source, Space, Spec, Uniform
from invplat_workloads.flat import DEMAND
from invplat_workloads.heads import DemandHead, said
from invplat_workloads.layers import Centred, Dropout, Identity, Noise, forgetful, stacked_ids
from invplat_workloads.losses import demand, square
from invplat_workloads.mlp import COLUMNS

if TYPE_CHECKING:
    from invplat.data.lead_times import LeadTimes
    from invplat.data.panel import Panel
    from invplat.data.windows import Batch, Windows

DENSE = 50
GATES = {"lstm": 4, "gru": 3, "rnn": 1}

SPACE = Space(
    {
        "form": Choice(("panel", "demand"), default="panel", grid=("panel",), shape=True),
        "hidden_one": Choice((32, 64, 128, 256), default=128, grid=(64, 128), shape=True),
        "hidden_two": Choice((32, 64, 128), default=64, grid=(32, 64), shape=True),
        "dropout_one": Uniform(0.0, 0.5, default=0.3, grid=(0.0, 0.3)),
        "dropout_two": Uniform(0.0, 0.5, default=0.3, grid=(0.0, 0.3)),
        "learning_rate": Uniform(1e-5, 1e-1, default=1e-3, log=True, grid=(3e-4, 1e-3, 3e-3)),
        "batch_size": Choice((32, 64, 128, 256, 512), default=256, grid=(256,)),
    }
)


class Layer(nn.Module):
    """One recurrent layer with one bias a gate; torch's own modules have two."""

    def __init__(self, cell: str, width: int, cells: int) -> None:
        super().__init__()
        self.cell, self.cells = cell, cells
        rows = GATES[cell] * cells
        self.of_input = nn.Parameter(nn.init.xavier_uniform_(torch.empty(rows, width)))
        self.of_state = nn.Parameter(
            torch.cat([nn.init.orthogonal_(torch.empty(cells, cells)) for _ in range(GATES[cell])])
        )
        self.bias = nn.Parameter(torch.zeros(rows))
        if cell == "lstm":
            with torch.no_grad():
                self.bias[cells : 2 * cells] = 1.0  # begin by remembering

    def forward(self, values: Tensor) -> Tensor:
        """n × periods × width → n × periods × cells."""
        state = values.new_zeros((1, len(values), self.cells))
        weights = [self.of_input, self.of_state, self.bias, torch.zeros_like(self.bias)]
        plain = (True, 1, 0.0, False, False, True)  # biases, one layer, no dropout, not training, one way, batch first
        if self.cell == "lstm":
            found: Tensor = torch.lstm(values, (state, state), weights, *plain)[0]
        elif self.cell == "gru":
            found = torch.gru(values, state, weights, *plain)[0]
        else:
            found = torch.rnn_tanh(values, state, weights, *plain)[0]
        return found


class Net(nn.Module):
    def __init__(self, cell: str, params: Params, layout: Layout) -> None:
        super().__init__()
        one, two = int(params["hidden_one"]), int(params["hidden_two"])
        self.whole = params["form"] == "panel"
        self.past = layout.past
        self.sizes = (layout.past, one, two)
        self.scaling_sees = Centred(layout.sees)
        wide = len(layout.sees.names) + len(layout.ahead.names) if self.whole else 1
        self.trunk_one, self.trunk_two = Layer(cell, wide, one), Layer(cell, one, two)
        self.chance_one, self.chance_two = Dropout(float(params["dropout_one"])), Dropout(float(params["dropout_two"]))
        if self.whole:
            self.scaling_ahead, self.scaling_static = Centred(layout.ahead), Centred(layout.static)
            self.identity = Identity(layout.ids)
            two += self.identity.out + len(layout.static.names)
        self.trunk_dense = nn.Linear(two, DENSE)
        self.head: nn.Module = DemandHead(DENSE, layout) if self.whole else nn.Linear(DENSE, 1)

    def forward(
        self,
        past: Tensor,
        ahead: Tensor,
        static: Tensor,
        ids: Tensor,
        noise_one: Noise = None,
        noise_two: Noise = None,
    ) -> dict[str, Tensor]:
        seen = self.scaling_sees(past)
        if not self.whole:
            window = self.read(seen[:, :, :1], noise_one, noise_two)
            said = F.softplus(self.head(F.relu(self.trunk_dense(window))))
            return {"mean": said.expand(-1, ahead.shape[1] - self.past)}
        known = self.scaling_ahead(ahead)
        window = self.read(torch.cat([seen, known[:, : self.past]], dim=-1), noise_one, noise_two)
        window = torch.cat([window, self.scaling_static(static), self.identity(ids)], dim=-1)
        window = F.relu(self.trunk_dense(window))
        found: dict[str, Tensor] = self.head(window, known[:, self.past :], seen[:, :, 0])
        return found

    def read(self, values: Tensor, noise_one: Noise, noise_two: Noise) -> Tensor:
        each = self.chance_one(self.trunk_one(values), noise_one)
        found: Tensor = self.chance_two(self.trunk_two(each)[:, -1], noise_two)
        return found


class Recurrent:
    space = SPACE
    columns = COLUMNS
    parts = Parts(trunk=("trunk_", "chance_"), head=("head.",), tenant=("identity.", "scaling_"))
    predicts = frozenset({"quantiles", "mean"})
    scale_free = True
    fusable = False  # torch has no batched recurrent layers: packs of these nets run one after the other

    def __init__(self, cell: str) -> None:
        self.name = cell

    def layout(self, windows: Windows, spec: Spec) -> Layout:
        return Layout.of(windows, spec.quantiles, first=(DEMAND,))

    def examples(
        self,
        windows: Windows,
        layout: Layout,
        *,
        panels: Sequence[Panel] = (),
        lead_times: Sequence[LeadTimes] = (),
    ) -> Source:
        return layout.align(windows)

    def build(self, params: Params, layout: Layout) -> nn.Module:
        if layout.past < 1:
            raise DatasetError(f"{self.name} reads a past, and these rows have none", hint="use mlp on tables")
        return Net(self.name, self.space.complete(params), layout)

    def inputs(self, module: nn.Module, batch: Batch, chance: Chance | None = None) -> dict[str, Tensor]:
        if not isinstance(module, Net):
            raise TypeError(f"a {type(module).__name__} is not the net that {self.name} builds")
        names = module.identity.names if module.whole else ()
        ids = stacked_ids(batch.ids, names, batch.level)
        found = {"past": batch.past, "ahead": batch.ahead, "static": batch.static, "ids": ids}
        if chance is not None:
            past, one, two = module.sizes
            found["ids"] = forgetful(ids, chance)
            found["noise_one"] = chance.uniform((len(ids), past, one))
            found["noise_two"] = chance.uniform((len(ids), two))
        return found

    def loss(self, outputs: Outputs, batch: Batch, layout: Layout) -> Tensor:
        if "quantiles" not in outputs:
            return square(outputs["mean"], batch)
        return demand(outputs, layout.quantiles, batch)

    def predict(self, outputs: Outputs, batch: Batch, layout: Layout) -> Prediction:
        if "quantiles" in outputs:
            return said(outputs, batch, layout)
        mean = outputs["mean"] * batch.level[:, None]
        return Prediction(mean.unsqueeze(-1).expand(*mean.shape, len(layout.quantiles)), layout.quantiles, mean)


LSTM = Recurrent("lstm")
GRU = Recurrent("gru")
RNN = Recurrent("rnn")
