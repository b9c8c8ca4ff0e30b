"""The end-to-end workload: demand, lead time and order from one net that learns from what its orders cost.

Each step of training draws a review period, a critical ratio and lead times of its own for every example, so one net
serves any review period and any costs; where nothing is learnt the terms of the example stand, and draws that stay
the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from invplat.core.errors import DatasetError
from invplat.data.layout import Layout
from invplat.workload import Chance, Choice, Column, Outputs, Params, Parts, Prediction, Source, Space, Spec, Uniform
from invplat_workloads.e2e.examples import DecisionBatch, Decisions, Terms
from invplat_workloads.e2e.net import RATIOS, Net
from invplat_workloads.e2e.regret import regret, square
from invplat_workloads.e2e.waits import Waits
from invplat_workloads.flat import FlatWindows, order
from invplat_workloads.heads import said
from invplat_workloads.layers import forgetful, stacked_ids
from invplat_workloads.losses import demand
from invplat_workloads.mlp import COLUMNS as DEMAND_COLUMNS

if TYPE_CHECKING:
    from invplat.data.lead_times import LeadTimes
    from invplat.data.panel import Panel
    from invplat.data.windows import Batch, Windows

SPACE = Space(
    {
        "hidden": Choice((32, 64, 128, 256), default=64, grid=(64, 128), shape=True),
        "channels": Choice((8, 16, 32), default=16, grid=(16,), shape=True),
        "dropout": Uniform(0.0, 0.5, default=0.05, grid=(0.0, 0.1)),
        "learning_rate": Uniform(1e-5, 1e-1, default=2e-3, log=True, grid=(5e-4, 2e-3)),
        "batch_size": Choice((32, 64, 128, 256, 512), default=256, grid=(256,)),
    }
)
COLUMNS = (
    *DEMAND_COLUMNS,
    Column(
        "receipts",
        "lead times are not known: an order is taken to arrive after a quarter of the horizon, a week at most",
    ),
    Column("stock.on_order", "what is on its way is not known: an order is as if nothing were"),
)
ORDER, LEAD = 1.0, 0.1  # weights beside the demand's


class E2E:
    name = "e2e"
    space = SPACE
    columns = COLUMNS
    parts = Parts(trunk=("trunk_", "chance."), head=("head_",), tenant=("identity.",))
    predicts = frozenset({"quantiles", "mean", "vlt", "order"})
    scale_free = True
    fusable = True

    def __init__(self, terms: Terms | None = None, *, by_cost: bool = True, mixed: bool = True) -> None:
        """`by_cost`: False learns hindsight's level by squared error. `mixed`: False learns one set of terms only."""
        self.terms, self.by_cost, self.mixed = terms or Terms(), by_cost, mixed

    def layout(self, windows: Windows, spec: Spec) -> Layout:
        return Layout.of(windows, spec.quantiles, first=order(windows))

    def examples(
        self,
        windows: Windows,
        layout: Layout,
        *,
        panels: Sequence[Panel] = (),
        lead_times: Sequence[LeadTimes] = (),
    ) -> Source:
        waits = Waits.of(windows, panels, lead_times)
        return Decisions.of(windows, FlatWindows.of(windows, layout), waits, self.terms)

    def build(self, params: Params, layout: Layout) -> nn.Module:
        if layout.past < 1:
            raise DatasetError("e2e reads a past, and these rows have none", hint="use mlp on tables")
        return Net(self.space.complete(params), layout)

    def inputs(self, module: nn.Module, batch: Batch, chance: Chance | None = None) -> dict[str, Tensor]:
        if not isinstance(module, Net) or not isinstance(batch, DecisionBatch):
            raise TypeError(f"a {type(module).__name__} and a {type(batch).__name__}: e2e builds and makes others")
        ids = stacked_ids(batch.ids, module.identity.names, batch.level)
        horizon = batch.target.shape[-1]
        place, review = batch.chance, batch.review
        ratio = batch.shortage / (batch.holding + batch.shortage)
        found = {"past": batch.past, "now": batch.now, "ahead": batch.ahead, "static": batch.static}
        found |= {"points": batch.points, "own": batch.own}
        if chance is not None:
            ids = forgetful(ids, chance)
            place = chance.uniform(place.shape)
            found["noise"] = chance.uniform((len(ids), module.width))
            if self.mixed:
                room = (horizon - batch.points[:, -1]).clamp(min=1)
                review = (chance.uniform(review.shape) * room).floor() + 1
                lowest, highest = torch.logit(torch.tensor((RATIOS[0], RATIOS[-1]))).tolist()
                ratio = torch.sigmoid(lowest + (highest - lowest) * chance.uniform(ratio.shape))
        waits = drawn(batch.points, place)
        arrives, until = waits[..., 0], review.unsqueeze(-1) + waits[..., 1]
        return {**found, "ids": ids, "review": review, "ratio": ratio, "arrives": arrives, "until": until}

    def loss(self, outputs: Outputs, batch: Batch, layout: Layout) -> Tensor:
        if not isinstance(batch, DecisionBatch):
            raise TypeError(f"a {type(batch).__name__}: e2e makes others")
        missed = demand(outputs, layout.quantiles, batch)
        return missed + ORDER * self._of_order(outputs, batch) + LEAD * _of_lead(outputs["lead"], batch, layout)

    def predict(self, outputs: Outputs, batch: Batch, layout: Layout) -> Prediction:
        if not isinstance(batch, DecisionBatch):
            raise TypeError(f"a {type(batch).__name__}: e2e makes others")
        demand = said(outputs, batch, layout)
        level = outputs["level"] * batch.level
        return Prediction(
            demand.quantiles,
            demand.levels,
            demand.mean,
            vlt=F.relu(outputs["lead"]) * batch.days.unsqueeze(-1),
            order=F.relu(level - batch.position),
        )

    def _of_order(self, outputs: Outputs, batch: DecisionBatch) -> Tensor:
        demand = probable(outputs["mean"].detach(), batch)
        arrives, until, ratio = outputs["arrives"], outputs["until"], outputs["ratio"]
        day = torch.arange(1, demand.shape[-1] + 1, device=demand.device)
        last = (day * (batch.observed > 0)).amax(dim=-1)
        # Were only the draws left out that end too late, short lead times would seem the rule.
        late = outputs["review"] + batch.points[:, -1] > last
        until = torch.where(late.unsqueeze(-1), torch.inf, until)
        if self.by_cost:
            # Costs are small at either end of the ratios; all shall count about as much.
            found = regret(outputs["level"], demand, arrives, until, ratio) * (ratio * (1 - ratio)).rsqrt()
        else:
            found = square(outputs["level"], demand, arrives, until, ratio)
        return found


def drawn(points: Tensor, chance: Tensor) -> Tensor:
    """Of equally likely lead times (n × points) those at a place between 0 and 1 (n × …)."""
    place = (chance.flatten(1) * points.shape[-1]).long().clamp(max=points.shape[-1] - 1)
    return points.gather(-1, place).view(chance.shape)


def probable(mean: Tensor, batch: DecisionBatch) -> Tensor:
    """Demand as it was; as the net expects it where nobody saw it, at least so much where the shelf was empty."""
    known = torch.where(batch.censored > 0, torch.maximum(batch.target, mean), batch.target)
    return torch.where(batch.observed > 0, known, mean)


def _of_lead(lead: Tensor, batch: DecisionBatch, layout: Layout) -> Tensor:
    level = torch.tensor(layout.quantiles, device=lead.device)
    short = batch.came.unsqueeze(-1) - lead
    missed = torch.maximum(level * short, (level - 1) * short).mean(dim=-1)
    return 2 * missed / (1 + batch.points.mean(dim=-1)) * batch.told


WORKLOAD = E2E()
