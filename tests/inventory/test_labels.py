"""Hindsight's order against the definition, read day by day."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from invplat.core.errors import UserError
from invplat.inventory.labels import hindsight, hindsight_calendar
from invplat.inventory.outcome import Costs
from invplat.inventory.policy import BaseStock, LevelsByPeriod
from invplat.inventory.simulate import World, simulate


def by_hand(
    demand: list[int], reviewed: int, lead: int, next_review: int, next_lead: int, h: int, b: int, position: int
) -> int | None:
    arrival, following = reviewed + lead, next_review + next_lead
    extra = math.floor(Fraction(b, h + b) * max(following - arrival, 0))
    if arrival + extra > len(demand):
        return None
    wanted = 0
    for day in range(reviewed, arrival + extra):
        wanted += demand[day]
    return max(wanted - position, 0)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[list[int]], list[list[bool]], list[list[int]], int, int]:
    series, days = draw(st.integers(1, 4)), draw(st.integers(1, 25))

    def table(values: st.SearchStrategy[int]) -> list[list[int]]:
        return [draw(st.lists(values, min_size=days, max_size=days)) for _ in range(series)]

    masks = [draw(st.lists(st.booleans(), min_size=days, max_size=days)) for _ in range(series)]
    return table(st.integers(0, 20)), masks, table(st.integers(0, 6)), draw(st.integers(1, 9)), draw(st.integers(0, 99))


@settings(max_examples=150)
@given(worlds(), st.integers(0, 60))
def test_many_series_agree_with_the_definition(
    world: tuple[list[list[int]], list[list[bool]], list[list[int]], int, int], position: int
) -> None:
    demand, reviews, leads, h, b = world
    levels = hindsight_calendar(demand, reviews, leads, h, b)
    for series, mask in enumerate(reviews):
        days = [day for day, due in enumerate(mask) if due]
        following = dict(pairwise(days))
        for day in range(len(mask)):
            level = levels[series, day]
            if day not in following:
                assert np.isnan(level)
                continue
            after = following[day]
            lead, next_lead = leads[series][day], leads[series][after]
            order = by_hand(demand[series], day, lead, after, next_lead, h, b, position)
            assert (None if np.isnan(level) else max(level - position, 0)) == order


def test_the_order_is_less_the_position_and_never_negative() -> None:
    demand = np.arange(1, 13, dtype=float)[None]
    found = hindsight(demand, [[0, 5]], [[2, 6]], [[12, 30]], 1, 9)
    assert found.stop.tolist() == [[11, 27]]  # nine of the ten days between arrivals; then past the record
    assert found.level[0, 0] == sum(range(1, 12))
    assert found.known.tolist() == [[True, False]]
    assert found.order([[60, 0]])[0, 0] == 6
    assert found.order([[70, 0]])[0, 0] == 0


def test_costs_may_differ_by_series() -> None:
    demand = np.ones((2, 30))
    found = hindsight(demand, [[0], [0]], [[3], [3]], [[13], [13]], [[1], [1]], [[9], [1]])
    assert found.level.tolist() == [[12], [8]]


def test_unknown_demand_makes_an_unknown_order() -> None:
    demand = np.ones((1, 9))
    demand[0, 4] = np.nan
    found = hindsight(demand, [[0, 3]], [[1, 4]], [[4, 8]], 1, 9)
    assert found.level[0, 0] == 3
    assert not found.known[0, 1]


def test_hindsight_costs_less_than_any_fixed_level() -> None:
    random = np.random.default_rng(0)
    demand = random.poisson(5, (40, 300)).astype(float)
    mask = np.zeros((40, 300), bool)
    mask[:, ::10] = True
    lead = random.integers(1, 6, (40, 300))
    levels = {up: torch.tensor(np.nan_to_num(hindsight_calendar(demand, mask, lead, up=up))) for up in (False, True)}
    days = slice(0, 270)  # every order in them is known
    world = World(lead=torch.tensor(lead[:, days]), lost=False, reviews=torch.tensor(mask[:, days]))

    def cost(rule: LevelsByPeriod | BaseStock) -> float:
        seen = simulate(rule, torch.tensor(demand[:, days]), world, initial=60.0, warm_up=20)
        return float(seen.cost(Costs()).mean())

    fixed = min(cost(BaseStock(float(level))) for level in range(40, 140, 3))
    assert cost(LevelsByPeriod(levels[False])) < 0.9 * fixed
    assert cost(LevelsByPeriod(levels[True])) < cost(LevelsByPeriod(levels[False]))


@settings(deadline=None)
@given(st.lists(st.integers(0, 20), min_size=3, max_size=20), st.integers(0, 2), st.integers(1, 9), st.integers(1, 40))
def test_rounded_up_it_is_the_cheapest_level_of_the_interval(demand: list[int], lead: int, h: int, b: int) -> None:
    level = hindsight([demand], [[0]], [[lead]], [[len(demand)]], h, b, up=True).level[0, 0]
    running = np.cumsum(demand)[lead:]
    costs = [h * np.maximum(y - running, 0).sum() + b * np.maximum(running - y, 0).sum() for y in range(401)]
    assert costs[int(level)] == min(costs)


def test_shapes_and_days_without_meaning_are_refused() -> None:
    with pytest.raises(UserError, match="demand of shape"):
        hindsight([1, 2], [[0]], [[1]], [[2]])
    with pytest.raises(UserError, match="days from review to arrival is -1"):
        hindsight([[1, 2]], [[1]], [[0]], [[2]])
    with pytest.raises(UserError, match="of shapes"):
        hindsight([[1, 2]], [[1]], [[1, 2]], [[2]])
    with pytest.raises(UserError, match="lead times of shape"):
        hindsight_calendar([[1, 2]], [[True, False]], [1, 2])
