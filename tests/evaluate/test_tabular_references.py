"""The report's comparison on made-up rows: settings are chosen on validation, and the test part is only judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from invplat.core.errors import DatasetError
from invplat.evaluate import estimators
from invplat.evaluate.estimators import GRIDS, Rows, estimate
from invplat.evaluate.tabular_references import Parts, TabularData, compared, tabular_reference

NAMES = np.array(["red", "green", "blue", "rare"])


def made(seed: int = 0, rows: int = 600) -> tuple[TabularData, Parts]:
    """Quantity is a price effect times what each colour sells; some prices and colours are unknown."""
    random = np.random.default_rng(seed)
    colour = random.integers(0, 3, rows)
    price = random.uniform(1, 5, rows)
    target = np.array([5.0, 20.0, 40.0])[colour] * (1 + (price < 2)) + random.normal(0, 1, rows)
    texts: list[str | None] = NAMES[colour].tolist()
    texts[3], texts[-1] = None, "never seen"
    price[5] = np.nan
    order = np.arange(rows)
    return TabularData({"price": price}, {"colour": texts}, target), Parts(order[:400], order[400:500], order[500:])


def test_every_estimator_learns_and_the_table_has_the_report_s_columns() -> None:
    data, parts = made()
    found = {outcome.name: outcome for outcome in compared(data, parts, threads=1)}
    assert list(found) == list(GRIDS)
    r2 = {name: outcome.figures["r2"].value or 0 for name, outcome in found.items()}
    assert min(r2.values()) > 0.5
    assert max(r2[name] for name in ("linear", "ridge")) < min(r2[name] for name in ("forest", "lightgbm"))
    assert {"rmse", "correlation", "mae", "rae", "rrse", "mape", "r2"} <= set(found["linear"].figures)


@pytest.mark.parametrize("name", ["ridge", "neighbours", "forest", "lightgbm"])
def test_the_test_part_changes_no_prediction_and_no_choice(name: str) -> None:
    data, parts = made()
    spoilt = data.target.copy()
    spoilt[parts.test] = 1e6
    one, other = (tabular_reference(each, parts, name, threads=1) for each in (data, replace(data, target=spoilt)))
    np.testing.assert_array_equal(one.predicted, other.predicted)
    assert one.settings == other.settings


def test_settings_are_those_best_on_validation() -> None:
    data, parts = made()
    losses = {}
    for number in GRIDS["neighbours"]["n_neighbors"]:
        part = Parts(parts.train, parts.test, parts.validation)  # judged on what the choice is made on
        found = tabular_reference(data, part, "neighbours", grid={"n_neighbors": (number,)})
        losses[number] = found.figures["rmse"].value
    chosen = tabular_reference(data, parts, "neighbours").settings["n_neighbors"]
    assert losses[chosen] == min(loss for loss in losses.values() if loss is not None)


def test_refit_learns_from_validation_too() -> None:
    data, parts = made()
    grid = {"n_neighbors": (1,)}
    plain, again = (tabular_reference(data, parts, "neighbours", grid=grid, refit=refit) for refit in (False, True))
    assert (plain.predicted != again.predicted).any()


def test_lightgbm_says_the_quantile_it_is_asked_for() -> None:
    random = np.random.default_rng(1)
    rows = Rows(random.random((4000, 1)), np.zeros((4000, 0), np.int64), ("x",), ())
    target = random.random(4000)
    low, high = rows.where(slice(0, 2000)), rows.where(slice(2000, None))
    fitted = estimate("lightgbm", (low, target[:2000]), (high, target[2000:]), quantile=0.9, grid={"num_leaves": (4,)})
    assert abs((target[2000:] <= fitted.predict(high)).mean() - 0.9) < 0.03


def test_too_many_neighbours_are_refused_with_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    data, parts = made()
    monkeypatch.setattr(estimators, "NEIGHBOUR_ROWS", 300)
    with pytest.raises(DatasetError, match=r"given 400 rows; 300 is the limit\n.*ridge, forest or lightgbm"):
        tabular_reference(data, parts, "neighbours")
    assert tabular_reference(data, parts, "neighbours", most=200).figures["r2"].value is not None


def test_mistakes_are_explained() -> None:
    data, parts = made()
    with pytest.raises(DatasetError, match="svm"):
        tabular_reference(data, parts, "svm")
    with pytest.raises(DatasetError, match="more than one part"):
        Parts(parts.train, parts.train, parts.test)
    with pytest.raises(DatasetError, match="each need some"):
        Parts(parts.train, parts.validation, parts.test[:0])
    with pytest.raises(DatasetError, match="column price has 600 rows"):
        TabularData(data.numbers, {}, data.target[:5])
    rows = data.rows(parts.train)
    with pytest.raises(DatasetError, match="means only"):
        estimate("ridge", (rows, data.target), (rows, data.target), quantile=0.5)
    with pytest.raises(DatasetError, match="0 training"):
        estimate("ridge", (rows.where([]), data.target[:0]), (rows, data.target))


def test_a_forest_chosen_with_few_trees_is_grown_to_what_it_would_have_been() -> None:
    data, parts = made()
    rows, grid = data.rows(parts.train), {"max_features": (1.0,), "min_samples_leaf": (2,)}
    training, validation = ((rows.where(part), data.target[part]) for part in (parts.train, parts.validation))
    found = estimate("forest", training, validation, grid=grid, seed=5, threads=1)
    matrix = found.encoding.apply(rows.where(parts.train))
    whole = RandomForestRegressor(estimators.TREES, max_features=1.0, min_samples_leaf=2, random_state=5)
    whole.fit(matrix, data.target[parts.train])
    np.testing.assert_array_equal(found.model.predict(matrix), whole.predict(matrix))
