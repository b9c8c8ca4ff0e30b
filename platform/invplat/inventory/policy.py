"""Ordering rules of the textbook, as objects with one method.

A rule looks at the stock position and says a quantity. What may be ordered (packs, minimum, capacity) is `terms`;
review days are the simulator's. The rule that follows a forecast is a `decision`. Knows nothing of models.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from invplat.inventory.checks import above, at_least
from invplat.inventory.state import State
from invplat.inventory.terms import Figure


@dataclass(frozen=True)
class BaseStock:
    """Order up to a level; with review days this is the review-period rule (R, S)."""

    level: Figure

    def order(self, state: State) -> Tensor:
        return (self.level - state.position).clamp(min=0)


@dataclass(frozen=True)
class CappedBaseStock:
    """Order up to a level, never more than a cap at a time: a large order would meet the next ones on the shelf."""

    level: Figure
    cap: Figure

    def __post_init__(self) -> None:
        at_least(0, cap=self.cap)

    def order(self, state: State) -> Tensor:
        wanted = (self.level - state.position).clamp(min=0)
        return wanted.clamp(max=self.cap) if isinstance(self.cap, float | int) else torch.minimum(wanted, self.cap)


@dataclass(frozen=True)
class ReorderPoint:
    """(s, S): at the reorder point or below it, order up to the level."""

    point: Figure
    level: Figure

    def __post_init__(self) -> None:
        at_least(0, **{"level above its reorder point": self.level - self.point})

    def order(self, state: State) -> Tensor:
        position = state.position
        return torch.where(position <= self.point, self.level - position, torch.zeros_like(position))


@dataclass(frozen=True)
class FixedQuantity:
    """(r, Q): at the reorder point or below it, as many times Q as bring the position above it."""

    point: Figure
    quantity: Figure

    def __post_init__(self) -> None:
        above(0, quantity=self.quantity)

    def order(self, state: State) -> Tensor:
        below = self.point - state.position
        batches = torch.floor(below / self.quantity) + 1
        return torch.where(below >= 0, batches * self.quantity, torch.zeros_like(below))


@dataclass(frozen=True)
class ConstantOrder:
    quantity: Figure

    def __post_init__(self) -> None:
        at_least(0, quantity=self.quantity)

    def order(self, state: State) -> Tensor:
        return torch.zeros_like(state.level) + self.quantity


@dataclass(frozen=True)
class LevelsByPeriod:
    """Order up to a level that changes: items × periods, from a forecast made before each or from hindsight."""

    levels: Tensor

    def order(self, state: State) -> Tensor:
        return (self.levels[:, state.period] - state.position).clamp(min=0)
