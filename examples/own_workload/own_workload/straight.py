"""A straight line from the demand seen to the demand ahead, with quantiles at learnt distances from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from invplat.data.layout import Layout
from invplat.workload import Chance, Choice, Column, Outputs, Params, Parts, Prediction, Source, Space, Spec, Uniform

if TYPE_CHECKING:
    from invplat.data.lead_times import LeadTimes
    from invplat.data.panel import Panel
    from invplat.data.windows import Batch, Windows


class Line(nn.Module):
    def __init__(self, params: Params, layout: Layout) -> None:
        super().__init__()
        hidden, self.levels = int(params["hidden"]), len(layout.quantiles)
        self.horizon, self.middle = layout.horizon, layout.quantiles.index(0.5)
        self.trunk = nn.Linear(layout.past, hidden)
        self.head = nn.Linear(hidden, layout.horizon * (self.levels + 1))

    def forward(self, demand: Tensor) -> dict[str, Tensor]:
        raw = self.head(F.elu(self.trunk(demand))).view(-1, self.horizon, self.levels + 1)
        middle = raw[..., self.middle : self.middle + 1]
        below = F.softplus(raw[..., : self.middle]).flip(-1).cumsum(-1).flip(-1)
        above = F.softplus(raw[..., self.middle + 1 : -1]).cumsum(-1)
        rising = torch.cat([middle - below, middle, middle + above], dim=-1)
        return {"quantiles": F.softplus(rising), "mean": F.softplus(raw[..., -1])}


class Straight:
    name = "straight"
    space = Space(
        {
            "hidden": Choice((16, 64, 256), default=64, shape=True),
            "learning_rate": Uniform(1e-4, 1e-1, default=1e-2, log=True, grid=(1e-3, 1e-2)),
        }
    )
    columns = (Column("sales.quantity", "there is nothing to forecast", required=True),)
    parts = Parts(trunk=("trunk.",), head=("head.",), tenant=())
    predicts = frozenset({"quantiles", "mean"})
    scale_free = True
    fusable = True

    def layout(self, windows: Windows, spec: Spec) -> Layout:
        return Layout.of(windows, spec.quantiles, first=("demand",))

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
        return Line(self.space.complete(params), layout)

    def inputs(self, module: nn.Module, batch: Batch, chance: Chance | None = None) -> dict[str, Tensor]:
        return {"demand": batch.past[:, :, 0].clamp(max=100)}  # no dropout: nothing to draw

    def loss(self, outputs: Outputs, batch: Batch, layout: Layout) -> Tensor:
        levels = torch.tensor(layout.quantiles, device=batch.target.device)
        short = batch.target.unsqueeze(-1) - outputs["quantiles"]
        far = (batch.target - outputs["mean"]).abs()
        missed = torch.maximum(levels * short, (levels - 1) * short).mean(dim=-1) + far
        known = (batch.observed > 0) & ~(batch.censored > 0)  # simplest: days cut short by an empty shelf are left out
        return (missed * known).sum(dim=-1) / known.sum(dim=-1).clamp(min=1)

    def predict(self, outputs: Outputs, batch: Batch, layout: Layout) -> Prediction:
        level = batch.level[:, None]
        return Prediction(outputs["quantiles"] * level.unsqueeze(-1), layout.quantiles, outputs["mean"] * level)


WORKLOAD = Straight()
