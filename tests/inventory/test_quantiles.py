"""A few quantiles as a distribution: a normal is met exactly, sums and mixtures are what draws show."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from invplat.core.errors import UserError
from invplat.inventory.quantiles import Demand, mixed

LEVELS = torch.tensor([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95], dtype=torch.float64)
SCORES = torch.special.ndtri(LEVELS)


def normal(mean: Tensor, deviation: Tensor) -> Demand:
    return Demand(LEVELS, mean.unsqueeze(-1) + deviation.unsqueeze(-1) * SCORES)


def numbers(*given: float) -> Tensor:
    return torch.tensor(given, dtype=torch.float64)


def test_a_normal_is_met_exactly_in_between_and_beyond() -> None:
    demand = normal(numbers(50, 20), numbers(8, 3))
    for level in (0.01, 0.3, 0.5, 0.795, 0.99):
        score = torch.special.ndtri(numbers(level))
        assert demand.at(level).tolist() == pytest.approx((numbers(50, 20) + numbers(8, 3) * score).tolist())
    assert demand.at(numbers(0.5, 0.9)).tolist() == pytest.approx([50, 20 + 3 * 1.281552], rel=1e-5)
    assert demand.mean().tolist() == pytest.approx([50, 20])
    assert demand.chance(numbers(58, 20).unsqueeze(1)).squeeze(1).tolist() == pytest.approx([0.841345, 0.5], rel=1e-5)


@settings(deadline=None)
@given(st.lists(st.floats(0, 50), min_size=7, max_size=7).map(sorted), st.floats(0.01, 0.98), st.floats(0, 0.01))
def test_quantiles_never_cross_and_are_undone_by_chances(values: list[float], level: float, more: float) -> None:
    demand = Demand(LEVELS, torch.tensor([values], dtype=torch.float64))
    low, high = demand.at(level), demand.at(level + more)
    assert 0 <= float(low) <= float(high) + 1e-12
    if float(low) > 0:
        assert float(demand.chance(low.unsqueeze(1) + 1e-6)) >= level - 1e-6


def test_independent_periods_add_up_as_normals_do() -> None:
    by_period = normal(numbers(10, 20, 30).unsqueeze(0), numbers(3, 4, 12).unsqueeze(0))
    found = by_period.over(0, torch.tensor([2]))
    assert found.at(0.9).tolist() == pytest.approx([30 + 5 * 1.281552], rel=1e-5)
    together = by_period.over(1, torch.tensor([2]), correlation=1.0)
    assert together.at(0.9).tolist() == pytest.approx([50 + 16 * 1.281552], rel=1e-5)
    assert by_period.over(0, torch.tensor([0])).at(0.9).tolist() == [0]


def test_slow_days_add_up_to_a_week_s_demand() -> None:
    """Most days sell nothing: fourteen of them don't. Beside draws of one unit in three days."""
    one_day = numbers(0, 0, 0, 0, 1, 1, 2)  # Poisson of 0.4
    found = Demand(LEVELS, one_day.expand(1, 14, 7)).over(0, torch.tensor([14]))
    drawn = torch.poisson(torch.full((100_000,), 14 * 0.4, dtype=torch.float64), torch.Generator().manual_seed(0))
    assert float(found.at(0.9)) == pytest.approx(float(drawn.quantile(0.9)), abs=1)
    assert float(found.at(0.5)) == pytest.approx(float(drawn.quantile(0.5)), abs=2)


def test_a_mixture_is_what_draws_show() -> None:
    parts = [normal(numbers(20), numbers(2)), normal(numbers(60), numbers(5))]
    found = mixed(parts, numbers(0.7, 0.3).unsqueeze(0))
    random = torch.Generator().manual_seed(0)
    score = torch.randn(400_000, generator=random, dtype=torch.float64)
    first = torch.rand(400_000, generator=random) < 0.7
    drawn = torch.where(first, 20 + 2 * score, 60 + 5 * score)
    for place, level in enumerate(LEVELS.tolist()):
        assert float(found.values[0, place]) == pytest.approx(float(drawn.quantile(level)), abs=0.3)


def test_intermittent_demand_keeps_its_zeros() -> None:
    demand = Demand(LEVELS, numbers(0, 0, 0, 0, 0, 4, 9).unsqueeze(0))
    assert demand.at(0.6).tolist() == [0]
    assert demand.at(0.9).tolist() == pytest.approx([4])
    assert demand.chance(numbers(0).unsqueeze(0)).tolist() == [[pytest.approx(0.75)]]
    assert demand.chance(numbers(-1).unsqueeze(0)).tolist() == [[0]]


@pytest.mark.parametrize(
    ("levels", "values", "words"),
    [
        ([0.5, 0.1], [1, 2], "quantile levels"),
        ([0.5], [1], "quantile levels"),
        ([0.5, 1.0], [1, 2], "levels is 1"),
        ([0.1, 0.5], [1, 2, 3], "for 2 levels"),
        ([0.1, 0.5], [3, 2], "fall where"),
        ([0.1, 0.5], [3, float("nan")], "fall where"),
    ],
)
def test_quantiles_without_meaning_are_refused(levels: list[float], values: list[float], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Demand(torch.tensor(levels), torch.tensor([values], dtype=torch.float32))


def test_a_forecast_too_short_is_refused() -> None:
    with pytest.raises(UserError, match="3 periods for orders that must last 4"):
        normal(torch.ones(1, 3), torch.ones(1, 3)).over(0, torch.tensor([4]))
