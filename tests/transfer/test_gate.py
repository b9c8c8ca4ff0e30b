"""The gate: by figures alone."""

from __future__ import annotations

import numpy as np
import pytest

from invplat.core.errors import DatasetError
from invplat.transfer.gate import BASE, CANDIDATE, CHAMPION, NAIVE, Judged, chance_of, decide

SERIES = 20
SPREAD = np.linspace(0.5, 1.5, SERIES)


def judged(error: float, cost: float | None = None, noise: float = 0.0) -> Judged:
    shake = noise * np.where(np.arange(SERIES) % 2, 1.0, -1.0)
    return Judged(error * SPREAD + shake, None if cost is None else cost * SPREAD, 10 * SPREAD, 2 * error * SPREAD)


def test_better_than_all_is_promoted_with_a_reason() -> None:
    found = decide(judged(0.9, 5), {BASE: judged(1.0, 6), NAIVE: judged(1.3, 7), CHAMPION: judged(0.95, 5.5)})
    assert found.promoted
    assert found.serves == CANDIDATE
    assert "present champion (error -5.3%)" in found.reason
    assert "20 held-out series" in found.reason
    assert found.figures[BASE]["error"] == pytest.approx(20.0)


@pytest.mark.parametrize("name", [BASE, NAIVE, CHAMPION])
def test_worse_than_any_of_them_is_not(name: str) -> None:
    rivals = {BASE: judged(1.0), NAIVE: judged(1.0), CHAMPION: judged(1.0)} | {name: judged(0.8)}
    found = decide(judged(0.9), rivals)
    assert found.serves == name
    assert "12.5% above" in found.reason


def test_the_best_of_the_others_is_served() -> None:
    assert decide(judged(2.0), {BASE: judged(1.1), NAIVE: judged(1.0)}).serves == NAIVE
    assert decide(judged(2.0), {BASE: judged(1.0), NAIVE: judged(1.1)}).serves == BASE
    assert decide(None, {BASE: judged(1.0), NAIVE: judged(1.1)}).serves == BASE


def test_dearer_orders_stop_a_better_forecast() -> None:
    found = decide(judged(0.9, 6.5), {BASE: judged(1.0, 6.0), NAIVE: judged(1.3, 9.0)})
    assert found.serves == BASE
    assert "cost is 8.3% above" in found.reason


def test_a_little_worse_by_chance_passes_and_surely_does_not() -> None:
    rivals = {CHAMPION: judged(1.0), BASE: judged(1.2), NAIVE: judged(1.5)}
    assert decide(judged(1.005, noise=0.2), rivals).promoted
    found = decide(judged(1.005), rivals)  # in every series a little
    assert not found.promoted
    assert "in most series" in found.reason


def test_a_model_of_its_own_must_save_something_beside_the_untouched_base() -> None:
    rivals = {BASE: judged(1.0), NAIVE: judged(1.5)}
    found = decide(judged(0.995, noise=0.2), rivals)
    assert found.serves == BASE
    assert "gains little (-0.5%)" in found.reason
    assert decide(judged(0.98), rivals).promoted
    assert decide(judged(0.995), {**rivals, CHAMPION: judged(0.995)}).promoted  # it has one already


def test_people_read_the_medians_error_and_the_quantiles_decide() -> None:
    found = decide(judged(0.9), {BASE: Judged(SPREAD, None, 10 * SPREAD, 0.5 * SPREAD), NAIVE: judged(1.3)})
    assert found.promoted
    assert found.figures[CANDIDATE]["wape"] == pytest.approx(0.18)
    assert found.figures[BASE]["wape"] == pytest.approx(0.05)


def test_figures_that_are_no_numbers_are_never_served() -> None:
    found = decide(Judged(np.full(SERIES, np.nan)), {BASE: judged(1.0), NAIVE: judged(1.1)})
    assert found.serves == BASE
    assert "no numbers" in found.reason


def test_without_held_out_windows_what_is_there_stays() -> None:
    nothing = Judged(np.zeros(0))
    assert decide(nothing, {BASE: nothing, NAIVE: nothing}).serves == BASE
    assert decide(nothing, {BASE: nothing, NAIVE: nothing, CHAMPION: nothing}).serves == CHAMPION
    with pytest.raises(DatasetError):
        decide(nothing, {})


def test_the_paired_test_knows_its_ends() -> None:
    assert chance_of(np.array([1.0])) == 1.0
    assert chance_of(np.ones(9)) == 0.0
    assert chance_of(-np.ones(9)) == 1.0
    assert chance_of(np.array([1.0, -1.0] * 9)) == pytest.approx(0.5)
    assert chance_of(np.array([1.0, 1.1, 0.9, 1.0])) < 0.01
