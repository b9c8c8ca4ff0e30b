"""Statistics against others' and against what is known of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, ks_2samp

from invplat.monitor.change import changed_at, counted, coverage_band, edges_of, ks, ks_chance, psi, psi_of_counts

SAMPLES = st.lists(st.integers(0, 20).map(float), min_size=5, max_size=60).map(np.array)


@given(one=SAMPLES, other=SAMPLES)
def test_ks_is_scipys(one: np.ndarray, other: np.ndarray) -> None:  # type: ignore[type-arg]
    assert ks(one, other) == pytest.approx(ks_2samp(one, other, method="asymp").statistic)


@pytest.mark.parametrize("moved", [0.0, 0.2, 0.5])
def test_its_chance_is_near_scipys(moved: float) -> None:
    random = np.random.default_rng(3)
    one, other = random.normal(0, 1, 300), random.normal(moved, 1, 200)
    theirs = ks_2samp(one, other)
    ours = ks_chance(ks(one, other), 300, 200)
    assert ours == pytest.approx(theirs.pvalue, rel=0.3, abs=1e-4)


@given(one=SAMPLES, other=SAMPLES)
def test_psi_is_never_below_zero_and_nothing_for_the_same(one: np.ndarray, other: np.ndarray) -> None:  # type: ignore[type-arg]
    assert psi(one, other) >= -1e-12
    assert psi(one, one) == pytest.approx(0)
    assert counted(one, edges_of(other)).sum() == len(one)


def test_psi_by_hand() -> None:
    # Shares of 20.5 and 80.5 of 101, against 50.5 and 50.5.
    one, other = 20.5 / 101, 0.5
    wanted = (other - one) * np.log(other / one) + ((1 - other) - (1 - one)) * np.log((1 - other) / (1 - one))
    assert psi_of_counts(np.array([20.0, 80.0]), np.array([50.0, 50.0])) == pytest.approx(wanted)


@given(before=st.integers(3, 30), after=st.integers(3, 30), unknown=st.sets(st.integers(0, 60), max_size=3))
def test_a_step_is_found_where_it_is(before: int, after: int, unknown: set[int]) -> None:
    values = np.concatenate([np.zeros(before), np.ones(after)])
    gone = [place for place in unknown if place < len(values) and place not in range(before - 2, before + 2)]
    values[[place for place in gone if 3 <= place < len(values) - 3]] = np.nan
    assert changed_at(values) == before


def test_too_little_to_find_a_step_in() -> None:
    assert changed_at(np.array([])) == 0
    assert changed_at(np.array([np.nan, 1.0, np.nan])) == 1


@pytest.mark.parametrize(("share", "number"), [(0.9, 50), (0.9, 2000), (0.5, 30)])
def test_the_band_holds_what_chance_gives(share: float, number: int) -> None:
    low, high = coverage_band(share, number)
    assert 0 <= low < share < high <= 1
    inside = binom.cdf(np.floor(high * number), number, share) - binom.cdf(np.ceil(low * number) - 1, number, share)
    assert inside > 0.99
