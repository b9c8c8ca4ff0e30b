"""Orders on their way: a line where every order takes equally long, a ring of days where each takes its own time.

An order of lead time 0 arrives before the demand of the day on which it is placed. Knows nothing of stock or costs.
"""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

from invplat.core.errors import FigureRefused


class Line:
    """All orders take `lead` periods."""

    def __init__(self, nothing: Tensor, lead: int, waiting: Tensor | None) -> None:
        due = [] if waiting is None else list(waiting.unbind(1))
        if len(due) > lead:
            raise FigureRefused(f"orders on their way for {len(due)} periods, but a lead time of {lead}")
        self.due = deque(due + [nothing] * (lead - len(due)))
        self.nothing = nothing
        self.lead = lead

    def arrive(self, period: int) -> Tensor | None:
        return self.due.popleft() if self.lead else None

    def place(self, order: Tensor) -> Tensor | None:
        """Take an order on; what of it is here at once."""
        if self.lead == 0:
            return order
        self.due.append(order)
        return None

    def skip(self) -> None:
        if self.lead:
            self.due.append(self.nothing)

    def pipeline(self) -> Tensor:
        return torch.stack(tuple(self.due), 1) if self.due else self.nothing.new_zeros(len(self.nothing), 0)


class Ring:
    """Every order takes its own time; without crossing none arrives before one placed earlier."""

    def __init__(self, leads: Tensor, waiting: Tensor | None, nothing: Tensor, *, crossing: bool) -> None:
        self.leads = leads  # periods × items, or 1 × items
        self.size = int(leads.max()) + 1
        self.direct = bool((leads == 0).any())
        self.ring = nothing.new_zeros(self.size, len(nothing))
        if waiting is not None:
            if waiting.shape[1] >= self.size:
                raise FigureRefused(
                    f"orders on their way for {waiting.shape[1]} periods, but lead times of {self.size - 1} at most"
                )
            self.ring = torch.cat([waiting.t(), self.ring[waiting.shape[1] :]])
        self.crossing = crossing
        self.last = torch.zeros_like(leads[0])  # when the latest order of each item arrives
        if not crossing and waiting is not None:
            periods = torch.arange(waiting.shape[1], device=waiting.device)
            self.last = torch.where(waiting > 0, periods, 0).amax(1)
        self.period = 0

    def arrive(self, period: int) -> Tensor:
        self.period = period
        slot = period % self.size
        arrived = self.ring[slot].clone()
        self._clear(slot)
        return arrived

    def place(self, order: Tensor) -> Tensor | None:
        period = self.period
        lead = self.leads[period if len(self.leads) > 1 else 0]
        if not self.crossing:
            lead = torch.maximum(lead, self.last - period)
            self.last = torch.where(order > 0, period + lead, self.last)
        slots = ((period + lead) % self.size).unsqueeze(0)
        if torch.is_grad_enabled():
            self.ring = self.ring.scatter_add(0, slots, order.unsqueeze(0))
        else:
            self.ring.scatter_add_(0, slots, order.unsqueeze(0))
        if not self.direct:
            return None
        here = self.ring[period % self.size].clone()
        self._clear(period % self.size)
        return here

    def skip(self) -> None:
        pass  # the ring turns by itself

    def pipeline(self) -> Tensor:
        ahead = torch.arange(1, self.size, device=self.ring.device) + self.period
        return self.ring[ahead % self.size].t()

    def _clear(self, slot: int) -> None:
        if torch.is_grad_enabled():
            self.ring = self.ring.index_fill(0, torch.tensor([slot], device=self.ring.device), 0.0)
        else:
            self.ring[slot] = 0
