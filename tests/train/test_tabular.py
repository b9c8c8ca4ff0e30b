"""A workload on rows without a past: chosen on validation, blind to the test rows' targets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from invplat.core.errors import SettingRefused
from invplat.evaluate.tabular_references import Parts, TabularData
from invplat.train.tabular import tabular_workload
from invplat.workload import find

NAMES = np.array(["red", "green", "blue"])
SETTINGS = ({"hidden_one": 32, "hidden_two": 32, "learning_rate": 1e-5}, {"hidden_one": 32, "hidden_two": 32})


def made(rows: int = 700) -> tuple[TabularData, Parts]:
    random = np.random.default_rng(0)
    colour, price = random.integers(0, 3, rows), random.uniform(1, 5, rows)
    target = np.array([5.0, 20.0, 40.0])[colour] * (1 + (price < 2)) + random.normal(0, 1, rows)
    price[5] = np.nan
    order = np.arange(rows)
    parts = Parts(order[:500], order[500:600], order[600:])
    return TabularData({"price": price}, {"colour": NAMES[colour].tolist()}, target), parts


def test_it_learns_what_the_columns_tell_and_settings_are_chosen() -> None:
    data, parts = made()
    found = tabular_workload(find("mlp"), data, parts, settings=SETTINGS, epochs=25, batch=32)
    assert (found.outcome.figures["r2"].value or 0) > 0.8
    assert found.outcome.settings == SETTINGS[1]
    assert len(found.curve.train) <= 25


def test_the_test_rows_change_nothing() -> None:
    data, parts = made()
    target = data.target.copy()
    target[parts.test] = 1e6
    one, other = (
        tabular_workload(find("mlp"), each, parts, settings=SETTINGS[1:], epochs=2)
        for each in (data, replace(data, target=target))
    )
    np.testing.assert_array_equal(one.outcome.predicted, other.outcome.predicted)


def test_a_workload_that_reads_a_past_is_refused() -> None:
    with pytest.raises(SettingRefused, match="lstm reads a past"):
        tabular_workload(find("lstm"), *made())
