"""Our net with one of its ideas taken out: what each is worth where all the others stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from invplat.core.space import Params
from invplat.data.layout import Layout
from invplat.workload import Outputs, Source
from invplat_workloads.e2e.examples import Decisions, Terms
from invplat_workloads.e2e.net import Convolutions, Net
from invplat_workloads.e2e.workload import E2E


class Around(nn.Module):
    """Convolutions that see as far ahead as back, as in the document."""

    def __init__(self, causal: Convolutions) -> None:
        super().__init__()
        self.layers, self.joined = causal.layers, causal.joined

    def forward(self, values: Tensor) -> Tensor:
        state = values.transpose(1, 2)
        first = state
        for place, layer in enumerate(self.layers):
            before = 2**place // 2
            state = F.elu(layer(F.pad(state, (before, 2**place - before))))
            first = state if place == 0 else first
        found: Tensor = F.elu(self.joined(torch.cat([first, state], dim=1))).transpose(1, 2)
        return found


class NotCausal(E2E):
    def build(self, params: Params, layout: Layout) -> nn.Module:
        net = super().build(params, layout)
        assert isinstance(net, Net)
        net.trunk_seen = Around(net.trunk_seen)  # type: ignore[assignment]
        return net


class WithoutQuantiles(E2E):
    """The mean is taught alone; what the order head hears of quantiles is untaught."""

    def loss(self, outputs: Outputs, batch: Any, layout: Layout) -> Tensor:
        middle = outputs["mean"].detach().unsqueeze(-1)
        flat = middle.expand(*middle.shape[:-1], len(layout.quantiles)) + 0 * outputs["quantiles"]
        return super().loss({**outputs, "quantiles": flat}, batch, layout)


class OneLeadTime(E2E):
    """Every order takes what orders took on average: the net sees one number and its cost is taken there."""

    def examples(self, *given: Any, **named: Any) -> Source:
        source = super().examples(*given, **named)
        assert isinstance(source, Decisions)
        points = source.waits.points
        usual = points.mean(dim=-1, keepdim=True).round().expand_as(points).contiguous()
        return replace(source, waits=replace(source.waits, points=usual))


@dataclass(frozen=True)
class Lesser:
    name: str
    make: Callable[[Terms], E2E]


LESSER = (
    Lesser("convolutions that see both ways", NotCausal),
    Lesser("no quantiles of demand", WithoutQuantiles),
    Lesser("lead time as one number", OneLeadTime),
    Lesser("order taught by squared error", lambda terms: E2E(terms, by_cost=False)),
    Lesser("one review period and ratio in training", lambda terms: E2E(terms, mixed=False)),
)
