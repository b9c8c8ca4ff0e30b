"""Weights of many tenants, a row each: what learns, where it began, and steps of AdamW that pull it back there.

A tenant's row is touched by nobody else: a gradient that is not finite stops that row and no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from invplat.transfer.ways import Way, adapted, learning, pace
from invplat.workload import Workload

BETAS, EPSILON = (0.9, 0.999), 1e-8
LOW, HIGH = "::low", "::high"  # an adapter's two factors, after the name of the matrix they add to


class Weights:
    def __init__(
        self, workload: Workload, way: Way, nets: Sequence[torch.nn.Module], slow: Tensor, device: str = "cpu"
    ) -> None:
        """`nets`: what each row begins as. `slow`: of each row, the share of its rate that the trunk learns at."""
        first = nets[0]
        self.names, self.matrices = learning(way, first), adapted(way, workload, first)
        self.shapes = {name: first.get_parameter(name).shape for name in self.names}
        self.fixed = {name: first.get_parameter(name).detach() for name in self.matrices}
        for name in self.matrices:
            rows, columns = self.fixed[name].shape
            self.shapes |= {name + LOW: torch.Size((way.rank, columns)), name + HIGH: torch.Size((rows, way.rank))}
        self.sizes = {name: shape.numel() for name, shape in self.shapes.items()}
        self.rows = torch.stack([self._row(net) for net in nets])
        self.begin = self.rows.clone()
        self.mean, self.square = torch.zeros_like(self.rows), torch.zeros_like(self.rows)
        shared = {name.removesuffix(LOW).removesuffix(HIGH): count for name, count in self.sizes.items()}
        if self.matrices:  # the factors of an adapter learn as a head does
            fast, pulled = torch.ones(self.rows.shape[1]), torch.ones(self.rows.shape[1])
            self.shares = fast.expand_as(self.rows)
        else:
            fast, pulled = pace(workload, shared)
            self.shares = torch.where(fast == 1, fast, slow.cpu()[:, None])
        self.shares, self.pulled = self.shares.to(device), pulled.to(device)
        self.taken = 0

    def __len__(self) -> int:
        return len(self.rows)

    def _row(self, net: torch.nn.Module) -> Tensor:
        parts = [net.get_parameter(name).detach().flatten() for name in self.names]
        draw = torch.Generator().manual_seed(0)  # all begin with the same directions
        for name in self.matrices:
            low, high = self.shapes[name + LOW], self.shapes[name + HIGH]
            drawn = torch.randn(low, generator=draw) / low[1] ** 0.5
            parts += [
                drawn.flatten().to(net.get_parameter(name).device),
                net.get_parameter(name).new_zeros(high.numel()),
            ]
        return torch.cat(parts)

    def views(self, rows: Tensor | None = None) -> dict[str, Tensor]:
        values = self.rows if rows is None else rows
        parts = torch.split(values, list(self.sizes.values()), dim=1)
        shaped = zip(self.shapes.items(), parts, strict=True)
        return {name: part.reshape(len(values), *shape) for (name, shape), part in shaped}

    def whole(self, views: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Parameters of the net that these factors and weights make; of one row, as vmap sees it, or of all."""
        found = {name: views[name] for name in self.names}
        for name in self.matrices:
            found[name] = self.fixed[name] + views[name + HIGH] @ views[name + LOW]
        return found

    def step(self, gradient: Tensor, rates: Tensor, pull: Tensor, clip: float) -> Tensor:
        """One of AdamW, its decay towards the beginning. Answers which rows had a gradient to follow."""
        norms = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        sound = norms.isfinite()
        if not bool(sound.all()):
            gradient = torch.where(sound, gradient, torch.zeros_like(gradient))
            norms = torch.where(sound, norms, torch.zeros_like(norms))
        if clip:
            gradient = gradient * (clip / (norms + 1e-6)).clamp(max=1.0)
        self.taken += 1
        self.mean.lerp_(gradient, 1 - BETAS[0])
        self.square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        rate = rates[:, None] * self.shares
        if bool((pull > 0).any()):
            self.rows -= rate * pull[:, None] * self.pulled * (self.rows - self.begin)
        root = self.square.sqrt().div_((1 - BETAS[1] ** self.taken) ** 0.5).add_(EPSILON)
        self.rows -= rate * (self.mean / root) / (1 - BETAS[0] ** self.taken)
        found: Tensor = sound.flatten()
        return found

    def keep(self, rows: Tensor) -> None:
        for name in ("rows", "begin", "mean", "square", "shares"):
            setattr(self, name, getattr(self, name)[rows])
