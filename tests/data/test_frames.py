"""Long frames of the ecosystem: out and back without losing a row or a name."""

from __future__ import annotations

import pandas
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invplat.core.errors import DatasetError
from invplat.data.assemble import build_panel
from invplat.data.frames import from_frame, store_and_sku, to_frame, unique_id
from tests.data.memory import day, memory_dataset, sales


@given(store=st.text(min_size=1, max_size=9), sku=st.text(min_size=1, max_size=9))
def test_ids_come_apart_again(store: str, sku: str) -> None:
    assert store_and_sku(unique_id(store, sku)) == (store, sku)


@pytest.mark.parametrize("library", ["polars", "pandas", "arrow"])
def test_out_and_back(library: str) -> None:
    rows = sales("x/y", [1, 2.5, 3], price=2.0) + sales("b", [4, 5], first=1, price=2.0)
    panel = build_panel(memory_dataset({"sales": rows}), "s1", before=2, after=2)
    frame = to_frame(panel, library, features=["price"])
    back = from_frame(frame).to_pylist()
    wanted = [{key: row[key] for key in ("store", "sku", "date", "quantity", "price")} for row in rows]
    assert sorted(back, key=str) == sorted(wanted, key=str)


def test_the_names_and_types_that_others_expect() -> None:
    panel = build_panel(memory_dataset({"sales": sales("a", [1, 9, 3], outlier=[False, True, False])}), "s1")
    frame = to_frame(panel, "pandas")
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == ["unique_id", "ds", "y"]
    assert pandas.api.types.is_datetime64_any_dtype(frame["ds"])
    assert frame["y"].tolist() == [1, 3]
    kept = to_frame([panel, panel], "polars", unobserved="null")
    assert isinstance(kept, polars.DataFrame)
    assert kept["y"].to_list() == [1, None, 3] * 2


def test_what_makes_no_sense_is_said() -> None:
    panel = build_panel(memory_dataset({"sales": sales("a", [1])}), "s1")
    with pytest.raises(DatasetError, match="dask"):
        to_frame(panel, "dask")
    with pytest.raises(DatasetError, match="guess"):
        to_frame(panel, unobserved="guess")
    with pytest.raises(DatasetError, match="unique_id"):
        from_frame(polars.DataFrame({"ds": [day(0)], "y": [1.0]}))
    with pytest.raises(DatasetError, match="not a series"):
        from_frame(polars.DataFrame({"unique_id": ["alone"], "ds": [day(0)], "y": [1.0]}))
