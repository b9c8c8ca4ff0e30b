from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from invplat.data.synth.nation import REGIONS, holidays_of, make_nation, persistent


@pytest.mark.parametrize(
    ("year", "easter"),
    [(2000, date(2000, 4, 23)), (2008, date(2008, 3, 23)), (2024, date(2024, 3, 31)), (2025, date(2025, 4, 20))],
)
def test_easter_is_on_its_sunday(year: int, easter: date) -> None:
    assert [h.day for h in holidays_of(year) if h.name == "Easter Sunday"] == [easter]


def test_a_holiday_after_the_end_is_felt_before_it() -> None:
    nation = make_nation(np.random.default_rng(0), days=30, end=date(2025, 12, 22))
    feast = nation.occasions[:, 0]
    assert (feast[:, -1] > feast[:, -8]).all()
    assert feast[:, 0].max() > 0  # the fourth Thursday of November, the 27th, is inside
    assert nation.closing[:, -1].max() == 0


def test_a_regional_holiday_stays_in_its_region() -> None:
    nation = make_nation(np.random.default_rng(0), days=3, end=date(2025, 7, 19))  # the third Saturday of July
    assert [r for r, felt in zip(REGIONS, nation.occasions[:, 2, -1], strict=True) if felt > 0] == ["south"]


def test_persistent_noise_keeps_its_spread() -> None:
    noise = persistent(np.random.default_rng(0), (4000, 40), 0.8, 0.6)
    assert np.allclose(noise.std(axis=0), 1.0, atol=0.06)
    assert np.corrcoef(noise[:, 20], noise[:, 21])[0, 1] == pytest.approx(0.8, abs=0.03)
