from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invplat.core.errors import SettingRefused
from invplat.tune.halving import Halving
from invplat.tune.trial import Asked, State
from tests.tune.studies import ended

LOSSES = st.floats(0, 100)


@pytest.mark.parametrize(("epochs", "rungs"), [(1, ()), (2, (1,)), (9, (1, 3)), (30, (3, 9)), (100, (11, 33)), (0, ())])
def test_rungs_are_in_the_first_half(epochs: int, rungs: tuple[int, ...]) -> None:
    assert Halving("asha", epochs).rungs == rungs
    assert Halving("none", epochs).rungs == ()


def test_asha_lets_one_of_three_go_on() -> None:
    losses = {number: float(number) for number in range(9)}
    assert Halving("asha", 9).stay(3, losses, {}) == {0, 1, 2}
    assert Halving("asha", 9).stay(3, losses, {3: (-1.0, -2.0, -3.0)}) == {0}
    assert Halving("asha", 9).stay(3, losses, {1: (-1.0, -2.0, -3.0)}) == {0, 1, 2}


def test_median_lets_the_better_half_go_on_once_there_are_a_few() -> None:
    halving = Halving("median", 9)
    assert halving.stay(1, {7: 1.0, 8: 2.0}, {}) == {7, 8}
    assert halving.stay(1, {7: 1.0, 8: 2.0}, {1: (3.0, 4.0)}) == {7, 8}
    assert halving.stay(1, {7: 1.0, 8: 2.5}, {1: (1.5, 3.0)}) == {7}


def test_between_rungs_and_without_a_scheduler_all_go_on() -> None:
    assert Halving("asha", 9).stay(2, {1: 5.0, 2: nan}, {2: (0.0,)}) == {1, 2}
    assert Halving("none", 9).stay(3, {1: 5.0, 2: 6.0}, {3: (0.0,)}) == {1, 2}


def test_a_pack_that_is_worse_than_those_before_ends_whole() -> None:
    assert Halving("asha", 9).stay(3, {4: 2.0, 5: 3.0}, {3: (1.0, 1.0, 1.0)}) == set()


@given(
    st.sampled_from(["asha", "median"]),
    st.dictionaries(st.integers(0, 50), LOSSES | st.sampled_from([nan, inf]), min_size=1),
    st.lists(LOSSES),
)
def test_the_best_ever_seen_goes_on_and_nobody_worse_before_somebody_better(
    scheduler: str, losses: dict[int, float], seen: list[float]
) -> None:
    stay = Halving(scheduler, 9).stay(3, losses, {3: seen})
    known = [loss for loss in losses.values() if loss < inf]
    assert all(losses[trial] < inf for trial in stay)
    if known:
        best = min([*known, *seen])
        assert {trial for trial, loss in losses.items() if loss == best} <= stay
        worst = max((losses[trial] for trial in stay), default=-1.0)
        assert all(trial in stay for trial, loss in losses.items() if loss <= worst)
    if known and not seen:
        assert stay  # a first pack never stops whole


def test_what_was_seen_at_a_rung() -> None:
    trial, halving = Asked(0, {}, 0), Halving("asha", 9)
    done = ended(trial, 0, validation=(5.0, 4.0, 3.0, 6.0))
    patient = ended(trial, 0, validation=(2.0, 4.0))  # ended by itself before the second rung
    stopped = ended(trial, 0, validation=(9.0,), state=State.STOPPED)
    away = ended(trial, 0, validation=(8.0, nan, nan), state=State.DIVERGED)
    assert halving.seen([done, patient, stopped, away]) == {1: (5.0, 2.0, 9.0, 8.0), 3: (3.0, 2.0)}


def test_an_unknown_scheduler_is_refused() -> None:
    with pytest.raises(SettingRefused, match="median"):
        Halving("mediam", 9)
