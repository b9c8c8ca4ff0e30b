"""Fitted transforms: there and back, through JSON, and never more than they were shown."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from invplat.core.errors import DatasetError
from invplat.data.transforms import KINDS, Categories, LogScale, MinMax, OneHot, Standardise, from_json

NAMES = st.lists(st.one_of(st.none(), st.text(max_size=5)), max_size=20)
VALUES = hnp.arrays(np.float64, st.integers(0, 20), elements=st.floats(-1e5, 1e5) | st.just(np.nan))


@given(names=NAMES)
def test_names_come_back_from_their_ids(names: list[str | None]) -> None:
    for order in ("name", "frequency"):
        vocabulary = Categories.fit(names, cutoff="2024-01-01", order=order)
        assert vocabulary.invert(vocabulary.apply(names)) == names
        assert from_json(json.loads(json.dumps(vocabulary.to_json()))) == vocabulary
        assert vocabulary.apply([None]).tolist() == [0]


@given(names=NAMES, more=NAMES)
def test_new_names_move_no_old_id(names: list[str | None], more: list[str | None]) -> None:
    old = Categories.fit(names, cutoff="2024-01-01")
    new = old.extend(more, cutoff="2024-02-01")
    assert new.apply(names).tolist() == old.apply(names).tolist()
    assert (new.apply([name for name in more if name is not None]) > 0).all()
    assert new.size == len({name for name in (*names, *more) if name is not None}) + 1
    assert new.cutoff == "2024-02-01"


def test_vocabulary_orders_and_rare_names() -> None:
    names = ["b", "b", "b", "a", "c", "c"]
    assert Categories.fit(names, cutoff="x").names == ("a", "b", "c")
    assert Categories.fit(names, cutoff="x", order="frequency").names == ("b", "c", "a")
    assert Categories.fit(names, cutoff="x", least=2).apply(["a", "b", "never"]).tolist() == [0, 1, 0]
    with pytest.raises(DatasetError, match="sideways"):
        Categories.fit(names, cutoff="x", order="sideways")


@given(names=NAMES)
def test_one_hot_says_one_thing_a_row(names: list[str | None]) -> None:
    fitted = OneHot.fit(names, cutoff="2024-01-01")
    columns = fitted.apply(names)
    assert columns.shape == (len(names), fitted.categories.size)
    assert (columns.sum(axis=1) == 1).all()
    assert fitted.invert(columns) == names
    assert from_json(json.loads(json.dumps(fitted.to_json()))) == fitted


@pytest.mark.parametrize("kind", [Standardise, LogScale, MinMax])
@given(values=VALUES)
def test_numbers_come_back(kind: Any, values: npt.NDArray[np.float64]) -> None:
    fitted = kind.fit(values, cutoff="2024-01-01")
    scaled = fitted.apply(values)
    known = np.isfinite(values)
    assert np.array_equal(np.isfinite(scaled), known), "unknown stays unknown, nothing else becomes so"
    width = float(np.ptp(values[known])) if known.any() else 0.0
    assert fitted.invert(scaled)[known] == pytest.approx(values[known], rel=1e-4, abs=1e-5 * (1 + width))
    again = from_json(json.loads(json.dumps(fitted.to_json())))
    assert again == fitted
    assert np.array_equal(again.apply(values), scaled, equal_nan=True)


def test_what_the_scales_mean() -> None:
    values = [1.0, 2, 3, np.nan]
    assert np.nanmean(Standardise.fit(values, cutoff="x").apply(values)) == pytest.approx(0)
    assert np.nanstd(Standardise.fit(values, cutoff="x").apply(values)) == pytest.approx(1)
    assert MinMax.fit(values, cutoff="x").apply([1.0, 2, 3]).tolist() == [0, 0.5, 1]
    assert Standardise.fit([7.0, 7.0], cutoff="x").apply([7.0, 8.0]).tolist() == [0, 1]
    assert MinMax.fit([], cutoff="x").apply([0.3])[0] == pytest.approx(0.3)
    spread = LogScale.fit([1.0, 10, 100, 1000], cutoff="x").apply([1.0, 10, 100, 1000])
    assert np.diff(spread) == pytest.approx(np.full(3, np.diff(spread).mean()), rel=0.2)


def test_strange_json_is_refused() -> None:
    raw = Standardise.fit([1.0, 2.0], cutoff="x").to_json()
    with pytest.raises(DatasetError, match="kind 'magic'"):
        from_json({**raw, "kind": "magic"})
    with pytest.raises(DatasetError, match="version 99"):
        from_json({**raw, "version": 99})
    with pytest.raises(DatasetError, match="min_max"):
        MinMax.from_json(raw)
    assert set(KINDS) == {"categories", "one_hot", "standardise", "log_scale", "min_max"}
