"""Plans: what the loop reads of params, learning rates by step, and what is refused."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invplat.core.errors import SettingRefused
from invplat.train.plan import Plan


def test_the_loop_s_params_are_taken_from_a_trial() -> None:
    plan = Plan.of({"hidden_one": 64, "learning_rate": 0.02, "batch_size": 16}, epochs=3)
    assert (plan.learning_rate, plan.batch_size, plan.epochs) == (0.02, 16, 3)


def test_what_a_person_sets_wins() -> None:
    assert Plan.of({"batch_size": 16}, batch_size=99).batch_size == 99


@given(total=st.integers(2, 500))
def test_a_cosine_falls_from_the_rate_to_nearly_nothing(total: int) -> None:
    plan = Plan(learning_rate=0.1)
    rates = [plan.rate(step, total) for step in range(total)]
    assert rates[0] == 0.1
    assert all(later < earlier for earlier, later in pairwise(rates))
    assert 0 <= plan.rate(total, total) < 1e-12


def test_a_constant_stays() -> None:
    assert {Plan(schedule="constant", learning_rate=0.1).rate(step, 10) for step in range(10)} == {0.1}


@pytest.mark.parametrize(
    "given_",
    [
        {"epochs": -1},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"weight_decay": -1.0},
        {"schedule": "cosin"},
        {"seed": 1.5},
        {"no_such": 1},
    ],
)
def test_what_makes_no_sense_is_refused_with_a_hint(given_: dict[str, Any]) -> None:
    with pytest.raises(SettingRefused) as refused:
        Plan.of({}, **given_)
    assert refused.value.hint


def test_differences_are_named() -> None:
    assert Plan(seed=1).differences(Plan(seed=2).to_json()) == ["seed was 2, is 1"]
