"""What the nets are made of: scaling, identity embeddings, dropout fed with noise, quantiles that can't cross.

Everything here is a pure function of its tensors, so that many nets of one shape can be stacked and run as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, sqrt

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from invplat.data.layout import FAR, Numbers, squash
from invplat.workload import Chance

WIDEST = 16  # of an embedding
FORGOTTEN = 0.1  # share of names that training hides, so that an unknown one is served well
Noise = Tensor | None


class Centred(nn.Module):
    """Numbers after a signed logarithm, about 0 with a spread of about 1."""

    centre: Tensor
    spread: Tensor

    def __init__(self, numbers: Numbers) -> None:
        super().__init__()
        self.register_buffer("centre", torch.tensor(numbers.centres, dtype=torch.float32))
        self.register_buffer("spread", torch.tensor(numbers.spreads, dtype=torch.float32))

    def forward(self, values: Tensor) -> Tensor:
        return ((squash(values) - self.centre) / self.spread).clamp(-FAR, FAR)


class Identity(nn.Module):
    """An embedding for each vocabulary, side by side; row 0 stands for every name that it doesn't know."""

    def __init__(self, rows: Mapping[str, int]) -> None:
        super().__init__()
        self.names, self.rows = tuple(rows), dict(rows)
        self.table = nn.ModuleDict({name: nn.Embedding(rows[name], width(rows[name])) for name in rows})
        for embedding in self.table.values():
            nn.init.normal_(embedding.weight, std=0.1)  # type: ignore[arg-type]

    @property
    def out(self) -> int:
        return sum(width(rows) for rows in self.rows.values())

    def forward(self, ids: Tensor) -> Tensor:
        """ids: n × vocabularies."""
        found = [self.table[name](ids[..., place]) for place, name in enumerate(self.names)]
        return torch.cat(found, dim=-1) if found else ids.float()  # no names: no columns either


def width(rows: int) -> int:
    return min(WIDEST, ceil(sqrt(rows)))


class Dropout(nn.Module):
    """Its rate is a buffer and its noise an input: members of a pack differ in both."""

    rate: Tensor

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.register_buffer("rate", torch.tensor(float(rate)))

    def forward(self, values: Tensor, noise: Noise) -> Tensor:
        if noise is None:
            return values
        stays = 1 - self.rate
        return values * (noise + stays).floor_().mul_(1 / stays)  # 1 where noise is not below the rate


def stacked_ids(ids: Mapping[str, Tensor], names: Sequence[str], like: Tensor) -> Tensor:
    if not names:
        return torch.zeros((len(like), 0), dtype=torch.int64, device=like.device)
    return torch.stack([ids[name] for name in names], dim=-1)


def forgetful(ids: Tensor, chance: Chance) -> Tensor:
    """Some names become unknown, each by itself."""
    return torch.where(chance.uniform(ids.shape) < FORGOTTEN, 0, ids)


def rising(raw: Tensor, middle: int) -> Tensor:
    """Any numbers (… × levels) → rising ones: the middle as it is, the others by steps that can't be negative."""
    signs = torch.tensor(climb(raw.shape[-1], middle), dtype=raw.dtype, device=raw.device)
    return raw[..., middle : middle + 1] + F.softplus(raw) @ signs


def climb(count: int, middle: int) -> list[list[float]]:
    """Which steps each level adds to the middle or takes from it, so that sums are one product; steps × levels.

    Of the steps below, the first is the one next to the middle.
    """
    levels = range(count)
    return [[float(middle < step <= level) - float(step < middle - level) for level in levels] for step in levels]


def led(linear: nn.Linear, given: Sequence[Tensor], learnt: Tensor) -> Tensor:
    """A layer over all of these side by side; n × columns each. Of them only the last learns: where nobody asks what
    the others should have been, no product is spent on it."""
    found = F.linear(torch.cat([*given, learnt.detach()], dim=-1), linear.weight, linear.bias)
    if not (learnt.shape[-1] and torch.is_grad_enabled()):
        return found
    # Nothing is added, only the way back.
    return torch.addmm(found, learnt - learnt.detach(), linear.weight.detach()[:, -learnt.shape[-1] :].t())


def beside(linear: nn.Linear, first: Tensor, second: Tensor, onto: Tensor | None = None) -> Tensor:
    """A layer over two inputs side by side that are never put there; n × columns each. `onto`: what is added, in place
    of the bias."""
    one, two = torch.split(linear.weight, [first.shape[-1], second.shape[-1]], dim=1)
    found = F.linear(second, two, linear.bias) if onto is None else torch.addmm(onto, second, two.t())
    return torch.addmm(found, first, one.t())
