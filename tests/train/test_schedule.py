"""When a model learns, is chosen and is judged: parts never overlap, and a short history is told so."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invplat.core.errors import DatasetError
from invplat.train.schedule import USUAL, Schedule, fitting, staggered

FIRST = date(2024, 1, 1)


def days(count: int) -> list[date]:
    return [FIRST + timedelta(days=number) for number in range(count)]


@given(
    periods=st.integers(4, 300),
    horizon=st.integers(1, 60),
    stride=st.integers(1, 9),
    validations=st.integers(0, 4),
    tests=st.integers(0, 4),
)
def test_no_target_of_one_part_lies_in_a_later_one(
    periods: int, horizon: int, stride: int, validations: int, tests: int
) -> None:
    dates = days(periods)
    parts = bool(validations) + bool(tests)
    if periods < 1 + (1 + parts) * horizon:
        with pytest.raises(DatasetError, match=f"a horizon of {horizon} in a history of {periods}"):
            Schedule.of(dates, horizon, stride=stride, validations=validations, tests=tests)
        return
    found = Schedule.of(dates, horizon, stride=stride, validations=validations, tests=tests)
    later = [part for part in (found.train, found.validation, found.test) if part]
    assert len(later) == 1 + parts
    for one, other in pairwise(later):
        assert one[-1] + timedelta(days=horizon) <= other[0]
    assert later[-1][-1] + timedelta(days=horizon) == dates[-1]  # nothing recent is left unused
    assert list(found.every) == sorted(set(found.every))
    assert set(found.every) <= set(dates)


def test_a_long_history_has_several_cutoffs_in_each_part_on_different_weekdays() -> None:
    found = Schedule.of(days(730), 28)
    assert [len(found.validation), len(found.test)] == [3, 3]
    assert len({day.weekday() for day in found.test}) == 3
    assert len(found.train) > 500


@given(st.integers(1, 400))
def test_a_step_is_never_a_whole_number_of_weeks(periods: int) -> None:
    assert staggered(periods) % 7


def test_the_usual_spec_is_shortened_and_said_where_history_is_short() -> None:
    spec, note = fitting("daily", 730)
    assert ((spec.past, spec.horizon), note) == (USUAL["daily"], "")
    spec, note = fitting("daily", 60)
    assert spec.horizon < 28
    assert f"60 days: sees {spec.past}, answers for {spec.horizon}" in note
    for frequency in USUAL:
        for periods in range(4, 60):
            spec, _ = fitting(frequency, periods)
            Schedule.of(days(periods), spec.horizon)  # there is room for what was chosen


@pytest.mark.parametrize(
    ("periods", "past", "horizon", "words"),
    [
        (1, None, None, "the history has 1 days"),
        (100, None, 60, "ask for a horizon of 33 or less"),
        (3, None, 1, "the history has 3 days"),
        (100, 200, None, "past = 200 days, the history has 100"),
        (100, 0, None, "past = 0"),
    ],
)
def test_what_a_history_has_no_room_for_is_refused(
    periods: int, past: int | None, horizon: int | None, words: str
) -> None:
    with pytest.raises(DatasetError, match=words):
        fitting("daily", periods, past, horizon)
