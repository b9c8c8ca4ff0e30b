"""What a supplier and a stockroom allow: minimum orders, packs, the most of an order, the most of a stock.

Turns the quantity that a rule wants into one that can be ordered. Knows nothing of why it is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from invplat.inventory.checks import above, at_least

Figure = float | Tensor  # one for all items, or one an item
HAIR = 1e-6  # a quantity this close to a whole number of packs is that number


@dataclass(frozen=True)
class Terms:
    minimum: Figure | None = None  # an order is this much or nothing
    pack: Figure | None = None  # orders are whole packs; None: any quantity, and gradients pass
    maximum: Figure | None = None  # the most that one order may be
    capacity: Figure | None = None  # the most that may be on hand or on its way

    def __post_init__(self) -> None:
        for name in ("pack", "maximum", "capacity"):
            if (given := getattr(self, name)) is not None:
                above(0, **{name: given})
        if self.minimum is not None:
            at_least(0, minimum=self.minimum)

    @property
    def free(self) -> bool:
        return self.minimum is None and self.pack is None and self.maximum is None and self.capacity is None

    def allowed(self, wanted: Tensor, position: Tensor) -> Tensor:
        """The order nearest above what is wanted, or below where there is no room for that.

        Rounding lets gradients through as if it were not there.
        """
        if self.free:
            return wanted
        order = wanted
        if self.minimum is not None:
            order = torch.where(order > 0, _at_least(order, self.minimum), order)
        if self.pack is not None:
            order = _stepped(order, torch.ceil(order / self.pack - HAIR) * self.pack + 0.0)  # no -0
        limit = self._limit(position)
        if limit is None:
            return order
        if self.pack is not None:
            limit = torch.floor(limit / self.pack + HAIR) * self.pack
        order = torch.minimum(order, limit)
        return order if self.minimum is None else torch.where(order >= self.minimum, order, torch.zeros_like(order))

    def _limit(self, position: Tensor) -> Tensor | None:
        limit = None if self.capacity is None else (self.capacity - position).clamp(min=0)
        if self.maximum is not None:
            most = torch.as_tensor(self.maximum, dtype=position.dtype, device=position.device)
            limit = most.expand_as(position) if limit is None else torch.minimum(limit, most)
        return limit


def _at_least(order: Tensor, minimum: Figure) -> Tensor:
    return torch.maximum(order, torch.as_tensor(minimum, dtype=order.dtype, device=order.device))


def _stepped(smooth: Tensor, stepped: Tensor) -> Tensor:
    return stepped.detach() + (smooth - smooth.detach()) if smooth.requires_grad else stepped
