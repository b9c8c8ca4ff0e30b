"""Stock on hand and what demand leaves of it: one number an item, or lots by age, the oldest sold first.

Knows nothing of orders or costs.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Shelf:
    """Stock that keeps. Below zero is owed to customers, where they wait."""

    expired: Tensor | None = None

    def __init__(self, initial: Tensor, *, lost: bool) -> None:
        self.level = initial
        self.lost = lost

    def receive(self, arrived: Tensor) -> None:
        self.level = self.level + arrived

    def sell(self, demand: Tensor) -> tuple[Tensor, Tensor]:
        """On hand at the end of the period, and what was short in it."""
        left = self.level - demand
        held = left.clamp(min=0)
        self.level = held if self.lost else left
        return held, held - left


class AgeingShelf:
    """Stock that can be sold in the period it arrives and `life` - 1 more; the initial stock is fresh."""

    def __init__(self, initial: Tensor, life: int, *, lost: bool) -> None:
        self.lost = lost
        self.owed = (-initial).clamp(min=0)
        fresh = initial.clamp(min=0).unsqueeze(0)
        self.lots = torch.cat([fresh.new_zeros(life - 1, fresh.shape[1]), fresh])  # oldest first
        self.expired: Tensor | None = None

    @property
    def level(self) -> Tensor:
        return self.lots.sum(0) - self.owed

    def receive(self, arrived: Tensor) -> None:
        served = torch.minimum(arrived, self.owed)
        self.owed = self.owed - served
        self.lots = torch.cat([self.lots[:-1], (self.lots[-1] + arrived - served).unsqueeze(0)])

    def sell(self, demand: Tensor) -> tuple[Tensor, Tensor]:
        older = self.lots.cumsum(0) - self.lots
        sold = torch.minimum(self.lots, (demand - older).clamp(min=0))
        left = self.lots - sold
        short = demand - sold.sum(0)
        if not self.lost:
            self.owed = self.owed + short
            short = self.owed
        self.expired = left[0]
        self.lots = torch.cat([left[1:], torch.zeros_like(left[:1])])
        return self.lots.sum(0), short
