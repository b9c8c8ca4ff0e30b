"""Our end-to-end net: causal convolutions over the past, then three heads that share what they found.

Demand of every period as quantiles; the lead time as quantiles; and the level to order up to, for any period of review
and any costs. The level is what demand is expected to be by a certain day: the head says how far into the interval
until the next arrival to cover, at a ladder of critical ratios that never falls, so a dearer shortage never orders
less. Everything is relative to the window's level and a pure function of its tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log2

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from invplat.core.space import Params
from invplat.data.layout import Layout
from invplat_workloads.e2e.waits import POINTS
from invplat_workloads.flat import Shares
from invplat_workloads.heads import DemandHead
from invplat_workloads.layers import Dropout, Identity, Noise, rising

KERNEL = 2
CHANNELS = 8  # of the convolution that joins the first and the last
RATIOS = (0.05, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995)  # critical ratios of the ladder
MIDDLE = RATIOS.index(0.7)
WIDE = 32  # of the small heads


class Convolutions(nn.Module):
    """Each period sees itself and the past, twice as far a layer; what the first found stands beside the last."""

    def __init__(self, columns: int, channels: int, past: int) -> None:
        super().__init__()
        count = max(1, ceil(log2(max(past, 2))))
        self.layers = nn.ModuleList(
            nn.Conv1d(columns if i == 0 else channels, channels, KERNEL, dilation=2**i) for i in range(count)
        )
        self.joined = nn.Conv1d(2 * channels, CHANNELS, 1)

    def forward(self, values: Tensor) -> Tensor:
        """n × periods × columns → n × periods × CHANNELS."""
        state = values.transpose(1, 2)
        first = state
        for place, layer in enumerate(self.layers):
            before = 2**place * (KERNEL - 1)
            state = F.elu(layer(F.pad(state, (before, 0))))
            first = state if place == 0 else first
        found: Tensor = F.elu(self.joined(torch.cat([first, state], dim=1))).transpose(1, 2)
        return found


class LeadHead(nn.Module):
    """The lead times seen, corrected: quantiles in periods."""

    share: Tensor

    def __init__(self, width: int, quantiles: Sequence[float]) -> None:
        super().__init__()
        self.middle = list(quantiles).index(0.5)
        self.hidden = nn.Linear(width + POINTS + 2, WIDE)
        self.says = nn.Linear(WIDE, len(quantiles))
        with torch.no_grad():
            self.says.weight.mul_(0.1)
            self.says.bias.fill_(-4.0)  # steps of nearly nothing: what was seen stays as it is
            self.says.bias[self.middle] = 0.0
        self.register_buffer("share", _between(quantiles))

    def forward(self, window: Tensor, points: Tensor, own: Tensor) -> Tensor:
        raw = self.says(F.relu(self.hidden(torch.cat([window, points.log1p(), own], dim=-1))))
        unit = 1 + points.mean(dim=-1, keepdim=True)
        return points @ self.share.T + unit * rising(raw, self.middle)


class OrderHead(nn.Module):
    """How far to cover, as a share of the review period after the usual arrival, and what to add for the spread."""

    steps: Tensor

    def __init__(self, width: int, layout: Layout) -> None:
        super().__init__()
        self.levels = len(layout.quantiles)
        self.hidden = nn.Linear(width + POINTS + 2 + 2 + self.levels, 2 * WIDE)
        self.says = nn.Linear(2 * WIDE, 2 * len(RATIOS))
        with torch.no_grad():
            self.says.weight.mul_(0.1)
            self.says.bias.copy_(torch.cat([_raw(RATIOS), torch.full((len(RATIOS),), -4.0)]))
            self.says.bias[len(RATIOS) + MIDDLE] = 0.0
        self.register_buffer("steps", torch.logit(torch.tensor(RATIOS)))

    def forward(
        self,
        window: Tensor,
        demand: dict[str, Tensor],
        points: Tensor,
        own: Tensor,
        review: Tensor,
        ratio: Tensor,
    ) -> Tensor:
        mean, quantiles = demand["mean"], demand["quantiles"]
        usual = points.mean(dim=-1)
        shape = (quantiles - mean.unsqueeze(-1)).mean(dim=-2)
        times = torch.stack([review.log1p(), (usual / review).log1p()], dim=-1)
        raw = self.says(F.elu(self.hidden(torch.cat([window, points.log1p(), own, times, shape], dim=-1))))
        cover = usual.unsqueeze(-1) + review.unsqueeze(-1) * rising(raw[..., : len(RATIOS)], MIDDLE)
        wide = (quantiles[..., -1] - quantiles[..., 0]).mean(dim=-1) * (review + usual).sqrt()
        ladder = demand_by(mean, cover) + wide.unsqueeze(-1) * rising(raw[..., len(RATIOS) :], MIDDLE)
        return F.relu(self._at(ladder, ratio))

    def _at(self, ladder: Tensor, ratio: Tensor) -> Tensor:
        """On lines between the rungs; beyond the ends as at the ends."""
        place = torch.logit(ratio, eps=1e-6).unsqueeze(-1)
        climbed = ((place - self.steps[:-1]) / self.steps.diff()).clamp(0, 1)
        return ladder[..., 0] + (ladder.diff(dim=-1) * climbed).sum(dim=-1)


class Net(nn.Module):
    def __init__(self, params: Params, layout: Layout) -> None:
        super().__init__()
        shares = Shares.of(layout)
        self.past, self.own, self.unseen = layout.past, shares.own, layout.unseen
        hidden = int(params["hidden"])
        self.width = hidden
        self.identity = Identity(layout.ids)
        self.trunk_seen = Convolutions(shares.by_period + shares.own, int(params["channels"]), layout.reach)
        now = len(layout.sees.names) - shares.by_period
        wide = CHANNELS * layout.reach + now + len(layout.ahead.names) + len(layout.static.names) + self.identity.out
        self.trunk_dense = nn.Linear(wide, hidden)
        self.chance = Dropout(float(params["dropout"]))
        self.head_demand = DemandHead(hidden, layout)
        self.head_lead = LeadHead(hidden, layout.quantiles)
        self.head_order = OrderHead(hidden, layout)

    def forward(
        self,
        past: Tensor,
        now: Tensor,
        ahead: Tensor,
        static: Tensor,
        ids: Tensor,
        points: Tensor,
        own: Tensor,
        review: Tensor,
        ratio: Tensor,
        arrives: Tensor,
        until: Tensor,
        noise: Noise = None,
    ) -> dict[str, Tensor]:
        """What is asked and drawn goes through as it is: the loss needs it."""
        future = ahead[:, self.past :]
        known = torch.cat([past, ahead[:, : self.past, : self.own]], dim=-1)
        seen = self.trunk_seen(known[:, self.unseen :])
        parts = [seen.flatten(1), now, future[:, 0], static, self.identity(ids)]
        window = self.chance(F.elu(self.trunk_dense(torch.cat(parts, dim=-1))), noise)
        demand: dict[str, Tensor] = self.head_demand(window, future, past[:, :, 0])
        return {
            **demand,
            "lead": self.head_lead(window, points, own),
            "level": self.head_order(window, demand, points, own, review, ratio),
            "review": review,
            "ratio": ratio,
            "arrives": arrives,
            "until": until,
        }


def demand_by(mean: Tensor, cover: Tensor) -> Tensor:
    """Demand expected in so many periods (n × any number of times); beyond the horizon as on its mean period."""
    horizon = mean.shape[-1]
    day = torch.arange(horizon, dtype=mean.dtype, device=mean.device)
    part = (cover.unsqueeze(-1) - day).clamp(0, 1)
    beyond = F.relu(cover - horizon) * mean.mean(dim=-1, keepdim=True)
    return (part * mean.unsqueeze(-2)).sum(dim=-1) + beyond


def _raw(values: Sequence[float]) -> Tensor:
    """What `rising` makes these values of."""
    rungs = torch.tensor(values)
    up, down = rungs[MIDDLE:].diff(), rungs[: MIDDLE + 1].diff().flip(0)
    return torch.cat([_unsoft(down), rungs[MIDDLE : MIDDLE + 1], _unsoft(up)])


def _unsoft(steps: Tensor) -> Tensor:
    return steps.expm1().log()


def _between(quantiles: Sequence[float]) -> Tensor:
    """Levels × POINTS: each quantile of equally likely points as a mean of the two around it."""
    place = (torch.tensor(quantiles) * POINTS - 0.5).clamp(0, POINTS - 1)
    low = place.floor().long().clamp(max=POINTS - 2)
    share = torch.zeros(len(place), POINTS)
    rows = torch.arange(len(place))
    share[rows, low] = 1 - (place - low)
    share[rows, low + 1] = place - low
    return share
