"""The law that the scale benchmark carries costs by."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scaling.law import FLAT, LINES, Assumed, Line, plan, predicted

UNITS = {
    "book_kb": 150.0,
    "weights_kb": 8.0,
    "series": 16.0,
    "before_mb": 400.0,
    "over": 1.5,
    "dataset_kb": 40.0,
    "model_kb": 1_000.0,
    "load_each_s": 0.002,
    "books_each_s": 0.001,
    "look_each_ms": 0.001,
    "database_each_kb": 5.0,
}
EACH = Line(3.0, 0.3)


def test_a_line_goes_through_both_and_neither_part_is_below_nothing() -> None:
    assert Line.through((1, 5.0), (10, 23.0)) == Line(3.0, 2.0)
    assert Line.through((1, 5.0), (10, 23.0)).at(1_000) == 2_003
    assert Line.through((1, 9.0), (10, 4.0)) == Line(9.0, 0.0)  # noise
    assert Line.through((1, 1.0), (10, 20.0)).fixed == 0


def test_what_is_flat_stays_and_memory_is_what_each_holds() -> None:
    few = dict.fromkeys((*LINES, *FLAT), 1.0)
    more = {**dict.fromkeys(LINES, 10.0), **dict.fromkeys(FLAT, 7.0), **UNITS, "process_mb": 420.0}
    found = predicted(few, more, (1, 10), 1_000)
    assert found["adapt_core_s"] == pytest.approx(1_000)
    assert found["question_us"] == 7
    assert found["process_mb"] == pytest.approx(420 + 990 * 0.158)


def test_memory_is_the_first_wall_and_fewer_at_hand_move_it() -> None:
    small = plan(UNITS, EACH, Assumed())
    assert small["GB a replica"] == pytest.approx(1.5 * 100_000 * 158 / 1e6 + 0.4)
    assert small["replica fits"]
    large = plan(UNITS, EACH, replace(Assumed(), series=200))
    assert not large["replica fits"]
    assert large["serving cores"] == small["serving cores"]
    assert plan(UNITS, EACH, replace(Assumed(), series=200, active=0.1))["replica fits"]


def test_cores_go_with_questions_and_fine_tunes_with_businesses() -> None:
    usual = plan(UNITS, EACH, Assumed())
    assert plan(UNITS, EACH, replace(Assumed(), rate=20_000.0))["serving cores"] == 2 * usual["serving cores"]
    half = plan(UNITS, EACH, replace(Assumed(), tenants=50_000))
    assert half["fine-tune core-h a month"] == pytest.approx(usual["fine-tune core-h a month"] / 2, rel=1e-3)
    assert plan(UNITS, EACH, replace(Assumed(), rate=1.0))["replicas"] == 2  # one may be lost
