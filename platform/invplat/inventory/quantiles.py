"""A distribution of demand as a few of its quantiles: in between, beyond, summed over periods, mixed over lead times.

Quantiles are joined by lines on the normal scale, so a normal distribution is met exactly and tails go on as a normal's
would. Demand is never below zero. Tensors are items (any leading shape) × quantiles. Knows nothing of costs or orders.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from invplat.core.errors import FigureRefused
from invplat.inventory.checks import share

GRID = 128  # equally likely points that stand for a distribution
HALVINGS = 40


@dataclass(frozen=True)
class Demand:
    levels: Tensor  # rising, between 0 and 1
    values: Tensor  # … × levels, never falling

    def __post_init__(self) -> None:
        share(levels=self.levels)
        if self.levels.ndim != 1 or len(self.levels) < 2 or bool((self.levels.diff() <= 0).any()):
            raise FigureRefused(
                f"quantile levels {self.levels.tolist()}", hint="give two or more, rising, such as 0.1, 0.5, 0.9"
            )
        if self.values.shape[-1:] != self.levels.shape:
            raise FigureRefused(
                f"quantiles of shape {tuple(self.values.shape)} for {len(self.levels)} levels",
                hint="give one for each level in the last dimension",
            )
        if bool((self.values.diff(dim=-1) < 0).any()) or bool(self.values.isnan().any()):
            raise FigureRefused("quantiles that fall where their levels rise, or are NaN", hint="sort them first")

    def at(self, level: Tensor | float) -> Tensor:
        """The quantile of each item at a level of its own, or at one for all."""
        asked = torch.as_tensor(level, dtype=self.values.dtype, device=self.values.device).expand(
            self.values.shape[:-1]
        )
        return self._at(torch.special.ndtri(asked).unsqueeze(-1)).squeeze(-1)

    def points(self, count: int = GRID) -> Tensor:
        """Equally likely demands, the smallest first: items × count."""
        shares = (torch.arange(count, dtype=self.values.dtype, device=self.values.device) + 0.5) / count
        return self._at(torch.special.ndtri(shares).expand(*self.values.shape[:-1], count).contiguous())

    def mean(self) -> Tensor:
        return self._mean

    @cached_property
    def _mean(self) -> Tensor:
        """Of the points. Between and above the levels they are sums of the quantiles, so the quantiles are weighed at
        once; below the lowest level each point is cut off at zero on its own."""
        if bool((self.values < 0).any()):
            return self.points().mean(-1)
        scores = self._scores()
        shares = (torch.arange(GRID, dtype=self.values.dtype, device=self.values.device) + 0.5) / GRID
        points = torch.special.ndtri(shares)
        place = torch.searchsorted(scores, points).clamp(1, len(scores) - 1)
        part = (points - scores[place - 1]) / (scores[place] - scores[place - 1])
        above = points >= scores[0]
        weights = torch.zeros_like(scores)
        weights = weights.index_add(0, place[above] - 1, 1 - part[above]).index_add(0, place[above], part[above])
        low, high = self.values[..., :1], self.values[..., 1:2]
        below = (low + (high - low) * part[~above]).clamp(min=0).sum(-1)
        found: Tensor = (self.values @ weights + below) / GRID
        return found

    def chance(self, stock: Tensor) -> Tensor:
        """Of a demand within `stock` (items × any number of stocks)."""
        values = self.values.contiguous()
        place = torch.searchsorted(values, stock.contiguous(), right=True).clamp(1, values.shape[-1] - 1)
        low, high = values.gather(-1, place - 1), values.gather(-1, place)
        scores = self._scores()
        first, step = scores[place - 1], scores[place] - scores[place - 1]
        width = high - low
        flat = width <= 1e-9
        score = first + step * (stock - low) / torch.where(flat, torch.ones_like(width), width)
        score = torch.where(flat, torch.where(stock < low, -torch.inf, torch.inf), score)
        found: Tensor = torch.special.ndtr(score)
        return torch.where(stock < 0, 0.0, found)

    def over(self, first: int, lengths: Tensor, correlation: float = 0.0) -> Demand:
        """Of values that are items × periods × levels: the demand of `lengths` periods (an item each) from `first` on.

        Means add up; distances from them as the periods go together: in full at correlation 1, as roots of sums of
        squares at 0. Not medians: that of a slow day is 0, however many such days there are.
        """
        periods = self.values.shape[-2]
        if int(lengths.max()) + first > periods:
            raise FigureRefused(
                f"a forecast of {periods} periods for orders that must last {int(lengths.max()) + first}",
                hint="forecast farther ahead, or order more often",
            )
        period = torch.arange(periods, device=self.values.device)
        counted = (period >= first) & (period < first + lengths.unsqueeze(-1))
        weight = counted.to(self.values.dtype).unsqueeze(-1)
        middle = self.mean().unsqueeze(-1)
        away = (self.values - middle) * weight
        alone = (away * away.abs()).sum(-2)  # squares that keep their sign
        whole = away.sum(-2)
        apart = alone * (1 - correlation) + whole * whole.abs() * correlation
        summed = (middle * weight).sum(-2) + apart.sign() * apart.abs().sqrt()
        return Demand(self.levels, summed.clamp(min=0).cummax(-1).values)

    def _scores(self) -> Tensor:
        found: Tensor = torch.special.ndtri(self.levels.to(self.values.dtype))
        return found

    def _at(self, score: Tensor) -> Tensor:
        scores = self._scores()
        place = torch.searchsorted(scores, score.contiguous()).clamp(1, len(scores) - 1)
        values = self.values
        low, high = values.gather(-1, place - 1), values.gather(-1, place)
        part = (score - scores[place - 1]) / (scores[place] - scores[place - 1])
        return (low + (high - low) * part).clamp(min=0)


def mixed(parts: list[Demand], weights: Tensor) -> Demand:
    """One of several demands comes true, each with a weight an item (items × parts, summing to 1)."""
    if len(parts) == 1:
        return parts[0]
    levels = parts[0].levels
    low = torch.stack([part.values for part in parts]).amin(0)
    high = torch.stack([part.values for part in parts]).amax(0)
    every = Demand(levels, torch.stack([part.values for part in parts]))
    shares = weights.movedim(-1, 0).unsqueeze(-1)
    for _ in range(HALVINGS):  # the mixture's quantile lies between those of its parts
        middle = (low + high) / 2
        enough = (every.chance(middle.expand_as(every.values)) * shares).sum(0) >= levels
        low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    return Demand(levels, high.cummax(-1).values)
