"""Backtests: each origin judges what followed it, and a forecaster is shown nothing of that."""

from __future__ import annotations

import pickle
import random
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invplat.core.errors import DatasetError
from invplat.data.assemble import build_panel
from invplat.data.features import Recipe, featured
from invplat.data.panel import Panel
from invplat.data.split import Origin, rolling_origins
from invplat.evaluate.backtest import Forecast, backtest, naive_scales
from invplat.evaluate.known import as_known, some_series
from tests.data.memory import day, memory_dataset, sales

DAYS = 90


class Spy:
    """Says the last known value, and keeps every byte that it was shown."""

    name = "spy"

    def __init__(self) -> None:
        self.shown: list[bytes] = []

    def fit(self, panels: Sequence[Panel], origin: Origin) -> None:
        self.shown.append(told(panels))

    def predict(self, panels: Sequence[Panel], origin: Origin, horizon: int) -> list[Forecast]:
        self.shown.append(told(panels))
        return [Forecast(np.repeat(panel.demand[:, [panel.known - 1]], horizon, axis=1)) for panel in panels]


def told(panels: Sequence[Panel]) -> bytes:
    """Whatever a forecaster could reach through its panels, bases of the arrays included; plans are known anyway."""
    parts: list[Any] = []
    for panel in panels:
        for array in (panel.demand, panel.observed, panel.censored, panel.past.values, panel.launch):
            parts.append(array.tobytes())
            parts.append(None if array.base is None else array.base.tobytes())
        parts += [panel.skus, panel.statics.texts, panel.statics.values.tobytes(), panel.known, panel.row_share]
        parts += [panel.timeline, panel.ahead.values.tobytes(), panel.past.names]
    return pickle.dumps(parts)


def world(seed: int, cutoff: int | None = None) -> list[Panel]:
    """Two stores; with a cutoff, everything after it is garbage, and a series begins that was not to be."""
    draw, spoil = random.Random(seed), random.Random(seed + 1)
    rows = []
    for store in ("s1", "s2"):
        for sku, launch in (("a", 0), ("b", 9), ("c", 70)):
            quantities = [draw.randrange(9) for _ in range(launch, DAYS)]
            if cutoff is not None:
                quantities = [
                    value if launch + moment <= cutoff else spoil.randrange(10**6)
                    for moment, value in enumerate(quantities)
                ]
            rows += sales(sku, quantities, store=store, first=launch)
        if cutoff is not None:
            rows += sales("0_new", [10**6] * 5, store=store, first=cutoff + 1)
    dataset = memory_dataset({"sales": rows, "products": [{"sku": "a", "category": "x"}]})
    recipe = Recipe(lags=(1, 7), windows=(7,), pattern=0)
    return [featured(build_panel(dataset, store), recipe, dataset) for store in ("s1", "s2")]


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), cutoff=st.integers(30, 80), keep=st.sampled_from([None, 20]))
def test_nothing_after_the_cutoff_is_shown(seed: int, cutoff: int, keep: int | None) -> None:
    shown = []
    for panels in (world(seed), world(seed, cutoff)):
        spy = Spy()
        origins = rolling_origins(panels, horizon=4, count=1, end=day(cutoff + 4))
        assert origins[0].cutoff == day(cutoff)
        backtest([spy], panels, origins, 4, keep=keep)
        shown.append(spy.shown)
    assert len(shown[0]) == 2
    assert shown[0] == shown[1]


def test_a_leak_would_be_caught() -> None:
    """The same comparison on whole panels does differ, so the test above can fail."""
    assert told(world(1)) != told(world(1, 50))


