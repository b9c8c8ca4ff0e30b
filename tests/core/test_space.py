"""Search spaces: what is allowed, what a refusal says, grids exact in count, and the way through JSON and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invplat.core.errors import SettingRefused
from invplat.core.space import Choice, Dimension, Integer, Space, Uniform

SPACE = Space(
    {
        "hidden": Choice((32, 64), default=32, shape=True),
        "layers": Integer(1, 3, default=2),
        "rate": Uniform(1e-4, 1e-1, default=1e-3, log=True, grid=(1e-3, 1e-2)),
        "loss": Choice(("square", "pinball"), default="pinball"),
    }
)


@st.composite
def dimensions(draw: st.DrawFn) -> Dimension:
    kind = draw(st.sampled_from(["choice", "integer", "uniform"]))
    if kind == "choice":
        options = draw(st.lists(st.integers() | st.nothing(), min_size=1, unique=True))
        return Choice(tuple(options), default=options[0], shape=draw(st.booleans()))
    low = draw(st.integers(1, 50))
    if kind == "integer":
        step = draw(st.integers(1, 3))
        return Integer(low, low + step * draw(st.integers(0, 9)), default=low, step=step)
    return Uniform(low, low + draw(st.integers(0, 9)), default=low, log=draw(st.booleans()))


@given(st.dictionaries(st.text(min_size=1), dimensions()))
def test_a_space_survives_json(found: dict[str, Dimension]) -> None:
    space = Space(found)
    assert Space.from_json(json.loads(json.dumps(space.to_json()))) == space
    assert space.check({}) == space.defaults


def test_a_grid_visits_every_point_once() -> None:
    points = list(SPACE.grid())
    assert len(points) == SPACE.grid_size() == 2 * 3 * 2 * 2
    assert len({tuple(point.items()) for point in points}) == len(points)
    assert all(SPACE.check(point) == point for point in points)


def test_a_range_without_a_grid_can_t_be_searched_exhaustively() -> None:
    with pytest.raises(SettingRefused, match="no finite grid"):
        Space({"rate": Uniform(0, 1, default=0)}).grid_size()


def test_shapes_are_told_apart() -> None:
    assert SPACE.shape_names == ("hidden",)


def test_what_is_not_given_is_at_its_default() -> None:
    assert SPACE.check({"layers": 3}) == {"hidden": 32, "layers": 3, "rate": 1e-3, "loss": "pinball"}


@pytest.mark.parametrize(
    ("params", "said", "hint"),
    [
        ({"hiden": 32}, "'hiden' is not in the space", "did you mean hidden"),
        ({"zzz": 32}, "'zzz' is not in the space", "hidden, layers, rate, loss"),
        ({"hidden": 48}, "hidden = 48 is outside", "one of 32, 64"),
        ({"hidden": "32"}, "outside", "one of 32, 64"),
        ({"layers": 4}, "layers = 4", "a whole number from 1 to 3"),
        ({"layers": True}, "layers = True", "a whole number"),
        ({"rate": 1.0}, "rate = 1.0", "a number from 0.0001 to 0.1"),
        ({"rate": float("nan")}, "rate = nan", "a number from"),
    ],
)
def test_what_is_outside_is_refused_by_its_range(params: dict[str, Any], said: str, hint: str) -> None:
    with pytest.raises(SettingRefused, match=said) as refused:
        SPACE.check(params)
    assert hint in str(refused.value.hint)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Uniform(1.0, 0.0, default=0.5), "empty"),
        (lambda: Uniform(0.0, 1.0, default=0.5, log=True), "logarithmic range from 0"),
        (lambda: Integer(1, 9, default=2, step=2), "default 2"),
        (lambda: Integer(1, 9, default=1, step=2, log=True), "step = 2"),
        (lambda: Choice((1, "a"), default=1), "a choice of"),
        (lambda: Choice((), default=1), "a choice of"),
        (lambda: Space.from_json({"a": {"kind": "normal"}}), "of kind 'normal'"),
        (lambda: Space.from_json({"a": {"kind": "uniform", "lowest": 1}}), "a: "),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(make: Any, said: str) -> None:
    with pytest.raises(SettingRefused, match=said) as refused:
        make()
    assert refused.value.hint


def test_what_a_study_widened_is_completed_not_refused() -> None:
    space = Space({"size": Choice((1, 2), default=1), "rate": Uniform(0.0, 1.0, default=0.5)})
    assert space.complete({"rate": 7.0}) == {"size": 1, "rate": 7.0}
    with pytest.raises(SettingRefused, match="sise"):
        space.complete({"sise": 1})
