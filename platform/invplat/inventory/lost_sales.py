"""Lost sales with a lead time, one item, whole units: the best average cost there is, and the exact one of any rule.

Value iteration over on-hand stock and pipeline; the state grows with the lead time, so it serves as a judge of rules
for lead times up to about 4, not as a rule. Bounds are kept: the true cost lies between them. Knows no simulator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from invplat.core.errors import FigureRefused
from invplat.inventory.checks import at_least, whole

Rule = Callable[[Tensor], Tensor]  # states × lead (on hand, then what arrives in 1, 2, … periods) → whole orders


@dataclass(frozen=True)
class Answer:
    cost: float  # a period, in the long run
    error: float  # at most this far from the true cost
    orders: Tensor  # by on hand and pipeline
    values: Tensor  # what a state costs more than the empty one, from now on


@dataclass(frozen=True)
class LostSales:
    """Orders are placed before demand and arrive `lead` periods later."""

    chances: Tensor  # of a demand of 0, 1, 2, …; what is left to 1 is the chance of more than all stock
    lead: int
    shortage: float
    holding: float = 1.0
    most: int = 60  # the largest position that an order may lead to
    largest: int = 16  # the largest order

    def __post_init__(self) -> None:
        whole(1, lead=self.lead, most=self.most, largest=self.largest)
        at_least(0, shortage=self.shortage, holding=self.holding, chances=self.chances)
        if len(self.chances) <= self.most or float(self.chances.sum()) > 1 + 1e-9:
            raise FigureRefused(
                f"{len(self.chances)} chances of demand that sum to {float(self.chances.sum()):g}",
                hint=f"give more than {self.most} (as many as the largest position), summing to 1 at most",
            )

    def best(self, *, error: float = 1e-3) -> Answer:
        return self._iterate(None, error, None)

    def cost(self, rule: Rule, *, error: float = 1e-3, like: Answer | None = None) -> Answer:
        """The exact cost of a rule; an order that would pass the limits is cut to them.

        An answer for a rule that is `like` it saves most of the work.
        """
        wanted = rule(self.states().to(torch.float32)).reshape(self.shape).to(torch.int64)
        return self._iterate(torch.minimum(wanted.clamp(min=0), self._room()), error, like)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.most + 1, *(self.largest + 1,) * (self.lead - 1))

    def states(self) -> Tensor:
        axes = [torch.arange(size) for size in self.shape]
        return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, self.lead)

    def _room(self) -> Tensor:
        position = self.states().sum(1).reshape(self.shape)
        return (self.most - position).clamp(0, self.largest)

    def _iterate(self, orders: Tensor | None, error: float, like: Answer | None) -> Answer:
        leave = self._leave()
        expected = self._expected(leave)
        one = expected.reshape(-1, *(1,) * (self.lead - 1))
        real = self.states().sum(1).reshape(self.shape) <= self.most
        room = self._room().unsqueeze(-1)
        forbidden = torch.arange(self.largest + 1) > room
        values = torch.zeros(self.shape, dtype=torch.float64) if like is None else like.values
        while True:
            ahead = self._ahead(leave, values)
            if orders is None:
                ahead[forbidden] = torch.inf
                found = one + ahead.amin(-1)
            else:
                found = one + ahead.gather(-1, orders.unsqueeze(-1)).squeeze(-1)
            change = (found - values)[real]
            low, high = float(change.min()), float(change.max())
            values = found - found.reshape(-1)[0]
            if high - low < error:
                chosen = ahead.argmin(-1) if orders is None else orders
                return Answer((low + high) / 2, (high - low) / 2, chosen, values)

    def _leave(self) -> Tensor:
        """The chance of each stock left, by stock before demand."""
        size = self.most + 1
        before, after = torch.arange(size).unsqueeze(1), torch.arange(size)
        chances = self.chances[:size].to(torch.float64)
        leave = torch.where(after <= before, chances[(before - after).clamp(min=0)], 0.0)
        leave[:, 0] = 1 - leave[:, 1:].sum(1)
        return leave

    def _expected(self, leave: Tensor) -> Tensor:
        """Cost of the coming period by stock before demand; what is lost is the mean less what is sold."""
        stock = torch.arange(self.most + 1, dtype=torch.float64)
        left = leave @ stock
        mean = (self.chances.to(torch.float64) * torch.arange(len(self.chances))).sum()
        return self.holding * left + self.shortage * (mean - (stock - left))

    def _ahead(self, leave: Tensor, values: Tensor) -> Tensor:
        """Value of the next period's start, by state and by order."""
        if self.lead == 1:
            padded = torch.cat([values, values[-1:].expand(self.largest)])
            return leave @ padded.unfold(0, self.largest + 1, 1)
        padded = torch.cat([values, values[-1:].expand(self.largest, *values.shape[1:])])
        # What is left and what arrives first meet in one number: a view in which both walk along the same axis.
        shape = (self.most + 1, self.largest + 1, *values.shape[1:])
        stride = (padded.stride(0), *padded.stride())
        met = padded.as_strided(shape, stride).reshape(self.most + 1, -1)
        return (leave @ met).reshape(shape)