def test_every_origin_is_judged_on_what_followed() -> None:
    panels = world(5)
    origins = rolling_origins(panels, horizon=3, count=4, step=5)
    found = backtest([Spy()], panels, origins, 3, labels={"tenant": "shop"})
    expected = []
    for origin in origins:
        for panel in panels:
            now = panel.period(origin.cutoff)
            for row in np.flatnonzero(panel.launch <= now):
                expected += np.abs(panel.demand[row, now + 1 : now + 4] - panel.demand[row, now]).tolist()
    assert found.table(["mae"])[0]["mae"] == pytest.approx(np.mean(expected))
    assert len(found.answers["spy"]) == len(expected)
    assert [record["cutoff"] for record in found.by("cutoff")] == [origin.cutoff for origin in origins]
    assert {record["tenant"] for record in found.by("tenant")} == {"shop"}
    assert [record["step"] for record in found.by("step")] == [1, 2, 3]
    assert {record["category"] for record in found.by("category")} == {"x", None}


def test_censored_and_unobserved_periods_are_not_judged() -> None:
    rows = sales("a", [float(value) for value in range(30)], available=[1.0] * 27 + [0.5, 1.0, 1.0])
    dataset = memory_dataset({"sales": [row for row in rows if row["date"] != day(28)]}, gaps="missing")
    panel = build_panel(dataset, "s1")
    found = backtest([Spy()], panel, rolling_origins(panel, horizon=3, count=1), 3)
    assert found.answers["spy"].actual.tolist() == [29.0]


def test_a_store_that_closed_is_left_out_and_named() -> None:
    rows = [*sales("a", [1] * 90), *sales("a", [1] * 20, store="gone")]
    dataset = memory_dataset({"sales": rows})
    panels = [build_panel(dataset, store) for store in ("s1", "gone")]
    found = backtest([Spy()], panels, rolling_origins(panels, horizon=3, count=2), 3)
    assert set(found.answers["spy"].labels["store"].names) == {"s1"}
    assert len(found.left_out) == 1  # once for all origins
    assert "gone" in found.left_out[0]
    assert found.left_out[0].endswith("not judged at 2024-03-24, 2024-03-27")


def test_a_sliding_history_is_as_long_as_asked() -> None:
    panel = world(2)[0]
    short = as_known(panel, day(60), 5, keep=14)
    assert (short.known, short.timeline.length, short.last) == (14, 19, day(60))
    np.testing.assert_array_equal(short.demand[:, :14], panel.demand[:2, 47:61])
    assert not short.demand[:, 14:].any()


def test_some_series_are_as_they_were_among_all() -> None:
    panel = world(2)[0]
    few = some_series(panel, np.array([0, 2]))
    assert few.skus == ("a", "c")
    assert few.statics.texts["category"] == ("x", None)
    np.testing.assert_array_equal(few.past.values, panel.past.values[[0, 2]])
    np.testing.assert_array_equal(as_known(few, day(80), 3).demand, as_known(panel, day(80), 3).demand[[0, 2]])


def test_scales_are_those_of_the_seasonal_naive() -> None:
    past = np.array([[1.0, 2.0, 4.0, np.nan, 5.0, 9.0], [np.nan] * 6])
    absolute, squared = naive_scales(past, 2)
    np.testing.assert_allclose(absolute, [2.0, np.nan])
    np.testing.assert_allclose(squared, [5.0, np.nan])
    assert np.isnan(naive_scales(past, 6)[0]).all()


class Wrong(Spy):
    name = "wrong"

    def predict(self, panels: Sequence[Panel], origin: Origin, horizon: int) -> list[Forecast]:
        return [Forecast(np.zeros((1, 1)))] * len(panels)


def test_mistakes_are_explained() -> None:
    panels = world(1)
    origins = rolling_origins(panels, horizon=3, count=1)
    with pytest.raises(DatasetError, match="each its own name"):
        backtest([Spy(), Spy()], panels, origins, 3)
    with pytest.raises(DatasetError, match="series × horizon"):
        backtest([Wrong()], panels, origins, 3)
    with pytest.raises(DatasetError, match="no store reaches"):
        backtest([Spy()], panels, [Origin(date(2001, 1, 1), *([None] * 3))], 3)  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match="after=200"):
        as_known(panels[0], day(60), 200)
