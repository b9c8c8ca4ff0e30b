"""The level that a row is divided by: as the last periods tell, but never so low that a return is a thousandfold."""

from __future__ import annotations

import numpy as np

from invplat.evaluate.lagged import levels


def test_a_level_is_the_mean_of_the_last_periods() -> None:
    sure = np.concatenate([np.full((1, 50), 8.0), np.full((1, 50), 6.0)], axis=1)
    found = levels(sure, 10)
    assert found[0, 49] == 8
    assert found[0, 99] == 6


def test_a_series_that_comes_back_is_not_thousands_of_times_its_level() -> None:
    sure = np.concatenate([np.full((1, 100), 40.0), np.zeros((1, 100)), np.full((1, 5), 40.0)], axis=1)
    found = levels(sure, 28)
    assert found[0, 199] == 20 / 8  # an eighth of the mean so far
    assert (sure[:, 200:] / found[:, 199:204] <= 16).all()


def test_a_series_that_never_sold_has_a_level_all_the_same() -> None:
    assert (levels(np.zeros((2, 40)), 28) == 1 / (8 * 28)).all()
