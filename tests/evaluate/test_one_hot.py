"""Tables of numbers and names: the quick ways to linear models and neighbours say what scikit-learn's say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from sklearn import linear_model
from sklearn.neighbors import KNeighborsRegressor

from invplat.evaluate.neighbours import Nearest, Neighbours
from invplat.evaluate.one_hot import OneHot
from invplat.evaluate.squares import Squares

SIZES = (6, 4)
LINEAR = {
    "linear": linear_model.LinearRegression,
    "ridge": linear_model.Ridge,
    "lasso": linear_model.Lasso,
    "elastic_net": linear_model.ElasticNet,
}


def made(rows: int = 400, seed: int = 0) -> tuple[OneHot, Any, Any]:
    """Codes reach beyond their sizes on either side: names that nobody knows."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(rows, 3))
    codes = np.stack([random.integers(0, size + 1, rows) for size in SIZES], axis=1)
    target = numbers @ [3.0, -1.0, 0.0] + codes[:, 0] ** 2 + random.normal(size=rows)
    return OneHot.of(numbers, codes, SIZES), target, random.uniform(0.5, 3.0, rows)


def test_unknown_names_have_no_column() -> None:
    found = OneHot.of(np.zeros((3, 1)), np.array([[1], [0], [4]]), [4])
    np.testing.assert_array_equal(found.whole.toarray(), [[0, 0, 1, 0, 0], [0] * 5, [0] * 5])
    assert found.columns == 5


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("name", "grid"),
    [
        ("linear", [{}]),
        ("ridge", [{"alpha": 0.1}, {"alpha": 10.0}]),
        ("lasso", [{"alpha": 0.01}, {"alpha": 0.3}]),
        ("elastic_net", [{"alpha": 0.01, "l1_ratio": 0.5}, {"alpha": 0.3, "l1_ratio": 0.2}]),
    ],
)
def test_lines_from_squares_are_scikit_learn_s(name: str, grid: list[Mapping[str, Any]], weighted: bool) -> None:
    table, target, weights = made()
    weights = weights if weighted else None
    exact = {} if name == "linear" else {"tol": 1e-10}
    for settings, line in zip(grid, Squares.of(table, target, weights).lines(name, grid), strict=True):
        model = LINEAR[name](**settings, **exact).fit(table.whole.toarray(), target, sample_weight=weights)
        gap = np.abs(line.predict(table) - model.predict(table.whole.toarray())).max()
        assert gap < 0.02, f"{settings}: {gap}"  # theirs stops at a thousandth of the target's spread


def test_columns_that_repeat_each_other_have_an_answer() -> None:
    table, target, _ = made()
    again = OneHot(np.hstack([table.numbers, table.numbers]), table.names)
    for name, settings in (("linear", {}), ("lasso", {"alpha": 0.01})):
        [one], [twice] = (Squares.of(each, target).lines(name, [settings]) for each in (table, again))
        np.testing.assert_allclose(one.predict(table), twice.predict(again), atol=0.02)


def test_squares_pay_where_rows_are_many_a_column() -> None:
    table, _, _ = made()
    assert Squares.pay(table)
    few = OneHot(table.numbers[:100], table.names[:100])
    assert not Squares.pay(few)


def test_neighbours_are_scikit_learn_s() -> None:
    (table, target, _), (asked, _, _) = made(), made(90, seed=1)
    found = Neighbours(table, target, 7)
    for count in (1, 4, 7):
        model = KNeighborsRegressor(count).fit(table.whole, target)
        np.testing.assert_allclose(Nearest(found, count).predict(asked), model.predict(asked.whole))


def test_blocks_change_no_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    (table, target, _), (asked, _, _) = made(), made(90, seed=1)
    whole = Neighbours(table, target, 3).nearest(asked)
    monkeypatch.setattr("invplat.evaluate.neighbours.AT_ONCE", 7 * len(table))
    np.testing.assert_array_equal(Neighbours(table, target, 3).nearest(asked), whole)


def test_of_rows_equally_far_the_first_are_taken() -> None:
    table = OneHot.of(np.zeros((50, 1)), np.ones((50, 1), np.int64), [2])
    assert Neighbours(table, np.arange(50.0), 3).nearest(table)[0].tolist() == [0, 1, 2]


def test_more_neighbours_than_rows_are_all_rows() -> None:
    table, target, _ = made(5)
    np.testing.assert_allclose(Nearest(Neighbours(table, target, 40), 40).predict(table), target.mean())
