"""Orders of many items under one budget: money goes where the next pack saves most for what it costs.

Expected cost is convex in stock, so taking packs by their saving per money is as good as any choice, but for the last
pack that no longer fits. Knows nothing of forecasts beyond the quantiles in a decision.
"""

from __future__ import annotations

import torch
from torch import Tensor

from invplat.inventory.checks import above, at_least
from invplat.inventory.decision import Decision
from invplat.inventory.outcome import Costs
from invplat.inventory.terms import HAIR

HALVINGS = 50


def within_budget(
    decision: Decision, position: Tensor, unit_cost: Tensor, budget: float, costs: Costs | None = None
) -> Tensor:
    """What to order of each item so that all of it costs at most `budget` and saves the most.

    Without pressure from the budget an item gets the packs that lower its expected cost. Packs, minimum, maximum and
    capacity are the decision's terms.
    """
    at_least(0, budget=budget)
    above(0, unit_cost=unit_cost)
    costs = costs or Costs()
    terms = decision.terms
    dtype = position.dtype
    pack = _each(1.0 if terms.pack is None else terms.pack, position)
    least = _each(0.0 if terms.minimum is None else terms.minimum, position)
    first = torch.ceil(torch.maximum(least, pack) / pack - HAIR) * pack  # the smallest order there is
    most = terms.allowed(torch.full_like(position, float(torch.finfo(dtype).max) / 4), position)
    h, b = _each(costs.holding, position), _each(costs.shortage, position)
    points = decision.demand.points().to(dtype)

    def wanted(rate: float) -> Tensor:
        """Whole packs of which each saves at least `rate` per money."""
        share = ((b - rate * unit_cost) / (h + b)).clamp(1e-6, 1 - 1e-6)
        stock = decision.demand.at(share.to(decision.demand.values.dtype)).to(dtype)
        order = torch.floor((stock - position) / pack + HAIR).clamp(min=0) * pack
        order = torch.minimum(torch.where(rate * unit_cost < b, order, torch.zeros_like(order)), most)
        return torch.where(order < first, torch.zeros_like(order), order)

    def spent(order: Tensor) -> float:
        return float((order * unit_cost).sum())

    order = wanted(0.0)
    if spent(order) > budget:
        low, high = 0.0, float((b / unit_cost).max())
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if spent(wanted(middle)) > budget else (low, middle)
        order = wanted(high)

    def saved(order: Tensor, more: Tensor) -> Tensor:
        def cost(stock: Tensor) -> Tensor:
            apart = stock.unsqueeze(-1) - points
            return h * apart.clamp(min=0).mean(-1) + b * (-apart).clamp(min=0).mean(-1)

        return cost(position + order) - cost(position + order + more)

    while True:
        more = torch.where(order > 0, pack, first)
        rate = saved(order, more) / (more * unit_cost)
        left = budget - spent(order)
        open_ = (rate > 0) & (order + more <= most) & (more * unit_cost <= left + HAIR)
        if not bool(open_.any()):
            return order
        ranked = torch.where(open_, rate, -torch.inf).argsort(descending=True)[: int(open_.sum())]
        fits = (more * unit_cost)[ranked].cumsum(0) <= left + HAIR
        taken = ranked[fits]  # a prefix, and never empty: each of them fits alone
        order = order.index_add(0, taken, more[taken])


def _each(figure: float | Tensor, like: Tensor) -> Tensor:
    return torch.as_tensor(figure, dtype=like.dtype, device=like.device).expand_as(like)
