"""What an ordering rule sees when it is asked: the stock of every item, and what is on its way.

A policy is anything with `order`. Knows nothing of demand to come, of costs, or of what is allowed to be ordered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class State:
    """After today's arrivals, before today's demand; one entry an item."""

    period: int
    level: Tensor  # on hand, or less than zero: owed to customers
    on_order: Tensor  # everything on its way
    look: Callable[[], Tensor]

    @property
    def on_hand(self) -> Tensor:
        return self.level.clamp(min=0)

    @property
    def position(self) -> Tensor:
        return self.level + self.on_order

    @property
    def pipeline(self) -> Tensor:
        """Items × periods: what arrives in 1, 2, … periods. Built when asked for."""
        return self.look()


class Policy(Protocol):
    """An ordering rule."""

    def order(self, state: State) -> Tensor:
        """What to order now, an entry an item, never below zero; whole packs and limits are the simulator's to see to.

        Gradients flow through it where its arithmetic lets them.
        """
        ...
