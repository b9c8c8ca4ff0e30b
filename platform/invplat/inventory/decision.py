"""The one place where a forecast becomes an order: level, safety stock, reorder point and quantity never disagree.

Whoever shows or places an order derives it here. Three identities hold: level = mean demand until the next order's
arrival + safety stock; level = reorder point + mean demand of the review period; order = level - position, as the terms
allow. Knows nothing of the model behind the quantiles.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from invplat.core.errors import FigureRefused
from invplat.inventory.checks import at_least, whole
from invplat.inventory.outcome import Costs
from invplat.inventory.quantiles import Demand, mixed
from invplat.inventory.state import State
from invplat.inventory.terms import Terms


@dataclass(frozen=True)
class Decision:
    """An entry an item; or items × periods, one decision for each period of a simulation."""

    level: Tensor  # order up to this
    reorder_point: Tensor  # with this or less, an order can't wait for the next review
    safety_stock: Tensor  # below zero where holding costs more than lacking
    mean: Tensor  # demand until the next order arrives
    service: Tensor  # the chance to get there without a stockout
    demand: Demand
    terms: Terms = field(default_factory=Terms)

    def quantity(self, position: Tensor) -> Tensor:
        """What to order at that stock position."""
        return self.terms.allowed((self.level - position).clamp(min=0), position)

    def order(self, state: State) -> Tensor:
        """As a policy; the simulator's terms are its own to apply."""
        level = self.level if self.level.ndim == 1 else self.level[:, state.period]
        return (level - state.position).clamp(min=0)


def derive(
    demand: Demand,
    lead: Tensor | int,
    *,
    review: Tensor | int = 1,
    costs: Costs | None = None,
    lead_chances: Tensor | None = None,
    correlation: float = 0.0,
    terms: Terms | None = None,
) -> Decision:
    """From quantiles of demand by period (items × periods × levels, the coming period first) to a decision.

    `lead` is one for all or one an item; with `lead_chances`, the chances of a lead time of 0, 1, 2, … (items × times)
    are mixed and `lead` is not looked at. `correlation` is between periods' demands.
    """
    if demand.values.ndim < 3:
        raise FigureRefused(
            f"quantiles of shape {tuple(demand.values.shape)}", hint="give items × periods × levels, one period or more"
        )
    if not 0 <= correlation <= 1:
        raise FigureRefused(f"a correlation of {correlation:g} between periods", hint="give one from 0 to 1")
    costs = costs or Costs()
    items = demand.values.shape[:-2]
    every = torch.as_tensor(review, device=demand.values.device).expand(items)
    whole(1, review=every)
    until = _until(demand, lead, every, lead_chances, correlation)
    service = torch.as_tensor(costs.ratio, dtype=demand.values.dtype, device=demand.values.device)
    service = (service if service.ndim == 0 else service.reshape(-1, *(1,) * (len(items) - 1))).expand(items)
    level, mean = until.at(service), until.mean()
    passing = _mean_of_first(demand, every)
    return Decision(level, level - passing, level - mean, mean, service, until, terms or Terms())


def _until(
    demand: Demand, lead: Tensor | int, review: Tensor, lead_chances: Tensor | None, correlation: float
) -> Demand:
    if lead_chances is None:
        times = torch.as_tensor(lead, device=review.device).expand(review.shape)
        whole(0, lead=times)
        return demand.over(0, times + review, correlation)
    at_least(0, lead_chances=lead_chances)
    total = lead_chances.sum(-1)
    if bool(((total - 1).abs() > 1e-4).any()):
        raise FigureRefused(
            f"chances of lead times that sum to {float(total.reshape(-1)[(total - 1).abs().argmax()]):g}",
            hint="give chances that sum to 1 for every item",
        )
    longest = int(torch.nonzero(lead_chances.reshape(-1, lead_chances.shape[-1]).sum(0)).max())
    possible = [time for time in range(longest + 1) if bool((lead_chances[..., time] > 0).any())]
    weights = lead_chances[..., possible].to(demand.values.dtype)
    parts = [demand.over(0, time + review, correlation) for time in possible]
    return mixed(parts, weights.expand(*review.shape, -1))


def _mean_of_first(demand: Demand, periods: Tensor) -> Tensor:
    means = demand.mean()
    counted = torch.arange(means.shape[-1], device=means.device) < periods.unsqueeze(-1)
    return (means * counted).sum(-1)
