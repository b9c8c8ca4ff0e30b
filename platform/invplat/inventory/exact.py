"""Exact policies for whole demand and a fixed cost of ordering: (s, S) with periods, (r, Q) with Poisson customers.

Unmet demand waits. Costs are what a period costs in the long run. Knows one item at a time: the search is by steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from invplat.core.errors import FigureRefused
from invplat.inventory.checks import above, at_least, whole
from invplat.inventory.newsvendor import Numbers, numbers, poisson_loss

Cost = Callable[[int], float]  # by stock position, of one period
FAR = 1_000_000  # steps of a search that no sane instance takes


class ReorderLevels(NamedTuple):
    reorder: int  # s: order at this position or below
    level: int  # S: up to this
    cost: float


class ReorderQuantity(NamedTuple):
    reorder: int  # r: order at this position
    quantity: int  # Q: this much
    cost: float


def s_s_exact(holding: float, shortage: float, fixed: float, chances: npt.ArrayLike, *, lead: int = 0) -> ReorderLevels:
    """The best (s, S): `chances` of a period's demand being 0, 1, 2, …; orders arrive `lead` periods later.

    Zheng and Federgruen's walk: the cost of a pair is a renewal reward over the periods between two orders.
    """
    _costs(holding, shortage, fixed)
    whole(0, lead=lead)
    pmf = _chances(chances)
    position_cost = _position_cost(holding, shortage, pmf, lead)
    best = _lowest(position_cost, int(np.dot(np.arange(len(pmf)), pmf) * (lead + 1)))
    renewal = _Renewal(pmf, position_cost)
    s = best
    while True:
        s -= 1
        if renewal.cost(fixed, s, best) <= position_cost(s):
            break
    level, cost = best, renewal.cost(fixed, s, best)
    candidate = best + 1
    while position_cost(candidate) <= cost:
        if renewal.cost(fixed, s, candidate) < cost:
            level = candidate
            while renewal.cost(fixed, s, candidate) <= position_cost(s + 1):
                s += 1
            cost = renewal.cost(fixed, s, candidate)
        candidate += 1
    return ReorderLevels(s, level, cost)


def s_s_cost(
    reorder: int, level: int, holding: float, shortage: float, fixed: float, chances: npt.ArrayLike, *, lead: int = 0
) -> float:
    """What a given (s, S) costs a period."""
    _costs(holding, shortage, fixed)
    if reorder >= level:
        raise FigureRefused(f"a reorder point of {reorder} and a level of {level}", hint="give a level above it")
    pmf = _chances(chances)
    return _Renewal(pmf, _position_cost(holding, shortage, pmf, lead)).cost(fixed, reorder, level)


def r_q_poisson_exact(holding: float, shortage: float, fixed: float, mean: float, lead: float) -> ReorderQuantity:
    """The best (r, Q) under continuous review: `mean` customers per time, one unit each, orders take `lead`.

    Positions are uniform over r + 1 … r + Q, so the cost of Q is the fixed cost and the Q cheapest neighbours.
    """
    _costs(holding, shortage, fixed)
    above(0, **{"mean demand": mean})
    at_least(0, **{"lead time": lead})
    during = mean * lead

    def position_cost(position: int) -> float:
        short = float(poisson_loss(position, during)) if position >= 0 else during - position
        return holding * (position - during + short) + shortage * short

    low = high = _lowest(position_cost, int(during))
    total = fixed * mean + position_cost(low)
    for quantity in range(1, FAR):
        left, right = position_cost(low - 1), position_cost(high + 1)
        if min(left, right) >= total / quantity:
            return ReorderQuantity(low - 1, quantity, total / quantity)
        total += min(left, right)
        low, high = (low - 1, high) if left <= right else (low, high + 1)
    raise _endless()


class _Renewal:
    """Walk down from a level until an order: expected visits to each position below it."""

    def __init__(self, pmf: Numbers, position_cost: Cost) -> None:
        self.pmf, self.position_cost = pmf, position_cost
        self.visits = [1 / (1 - float(pmf[0]))]

    def cost(self, fixed: float, reorder: int, level: int) -> float:
        steps = level - reorder
        while len(self.visits) < steps:
            reach = min(len(self.visits), len(self.pmf) - 1)
            earlier = np.array(self.visits[-1 : -reach - 1 : -1])
            self.visits.append(float(np.dot(self.pmf[1 : reach + 1], earlier)) / (1 - float(self.pmf[0])))
        visits = self.visits[:steps]
        spent = fixed + sum(visit * self.position_cost(level - down) for down, visit in enumerate(visits))
        return spent / sum(visits)


def _position_cost(holding: float, shortage: float, pmf: Numbers, lead: int) -> Cost:
    during = pmf
    for _ in range(lead):
        during = np.convolve(during, pmf)
    mean = float(np.dot(np.arange(len(during)), during))
    below = np.concatenate([[0.0], np.cumsum(np.cumsum(during))])  # E (y - D)⁺ for y = 0, 1, …

    def cost(position: int) -> float:
        if position <= 0:
            return shortage * (mean - position)
        over = float(below[position]) if position < len(below) else position - mean
        return holding * over + shortage * (over - position + mean)

    return cost


def _lowest(cost: Cost, start: int) -> int:
    place = start
    for _ in range(FAR):
        if cost(place + 1) < cost(place):
            place += 1
        elif cost(place - 1) <= cost(place):
            place -= 1
        else:
            return place
    raise _endless()


def _endless() -> FigureRefused:
    return FigureRefused(f"no best policy within {FAR:,} steps", hint="give demand in larger units, such as packs")


def poisson_chances(mean: float, *, left_out: float = 1e-14) -> Numbers:
    """The chances of 0, 1, 2, … as far as they matter."""
    at_least(0, mean=mean)
    reach = int(mean + 12 * np.sqrt(mean) + 30)
    counts = np.arange(reach)
    chances = np.exp(special.xlogy(counts, mean) - mean - special.gammaln(counts + 1))
    return np.asarray(chances[: int(np.searchsorted(np.cumsum(chances), 1 - left_out)) + 1])


def _chances(given: npt.ArrayLike) -> Numbers:
    pmf = numbers(given)
    at_least(0, chances=pmf)
    if pmf.ndim != 1 or abs(float(pmf.sum()) - 1) > 1e-6:
        raise FigureRefused(
            f"chances of demand that sum to {float(pmf.sum()):g}", hint="give one for each of 0, 1, 2, …, summing to 1"
        )
    if pmf[0] >= 1 - 1e-12:
        raise FigureRefused("demand is always 0", hint="give chances for a demand that happens; nothing needs ordering")
    return np.asarray(pmf / pmf.sum())


def _costs(holding: float, shortage: float, fixed: float) -> None:
    above(0, **{"holding cost": holding, "shortage cost": shortage})
    at_least(0, **{"fixed cost": fixed})
