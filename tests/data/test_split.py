"""Splits: time goes one way, whatever the lengths."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invplat.core.errors import DatasetError
from invplat.data.assemble import build_panel
from invplat.data.split import calendar_of, rolling_origins, temporal_split
from invplat.data.timeline import Timeline
from tests.data.memory import day, memory_dataset, sales

LINES = st.builds(Timeline, st.just("daily"), st.just(19000), st.integers(1, 120))


@given(
    line=LINES,
    horizon=st.integers(1, 9),
    validation=st.integers(1, 30),
    test=st.integers(1, 30),
    past=st.integers(1, 20),
)
def test_no_target_of_a_part_lies_in_another(
    line: Timeline, horizon: int, validation: int, test: int, past: int
) -> None:
    fits = min(validation, test) >= horizon and past + horizon + validation + test <= line.length
    if not fits:
        with pytest.raises(DatasetError):
            temporal_split(line, horizon=horizon, validation=validation, test=test, past=past)
        return
    split = temporal_split(line, horizon=horizon, validation=validation, test=test, past=past)
    assert split.train.last < split.validation.first <= split.validation.last < split.test.first
    assert split.test.last == line.dates[-1]
    assert (split.validation.last - split.validation.first).days + 1 == validation
    assert (split.test.last - split.test.first).days + 1 == test
    for part in (split.train, split.validation, split.test):
        assert part.cutoffs, "a part without a cutoff judges nothing"
        for cutoff in part.cutoffs:
            assert part.first <= cutoff + timedelta(1)
            assert cutoff + timedelta(horizon) <= part.last
        assert part.cutoffs[-1] + timedelta(horizon) == part.last
    assert (split.train.cutoffs[0] - line.dates[0].item()).days + 1 == past


@given(line=LINES, horizon=st.integers(1, 9), count=st.integers(1, 8), step=st.integers(1, 9))
def test_an_origin_learns_only_from_before_it(line: Timeline, horizon: int, count: int, step: int) -> None:
    if 1 + 2 * horizon + (count - 1) * step > line.length:
        with pytest.raises(DatasetError, match=f"history has {line.length} periods"):
            rolling_origins(line, horizon=horizon, count=count, step=step)
        return
    origins = rolling_origins(line, horizon=horizon, count=count, step=step)
    assert len(origins) == count
    assert origins[-1].last == line.dates[-1]
    for origin in origins:
        assert origin.train.last == origin.cutoff < origin.first
        assert (origin.last - origin.first).days + 1 == horizon
        assert all(cutoff + timedelta(horizon) <= origin.cutoff for cutoff in origin.train.cutoffs)
    assert {(b.cutoff - a.cutoff).days for a, b in pairwise(origins)} <= {step}


def test_thinned_cutoffs_keep_the_last() -> None:
    split = temporal_split(Timeline("daily", 0, 40), horizon=2, validation=5, test=5)
    assert split.train.thinned(7)[-1] == split.train.cutoffs[-1]
    assert len(split.train.thinned(7)) == -(-len(split.train.cutoffs) // 7)


def test_origins_up_to_an_earlier_end() -> None:
    origins = rolling_origins(Timeline("daily", 0, 60), horizon=3, count=2, end="1970-01-31")
    assert [str(origin.last) for origin in origins] == ["1970-01-28", "1970-01-31"]


def test_panels_of_many_stores_share_a_calendar_of_known_periods() -> None:
    dataset = memory_dataset({"sales": sales("a", [1] * 5) + sales("a", [1] * 5, store="s2", first=2)})
    both = [build_panel(dataset, store, after=4) for store in dataset.stores]
    assert calendar_of(both) == [day(number) for number in range(7)]
    weekly = build_panel(memory_dataset({"sales": sales("a", [1] * 9, step=7)}, frequency="weekly"), "s1")
    assert temporal_split(weekly, horizon=2, validation=2, test=2).test.first == day(49)


def test_too_little_history_says_how_much_is_needed() -> None:
    with pytest.raises(DatasetError, match="10 periods; 60 are needed: past 28"):
        temporal_split(Timeline("daily", 0, 10), horizon=8, validation=12, test=12, past=28)
    with pytest.raises(DatasetError, match="can't hold a horizon of 8"):
        temporal_split(Timeline("daily", 0, 100), horizon=8, validation=4, test=12)
