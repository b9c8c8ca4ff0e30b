"""Levels to order up to that learn without a net, the least that hindsight leaves, and how far a forecast alone gets.

Each takes the record and uses the days before the judged order; `oracle` alone knows more: how demand and lead times
are distributed on the days to come, not what they will be. No rule without a view of the future can do better.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from invplat.inventory.decision import derive
from invplat.inventory.formulas import order_up_to, safety_stock
from invplat.inventory.outcome import Costs
from invplat.inventory.quantiles import Demand
from ordering.synthetic import HOLDING, SHORTAGE, Record

RATIO = SHORTAGE / (HOLDING + SHORTAGE)
DRAWS = 2000


def chances(record: Record, *, all_orders: bool = False) -> Any:
    """Of a lead time of 0, 1, … days, a row a SKU, from its orders in all stores before the judged one, or from all."""
    seen = record.leads if all_orders else record.leads[:, : record.judged]
    skus = int(record.sku.max()) + 1
    found = np.zeros((skus, int(record.leads.max()) + 1))
    np.add.at(found, (np.repeat(record.sku, seen.shape[1]), seen.ravel()), 1)
    return found / found.sum(axis=1, keepdims=True)


def base_stock(record: Record) -> Any:
    """The textbook's: the critical ratio's quantile of normal demand over lead time and review, a level a series."""
    demand, chance = record.demand[:, : record.known], chances(record)[record.sku]
    times = np.arange(chance.shape[1])
    lead = chance @ times
    spread = chance @ times**2 - lead**2
    mean = demand.mean(axis=1)
    safety = safety_stock(
        RATIO, demand.std(axis=1), lead, mean=mean, lead_deviation=np.sqrt(spread), review=record.review
    )
    return order_up_to(mean, lead, record.review, safety)


def fitted_base_stock(record: Record, groups: Any) -> Any:
    """One level for all orders of a group: what would have cost least on the intervals before the judged day."""
    placed, arrives, after = (days[:, : record.judged - 1] for days in record.intervals())
    day = np.arange(record.days)
    begun = day >= placed[:, :, None]
    run = np.cumsum(np.where(begun, record.demand[:, None, :], 0), axis=2)
    inside = (day >= arrives[:, :, None]) & (day < after[:, :, None])
    found = np.zeros(len(record.sku))
    for group in np.unique(groups):
        mine = groups == group
        found[mine] = cheapest(run[mine][inside[mine]])
    return found


def cheapest(run: Any) -> float:
    """The level that costs least where stock ends a day at level - run: the critical ratio's quantile of all days."""
    place = max(int(np.ceil(RATIO * len(run) - 1e-9)) - 1, 0)
    return float(np.partition(run, place)[place])


def predict_then_optimise(record: Record, demand: Demand) -> Any:
    """Quantiles of demand by day, and the newsvendor's answer for lead time and review: the house's own decision."""
    chance = torch.from_numpy(chances(record)[record.sku]).float()
    decision = derive(demand, 0, review=record.review, costs=Costs(HOLDING, SHORTAGE), lead_chances=chance)
    return decision.level.double().numpy()


def predict_then_draw(record: Record, demand: Demand, seed: int = 0) -> Any:
    """The same forecast, and the level of least expected cost over the interval: days and lead times drawn apart."""
    random = np.random.default_rng(seed)
    chance, points = chances(record), demand.points(64).double().numpy()
    found = np.zeros(len(record.sku))
    for place, sku in enumerate(record.sku):
        days = points[place][np.arange(points.shape[1])[:, None], random.integers(0, 64, (points.shape[1], 300))].T
        found[place] = _expected(days, chance[sku], record.review, random)
    return found


def oracle(record: Record, seed: int = 0) -> Any:
    """Knows each SKU's mean of every day, how far days stray from it, and how long orders take; draws the rest."""
    random = np.random.default_rng(seed)
    chance = chances(record, all_orders=True)
    found = np.zeros(len(record.sku))
    for sku in range(len(chance)):
        mine = record.sku == sku
        mean = record.demand[mine].mean(axis=0)
        strays = (record.demand[mine] - mean).ravel()
        days = mean[record.known :] + random.choice(strays, (DRAWS, record.days - record.known))
        found[mine] = _expected(days, chance[sku], record.review, random)
    return found


def _expected(days: Any, chance: Any, review: int, random: Any) -> float:
    first, then = (random.choice(len(chance), len(days), p=chance)[:, None] for _ in range(2))
    day = np.arange(days.shape[1])
    return cheapest(np.cumsum(days, axis=1)[(day >= first) & (day < review + then)])
