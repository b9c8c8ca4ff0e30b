"""One order for one season: textbook figures, and that no other order is cheaper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invplat.core.errors import UserError
from invplat.inventory import newsvendor


def test_the_textbook_normal() -> None:
    found = newsvendor.newsvendor_normal(0.18, 0.70, 50, 8)
    assert found.quantity == pytest.approx(56.604, abs=1e-3)
    assert found.cost == pytest.approx(1.9976, abs=1e-3)


def test_the_textbook_poisson() -> None:
    found = newsvendor.newsvendor_poisson(1, 4, 50)
    assert found.quantity == 56
    assert found.cost == pytest.approx(10.0752, abs=1e-3)


@settings(deadline=None)
@given(st.floats(0.1, 9), st.floats(0.1, 90), st.floats(0.05, 60), st.integers(0, 120))
def test_no_other_whole_quantity_is_cheaper_for_poisson(h: float, b: float, mean: float, other: int) -> None:
    found = newsvendor.newsvendor_poisson(h, b, mean)
    short = newsvendor.poisson_loss(other, mean)
    assert h * (other - mean + short) + b * short >= found.cost - 1e-9


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=30),
    st.integers(1, 9),
    st.integers(1, 30),
    st.integers(0, 60),
)
def test_no_other_quantity_is_cheaper_on_the_sample(draws: list[int], h: int, b: int, other: int) -> None:
    found = newsvendor.newsvendor_empirical(h, b, draws)
    sample = np.array(draws, float)
    cost = h * np.maximum(other - sample, 0).mean() + b * np.maximum(sample - other, 0).mean()
    assert cost >= found.cost - 1e-9
    assert found.quantity in sample


def test_many_items_at_once() -> None:
    found = newsvendor.newsvendor_empirical([1, 1], [1, 9], [[1, 2, 3, 4, 5], [1, 2, 3, 4, 5]])
    assert found.quantity == pytest.approx([3, 5])
    assert newsvendor.newsvendor_normal(1, [1, 9], 10, 2).quantity == pytest.approx([10, 12.563], abs=1e-3)
    assert newsvendor.newsvendor_poisson(1, [4, 4], [50, 0]).quantity == pytest.approx([56, 0])


@settings(deadline=None)
@given(st.floats(0.01, 0.99), st.floats(0.01, 200))
def test_poisson_quantile_is_the_first_that_suffices(level: float, mean: float) -> None:
    found = int(newsvendor.poisson_quantile(level, mean))
    counts = np.arange(found + 1)
    log_chances = counts * np.log(mean) - mean - np.array([sum(np.log(np.arange(1, k + 1))) for k in counts])
    below = np.exp(log_chances).cumsum()
    assert below[found] >= level - 1e-9
    assert found == 0 or below[found - 1] < level + 1e-9


def test_losses_are_what_draws_lack() -> None:
    random = np.random.default_rng(0)
    assert newsvendor.normal_loss(12, 10, 4) == pytest.approx(
        np.maximum(random.normal(10, 4, 400_000) - 12, 0).mean(), abs=0.02
    )
    assert newsvendor.poisson_loss(12, 10) == pytest.approx(
        np.maximum(random.poisson(10, 400_000) - 12, 0).mean(), abs=0.02
    )
    assert newsvendor.poisson_loss(0, 10) == pytest.approx(10)
    assert newsvendor.normal_loss([3, 12], 10, 0) == pytest.approx([7, 0])
    assert newsvendor.empirical_loss([2, 4], [[1, 5], [1, 5]]) == pytest.approx([1.5, 0.5])


def test_costs_and_samples_without_meaning_are_refused() -> None:
    with pytest.raises(UserError, match="holding is 0"):
        newsvendor.newsvendor_normal(0, 1, 10, 2)
    with pytest.raises(UserError, match="empty sample"):
        newsvendor.newsvendor_empirical(1, 1, [])
    with pytest.raises(UserError, match="shortage is inf"):
        newsvendor.critical_ratio(1, float("inf"))
