"""What an order means beyond its quantity: what is left and short, risk, cover, EOQ, what a planner should look at.

Knows the decision and the items' columns; nothing of how either came about.
"""

from __future__ import annotations

import numpy as np
import torch

from invplat.evaluate.insights.assumptions import Assumptions
from invplat.evaluate.insights.cells import DAYS
from invplat.inventory.decision import Decision
from invplat.inventory.formulas import days_of_supply, economic_order_quantity
from invplat.inventory.quantiles import GRID, Demand
from invplat.serve.facts import Bools, Numbers
from invplat.serve.order_schemas import OrderException
from invplat.serve.order_terms import ItemColumns
from invplat.serve.said import Said

NUMBERS = 500_000  # of a chunk at once, 8 bytes each


def left_and_short(demand: Demand, stock: torch.Tensor) -> tuple[Numbers, Numbers]:
    """What is expected to be left and to be short with that stock."""
    left, short = [], []
    for start in range(0, len(stock), NUMBERS // GRID):
        rows = slice(start, start + NUMBERS // GRID)
        apart = stock[rows].unsqueeze(-1) - Demand(demand.levels, demand.values[rows]).points()
        left.append(apart.clamp(min=0).mean(-1))
        short.append((-apart).clamp(min=0).mean(-1))
    if not left:
        return np.zeros(0), np.zeros(0)
    return torch.cat(left).numpy(), torch.cat(short).numpy()


def stockout_risk(demand: Demand, stock: torch.Tensor) -> Numbers:
    found: Numbers = (1 - demand.chance(stock.unsqueeze(-1)).squeeze(-1)).numpy()
    return found


def order_quantity(items: ItemColumns, per_period: Numbers) -> Numbers:
    known = items.holding > 0
    found = economic_order_quantity(items.order_cost, np.where(known, items.holding, 1.0), per_period).quantity
    return np.where(known, found, np.nan)


def cover(said: Said, position: Numbers, per_period: Numbers) -> Numbers:
    """Periods until the mean demand has used it up; beyond the forecast at its mean pace."""
    if not len(said):
        return np.zeros(0)
    means = np.maximum(np.asarray(said.mean, np.float64), 0)
    used = np.cumsum(means, axis=1)
    whole = (used <= position[:, None]).sum(axis=1)
    inside = whole < means.shape[1]
    at = np.minimum(whole, means.shape[1] - 1)[:, None]
    before = np.take_along_axis(used, at, 1)[:, 0] - np.take_along_axis(means, at, 1)[:, 0]
    rate = np.take_along_axis(means, at, 1)[:, 0]
    part = (position - before) / np.where(rate > 0, rate, 1.0)
    beyond = means.shape[1] + days_of_supply(np.maximum(position - used[:, -1], 0), per_period)
    return np.where(position <= 0, 0.0, np.where(inside, whole + part, beyond))


def marks(
    items: ItemColumns, decision: Decision, per_period: Numbers, pace: Numbers, frequency: str
) -> dict[OrderException, Bools]:
    """Stockout: nothing is there although it sells, or what is there will more likely than not be gone before an order
    placed now arrives. Overstock: more than sells in 26 weeks at the faster of the pace ahead and of late."""
    on_the_way = (decision.mean + decision.reorder_point - decision.level).numpy()  # mean demand of the lead time
    selling = per_period > 1e-9
    known = ~items.unknown
    empty = items.on_hand <= 0
    late = (on_the_way >= items.position) & (on_the_way > 0)
    limit = pace * Assumptions().slow_weeks * 7 / DAYS[frequency]
    return {
        OrderException.STOCKOUT: selling & known & (empty | late),
        OrderException.OVERSTOCK: (items.on_hand > limit) & (items.on_hand > 0),
        OrderException.STALE: items.stale,
        OrderException.STOCK_UNKNOWN: items.unknown,
    }
