"""Many small nets as one program, each learning order-up-to levels from the costs that they cause in the replay.

No net is shown an order that somebody found right. A level is the sum of two parts that a net sizes: what is sold from
the shelf until the order arrives, which is never more than lies there, and what the days after it will ask for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from deciding.inputs import Inputs, standard
from deciding.orders import Mask, Numbers
from deciding.replay import HOLDING, SHORTAGE, Replay

ONE = math.log(math.e - 1)  # softplus of it is 1: a net begins at what is expected
BLUNT = 0.25  # how softly stock caps what is sold before the arrival, in units of what is expected


@dataclass(frozen=True)
class Plan:
    """How nets learn. Chosen with product families held out, so that no net could profit from a SKU's relatives."""

    members: int = 5  # nets for each fold, averaged
    epochs: int = 120
    batch: int = 256
    hidden: tuple[int, ...] = (128, 64)
    rate: float = 3e-3
    decay: float = 1e-3
    dropout: float = 0.2
    evenness: float = 0.5  # 0: an order weighs what it costs; 1: all SKUs weigh the same however much they sell
    warm_up: int = 30  # steps
    refresh: int = 5  # epochs between replays of whole chains


class Crowd(nn.Module):
    """As many ELU nets as there are members, advanced by one batched product a layer."""

    def __init__(self, members: int, sizes: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for wide, narrow in pairwise(sizes):
            bound = 1 / math.sqrt(wide)
            self.weights.append(nn.Parameter(torch.empty(members, wide, narrow).uniform_(-bound, bound)))
            self.biases.append(nn.Parameter(torch.empty(members, 1, narrow).uniform_(-bound, bound)))
        with torch.no_grad():
            self.weights[-1].mul_(0.3)

    def forward(self, values: Tensor) -> Tensor:
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            values = torch.baddbmm(bias, values, weight)
            if layer < len(self.weights) - 1:
                values = functional.dropout(functional.elu(values), self.dropout, self.training)
        return values


def learn(given: Inputs, replay: Replay, learnt: Sequence[Mask], plan: Plan, seed: int) -> Numbers:
    """Levels of all orders by each net (nets, orders); a net learns from the orders of its mask alone.

    Within a step a net's level moves its own order; what the orders before it left on the shelf is taken from the last
    replay of the net's own levels, once every few epochs.
    """
    torch.manual_seed(seed)
    chance = np.random.default_rng(seed)
    count = len(learnt)
    values = torch.stack([_tensor(standard(given.values, mask)) for mask in learnt])
    until, after, stock = _tensor(given.until_arrival), _tensor(given.after_arrival), _tensor(given.stock)
    sold, counts = _tensor(replay.sold), _tensor(replay.counts)
    weight = (until + after) ** -plan.evenness
    weight /= weight.mean() * ((until + after) ** (1 - plan.evenness)).mean()
    crowd = Crowd(count, (values.shape[-1], *plan.hidden, 2), plan.dropout)
    optimizer = torch.optim.AdamW(crowd.parameters(), lr=plan.rate, weight_decay=plan.decay)
    rows = [np.flatnonzero(mask) for mask in learnt]
    steps = max(min(map(len, rows)) // plan.batch, 1)
    nets = torch.arange(count)[:, None]

    def levels(at: Any) -> Tensor:
        parts = functional.softplus(crowd(values[nets, at]) + ONE)
        before, later = until[at] * parts[..., 0], after[at] * parts[..., 1]
        soft = BLUNT * until[at]
        return before - soft * functional.softplus((before - stock[at]) / soft) + later

    def everything() -> Numbers:
        crowd.eval()
        with torch.no_grad():
            found: Numbers = levels(torch.arange(len(stock)).expand(count, -1)).double().numpy()
        crowd.train()
        return found

    step = 0
    for epoch in range(plan.epochs):
        if epoch % plan.refresh == 0:
            now = everything()
            carried = _tensor(replay.starts(now, whole=False) - now)
        order = torch.from_numpy(np.stack([chance.permutation(mine)[: steps * plan.batch] for mine in rows]))
        for at in torch.split(order, plan.batch, dim=1):
            for group in optimizer.param_groups:
                group["lr"] = _rate(plan, step, steps * plan.epochs)
            shelf = (levels(at) + carried.gather(1, at))[..., None] - sold[at]
            cost = HOLDING * shelf.clamp(min=0) - SHORTAGE * shelf.clamp(max=0)
            loss = ((cost * counts[at]).sum(-1) * weight[at]).mean(1).sum()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            _clip(crowd)
            optimizer.step()
            step += 1
    return everything()


def _rate(plan: Plan, step: int, steps: int) -> float:
    return plan.rate * min(1.0, (step + 1) / plan.warm_up) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _clip(crowd: Crowd, most: float = 100.0) -> None:
    """Each net by its own gradient's length: one that stumbles doesn't slow the others."""
    slopes = [one.grad for one in crowd.parameters() if one.grad is not None]
    length = torch.stack([slope.square().flatten(1).sum(1) for slope in slopes]).sum(0).sqrt()
    shrink = (most / (length + 1e-6)).clamp(max=1.0)[:, None, None]
    for slope in slopes:
        slope.mul_(shrink)


def _tensor(values: Any) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))
