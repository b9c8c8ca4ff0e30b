"""Who needs a new model: by findings, by age, never twice with the same data, and not from data that look broken."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from invplat.monitor.finding import HIGH, LOW, MEDIUM, Finding
from invplat.monitor.look import Look
from invplat.monitor.need import Limits, Standing, need_of

TODAY = date(2025, 6, 30)


def look_with(*findings: tuple[str, str, str]) -> Look:
    made = tuple(Finding(kind, severity, since, f"{kind} is told.", "") for kind, severity, since in findings)
    return Look("shop", str(TODAY), 1, str(TODAY), None, made)


def stands(known: str | None, last: date = TODAY, **more: Any) -> Standing:
    learnt = None if known is None else date.fromisoformat(known)
    return Standing("shop", last, learnt, None, **more)


def test_what_is_well_and_young_is_left_alone() -> None:
    assert not need_of(look_with(), stands("2025-06-20"), Limits()).reasons


@pytest.mark.parametrize("kind", ["drift", "bias", "accuracy_worse", "unseen_skus", "silent_store"])
def test_a_change_is_a_reason_that_is_told(kind: str) -> None:
    found = need_of(look_with((kind, MEDIUM, "2025-06-18")), stands("2025-06-20"), Limits())
    assert found.now
    assert found.moved
    assert [one.kind for one in found.reasons] == [kind]
    assert found.reasons[0].sentence == f"{kind} is told, since 18 Jun 2025"


def test_what_a_model_can_not_mend_is_none() -> None:
    others = (
        ("stale_data", HIGH, "2025-06-01"),
        ("accuracy_worse", LOW, "2025-06-01"),
        ("lead_times", HIGH, "2025-06-01"),
    )
    assert not need_of(look_with(*others), stands("2025-06-01"), Limits(age=60)).reasons
    decides = need_of(look_with(others[2]), stands("2025-06-10"), Limits(), decides=True)
    assert [one.kind for one in decides.reasons] == ["lead_times"]


def test_age_is_counted_in_days_of_data() -> None:
    assert not need_of(look_with(), stands("2025-06-03"), Limits(age=28)).reasons
    old = need_of(look_with(), stands("2025-06-02"), Limits(age=28))
    assert old.now
    assert not old.moved
    assert "28 days of data are newer" in old.reasons[0].sentence
    without_news = stands("2025-01-01", last=date(2025, 1, 5))
    assert not need_of(look_with(), without_news, Limits(age=28)).reasons


def test_a_first_model() -> None:
    first = need_of(look_with(), stands(None), Limits())
    assert [one.kind for one in first.reasons] == ["first"]
    assert first.now


def test_nobody_is_tried_again_with_nothing_new() -> None:
    drift = look_with(("drift", HIGH, "2025-06-01"))
    tried = need_of(drift, Standing("shop", TODAY, date(2025, 5, 1), TODAY), Limits())
    assert not tried.now
    assert "nothing is newer" in tried.waits
    soon = need_of(drift, Standing("shop", TODAY, None, date(2025, 6, 27)), Limits())
    assert "only 3 days of data" in soon.waits
    assert need_of(drift, Standing("shop", TODAY, None, date(2025, 6, 23)), Limits()).now


def test_what_the_gate_refuses_is_asked_more_and_more_seldom() -> None:
    drift = look_with(("drift", HIGH, "2025-06-01"))

    def told(days: int, refused: int) -> str:
        known = TODAY - timedelta(days=days)
        return need_of(drift, Standing("shop", TODAY, None, known, None, refused), Limits(age=28, rest=7)).waits

    assert [told(7, refused) for refused in (0, 1)] == ["", ""]
    assert "14 are waited for, after 2 tries that the gate refused" in told(7, 2)
    assert told(14, 2) == ""
    assert "28 are waited for" in told(27, 3)
    assert [told(28, refused) for refused in (3, 4, 500)] == ["", "", ""]


def test_a_store_that_has_closed_is_learnt_once() -> None:
    closed = look_with(("silent_store", HIGH, "2025-06-01"))
    assert need_of(closed, stands("2025-06-14"), Limits()).now
    assert not need_of(closed, stands("2025-06-15"), Limits()).reasons


@pytest.mark.parametrize("kind", ["tenfold", "missing_periods", "future_data"])
def test_broken_data_are_waited_for(kind: str) -> None:
    made = look_with(("drift", HIGH, "2025-06-18"), (kind, HIGH, "2025-06-20"))
    found = need_of(made, stands("2025-06-01"), Limits())
    assert not found.now
    assert "look broken" in found.waits


def test_who_is_at_work_is_waited_for() -> None:
    found = need_of(look_with(("drift", HIGH, "2025-06-18")), stands("2025-06-01", busy="j1"), Limits())
    assert found.waits == "job j1 is at work on it"
