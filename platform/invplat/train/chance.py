"""What nets draw while they train: for each fit one stream of numbers from 0 to 1, begun anew with every epoch.

A stream depends on its seed and the epoch only, not on how much is taken at a time. So a fit that is resumed goes on
with the same numbers, and one that is trained in a pack draws what it would have drawn alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch

BLOCK = 1 << 15  # numbers drawn at once: a call costs as much as some thousand of them


class Draws:
    """The streams of one or more fits, side by side."""

    def __init__(self, seeds: Sequence[int], device: str) -> None:
        self.seeds, self.device = tuple(seeds), device
        self.generators = [torch.Generator(device) for _ in seeds]
        self.begin(0)

    def begin(self, epoch: int) -> None:
        for generator, seed in zip(self.generators, self.seeds, strict=True):
            # The generator of the CPU takes 32 bits of a seed.
            generator.manual_seed((seed * 1_000_003 + epoch * 7_919) & 0x7FFFFFFF)
        self.left = torch.empty((len(self.seeds), 0), device=self.device)

    def take(self, count: int) -> torch.Tensor:
        """The next numbers of each stream; streams × count."""
        blocks = -(-(count - self.left.shape[1]) // BLOCK)
        if blocks > 0:
            fresh = torch.empty((len(self.seeds), blocks * BLOCK), device=self.device)
            for row, generator in zip(fresh, self.generators, strict=True):
                for block in row.split(BLOCK):
                    _fill(block, generator)
            self.left = torch.cat([self.left, fresh], dim=1) if self.left.shape[1] else fresh
        found, self.left = self.left[:, :count], self.left[:, count:]
        return found

    def keep(self, rows: Sequence[int]) -> None:
        """Only these streams go on."""
        self.seeds = tuple(self.seeds[row] for row in rows)
        self.generators = [self.generators[row] for row in rows]
        self.left = self.left[list(rows)]


def _fill(block: torch.Tensor, generator: torch.Generator) -> None:
    """With one of 65,536 numbers each: as fine as chance need be here, and four of them from one draw."""
    bits = torch.empty(BLOCK // 4, dtype=torch.int64, device=block.device)
    bits.random_(-(2**63), None, generator=generator)
    block.copy_(bits.view(torch.int16)).mul_(2.0**-16).add_(0.5)


class Alone:
    """The chance of one fit."""

    def __init__(self, seed: int, device: str = "cpu") -> None:
        self.draws = Draws((seed,), device)

    def begin(self, epoch: int) -> None:
        self.draws.begin(epoch)

    def uniform(self, shape: Sequence[int]) -> torch.Tensor:
        return self.draws.take(prod(shape))[0].view(tuple(shape))


class Given:
    """Numbers that were taken before, handed out one after another; of a pack's members, each sees its own."""

    def __init__(self, numbers: torch.Tensor) -> None:
        self.numbers, self.used = numbers, 0

    def uniform(self, shape: Sequence[int]) -> torch.Tensor:
        first, self.used = self.used, self.used + prod(shape)
        return self.numbers[first : self.used].view(tuple(shape))


class Counting:
    """Finds out how many numbers a step takes."""

    def __init__(self, device: str) -> None:
        self.device, self.count = device, 0

    def uniform(self, shape: Sequence[int]) -> torch.Tensor:
        self.count += prod(shape)
        return torch.full(tuple(shape), 0.5, device=self.device)
