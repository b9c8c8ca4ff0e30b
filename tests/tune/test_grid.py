"""Points known beforehand: a grid exact in count, packs as wide as pays, draws by the seed."""

from __future__ import annotations

from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invplat.core.errors import SettingRefused
from invplat.core.space import Choice, Integer, Space
from invplat.tune.grid import check_grid
from invplat.tune.search import search_of
from tests.tune.studies import SPACE, carried_out, plan_of, study


def flat(params: dict[str, object]) -> tuple[object, ...]:
    return tuple(params.items())


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=1, max_size=4),
    st.integers(1, 9),
    st.none() | st.integers(1, 300),
)
def test_a_grid_is_exact_in_count(axes: list[tuple[int, bool]], width: int, cap: int | None) -> None:
    space = Space({f"p{place}": Choice(tuple(range(size)), 0, shape=shape) for place, (size, shape) in enumerate(axes)})
    plan = plan_of(space=space, search="grid", trials=cap)
    packs, finished = carried_out(search_of(plan, lambda params: width), loss=lambda params: 1.0)
    size = prod(size for size, _ in axes)
    points = {flat(trial.params) for trial in finished}
    assert len(points) == len(finished) == min(size, cap or size)
    assert points <= {flat(point) for point in space.grid()}
    if cap is None:
        shapes = prod(size for size, shape in axes if shape)
        assert len(packs) == shapes * -(-size // shapes // width)  # no pack narrower than it must be
        assert all(len(pack.trials) <= width for pack in packs)


def test_packs_of_a_shape_are_even() -> None:
    packs, _ = study(4, search="grid", trials=None)  # 8 shapes of 6 points
    assert [len(pack.trials) for pack in packs] == [3] * 16


def test_a_huge_grid_is_never_made_whole() -> None:
    space = Space({f"p{place}": Integer(1, 1000, 1) for place in range(9)})
    _, finished = carried_out(
        search_of(plan_of(space=space, search="grid", trials=5), lambda params: 1), loss=lambda params: 1.0
    )
    assert len({flat(trial.params) for trial in finished}) == 5


def test_a_grid_that_may_be_a_mistake_is_refused_with_its_count() -> None:
    space = Space({f"p{place}": Integer(1, 100, 1) for place in range(3)})
    with pytest.raises(SettingRefused, match="1,000,000 points") as refused:
        check_grid(space, None, yes=False)
    assert "--yes" in str(refused.value.hint)
    assert "--trials" in str(refused.value.hint)
    assert check_grid(space, None, yes=True) == 1_000_000
    assert check_grid(space, 500, yes=False) == 500
    assert check_grid(SPACE, 500, yes=False) == 48


def test_draws_hang_on_the_seed_and_not_on_the_width() -> None:
    def points(width: int, seed: int) -> list[tuple[object, ...]]:
        _, finished = study(width, search="random", seed=seed)
        return sorted(flat(trial.params) for trial in finished)

    assert points(1, 7) == points(5, 7) != points(5, 8)


def test_draws_begin_with_what_another_study_found() -> None:
    warm = [{**SPACE.defaults, "rate": 0.02}, {**SPACE.defaults, "hidden": 128}]
    search = search_of(plan_of(search="random"), lambda params: 4, warm=warm)
    _, finished = carried_out(search)
    assert len(finished) == 32
    assert {flat(point) for point in warm} <= {flat(trial.params) for trial in finished}
