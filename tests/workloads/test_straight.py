"""What straight lines say of demand from numbers counted in its unit."""

from __future__ import annotations

import numpy as np
import pytest

from invplat_workloads.straight import Straight


def made(rows: int = 4_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    chance = np.random.default_rng(3)
    units = chance.gamma(2.0, 20.0, (rows, 2))
    return np.log(units + 1), units, 0.7 * units[:, 0] + 0.2 * units[:, 1] + chance.normal(0, 1, rows).clip(-3, 3)


def test_demand_that_is_a_line_of_what_sold_before_is_found() -> None:
    ratios, units, target = made()
    use = np.arange(len(target)) < 3_000
    said = Straight.fit(ratios, units, target, use).level(ratios[~use], units[~use])
    assert 1 - np.square(said - target[~use]).sum() / np.square(target[~use] - target[~use].mean()).sum() > 0.98


def test_rows_that_are_no_examples_are_not_learnt_from() -> None:
    ratios, units, target = made()
    use = np.arange(len(target)) < 3_000
    garbled = np.where(use, target, 1e6)
    clean, other = (Straight.fit(ratios, units, given, use).level(ratios, units) for given in (target, garbled))
    assert np.array_equal(clean, other)


def test_nothing_far_out_has_a_level_below_nothing_or_without_end() -> None:
    ratios, units, target = made()
    straight = Straight.fit(ratios, units, target, np.ones(len(target), bool))
    far = np.array([[0.0, 0.0], [1e7, 0.0]])
    said = straight.level(np.log(far + 1), far)
    assert np.isfinite(said).all()
    assert (said > 0).all()


@pytest.mark.parametrize("rows", [1, 2])
def test_a_row_or_two_are_enough_not_to_fail(rows: int) -> None:
    ratios, units, target = (part[:rows] for part in made())
    said = Straight.fit(ratios, units, target, np.ones(rows, bool)).level(ratios, units)
    assert np.isfinite(said).all()
