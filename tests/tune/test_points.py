"""Points of a space: always allowed, as likely as the space says, evenly spread where that is asked."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invplat.core.space import Choice, Dimension, Integer, Uniform, Value
from invplat.tune.points import at, drawn, moved, nearest, spread
from tests.tune.studies import SPACE


@st.composite
def dimensions(draw: st.DrawFn) -> Dimension:
    kind, log = draw(st.sampled_from(["choice", "integer", "uniform"])), draw(st.booleans())
    low = draw(st.integers(1 if log else -9, 50))
    if kind == "choice":
        options = draw(st.lists(st.integers(-9, 9), min_size=1, max_size=5, unique=True))
        return Choice(tuple(options), default=options[0])
    high = low + draw(st.integers(0, 40))
    if kind == "integer":
        return Integer(low, high, default=low, log=log, step=1 if log else draw(st.integers(1, 7)))
    return Uniform(low, high, default=low, log=log)


@given(dimensions(), st.floats(0, 1, exclude_max=True))
def test_every_share_of_a_dimension_is_allowed(dimension: Dimension, share: float) -> None:
    assert dimension.allows(at(dimension, share))


@given(dimensions(), st.integers(-99, 99) | st.floats(-99, 99) | st.text() | st.booleans())
def test_whatever_another_study_tried_is_moved_inside(dimension: Dimension, value: Value) -> None:
    found = nearest(dimension, value)
    assert dimension.allows(found)
    if type(found) is type(value) and dimension.allows(value):
        assert found == value


def test_equal_shares_are_equal_orders_of_magnitude_on_a_logarithmic_range() -> None:
    rate, whole = Uniform(1e-5, 1e-1, 1e-3, log=True), Integer(1, 100, 1, log=True)
    assert at(rate, 0.5) == pytest.approx(1e-3)
    assert at(whole, 0.5) == 7  # of 0.5 to 100.5
    counts = Counter(at(Integer(0, 10, 0, step=5), share) for share in np.linspace(0, 1, 300, endpoint=False))
    assert counts == {0: 100, 5: 100, 10: 100}


def test_draws_are_points_of_the_space_by_the_seed() -> None:
    ten = [drawn(SPACE, np.random.default_rng(seed)) for seed in range(10)]
    assert all(SPACE.check(point) == point for point in ten)
    assert ten[3] == drawn(SPACE, np.random.default_rng(3)) != ten[4]


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(0, 99), st.integers(1, 4))
def test_a_few_in_a_row_are_spread_over_each_dimension(first: int, seed: int, width: int) -> None:
    names = ["a", "b", "c", "d"][:width]
    found = [spread(names, number, seed) for number in range(first, first + 32)]
    for name in names:
        assert len({int(4 * shares[name]) for shares in found}) == 4  # no quarter stays empty


def test_warm_points_come_once_with_what_they_lack_at_its_default() -> None:
    old = {"hidden": 100, "rate": 9.0, "batch_size": "many", "gone": 1}
    near = {"hidden": 128, "rate": 0.1, "dropout": 0.1, "batch_size": 256}
    assert moved(SPACE, [old, near, old]) == [near]
