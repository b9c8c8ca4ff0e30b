"""Features: the same as loops written by hand, named by one recipe, joined as they were known."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from invplat.core.errors import DatasetError
from invplat.data import rolling
from invplat.data.assemble import build_panel
from invplat.data.design import design
from invplat.data.features import Recipe, featured, features
from invplat.data.panel import Group, Panel
from invplat.data.signals import read_signals
from invplat.data.statics import Statics
from invplat.data.timeline import Timeline, as_day
from invplat.data.transforms import Categories
from tests.data.memory import day, memory_dataset, sales

Grid = npt.NDArray[np.float32]
GRIDS = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.one_of(st.just(np.nan), st.integers(0, 9).map(float)),
)
LOOPS: dict[str, tuple[Any, Any]] = {
    "mean": (rolling.mean, np.mean),
    "std": (rolling.deviation, np.std),
    "min": (rolling.lowest, np.min),
    "max": (rolling.highest, np.max),
}


@settings(max_examples=60)
@given(values=GRIDS, width=st.integers(1, 14), name=st.sampled_from(sorted(LOOPS)))
def test_rolling_statistics_are_what_a_loop_gives(values: Grid, width: int, name: str) -> None:
    ours, by_hand = LOOPS[name]
    found = ours(values.copy(), width)
    for series, period in np.ndindex(values.shape):
        view = values[series, max(0, period - width + 1) : period + 1]
        known = view[np.isfinite(view)]
        wanted = by_hand(known) if len(known) else np.nan
        assert found[series, period] == pytest.approx(wanted, abs=1e-5, nan_ok=True)


@settings(max_examples=40)
@given(values=GRIDS, width=st.integers(1, 14), share=st.floats(0, 1))
def test_rolling_quantiles_are_what_a_loop_gives(values: Grid, width: int, share: float) -> None:
    found = rolling.quantile(values, width, share)
    for series, period in np.ndindex(values.shape):
        view = values[series, max(0, period - width + 1) : period + 1]
        known = np.sort(view[np.isfinite(view)])
        wanted = known[int(np.floor((len(known) - 1) * share))] if len(known) else np.nan
        assert found[series, period] == pytest.approx(wanted, nan_ok=True)


@settings(max_examples=40)
@given(values=GRIDS, half_life=st.floats(0.5, 20))
def test_weighted_means_are_what_a_loop_gives(values: Grid, half_life: float) -> None:
    found = rolling.weighted(values, half_life)
    for series, period in np.ndindex(values.shape):
        weights = 0.5 ** (np.arange(period, -1, -1) / half_life)
        view = values[series, : period + 1]
        known = np.isfinite(view)
        wanted = np.average(view[known], weights=weights[known]) if known.any() else np.nan
        assert found[series, period] == pytest.approx(wanted, abs=1e-4, nan_ok=True)


@given(values=GRIDS, periods=st.integers(1, 14))
def test_a_lag_is_the_value_before(values: Grid, periods: int) -> None:
    found = rolling.lag(values, periods)
    for series, period in np.ndindex(values.shape):
        wanted = values[series, period - periods] if period >= periods else np.nan
        assert found[series, period] == pytest.approx(wanted, nan_ok=True)


def test_a_large_level_does_not_drown_small_movements() -> None:
    values = (1e6 + np.arange(60) % 2).astype(np.float32)[None, :]
    assert rolling.deviation(values, 10)[0, -1] == pytest.approx(0.5)


def test_time_since_and_until() -> None:
    marks = np.array([[False, True, False, False, True, False]])
    assert (rolling.since(marks, 2) * 2).tolist() == [[2, 0, 1, 2, 0, 1]]
    assert (rolling.until(marks, 2) * 2).tolist() == [[1, 0, 2, 1, 0, 2]]


def test_demand_cut_short_by_an_empty_shelf_is_no_measure_of_demand() -> None:
    rows = sales("a", [6, 0, 4, 100], available=[1, 0, 1, 1], outlier=[False, False, False, True])
    found = features(
        build_panel(memory_dataset({"sales": rows}), "s1"),
        Recipe(lags=(1,), windows=(3,), statistics=("mean",), pattern=0),
    )
    assert found.past["mean_3"][0].tolist() == [6, 6, 5, 4]
    assert found.past["lag_1"][0] == pytest.approx([np.nan, 6, np.nan, 4], nan_ok=True)


@pytest.mark.parametrize(
    ("quantities", "quadrant"),
    [
        ([5] * 40, "smooth"),
        ([1, 9] * 20, "erratic"),
        ([0, 0, 0, 5] * 10, "intermittent"),
        ([0, 0, 0, 1, 0, 0, 0, 20] * 5, "lumpy"),
    ],
)
def test_patterns_of_demand(quantities: list[float], quadrant: str) -> None:
    found = features(build_panel(memory_dataset({"sales": sales("a", quantities)}), "s1"), Recipe(pattern=24)).past
    names = ("smooth", "erratic", "intermittent", "lumpy")
    assert [name for name in names if found[name][0, -1]] == [quadrant]
    assert found["zero_share"][0, -1] == pytest.approx(quantities.count(0) / len(quantities))


def long_panel(seed: int, frequency: str, periods: int) -> Panel:
    """Three series of so many periods, a few of them hidden."""
    draw = np.random.default_rng(seed)
    demand = draw.integers(0, 9, (3, periods)).astype(np.float32)
    observed = draw.random(demand.shape) < 0.9
    timeline = Timeline.covering(frequency, as_day(date(2020, 1, 1)), as_day(date(2020, 1, 1))).widened(0, periods - 1)
    past: dict[str, Any] = {"demand": np.where(observed, demand, 0), "observed": observed}
    return Panel(
        store="s",
        timeline=timeline,
        known=periods,
        skus=("a", "b", "c"),
        launch=np.zeros(3, np.int64),
        demand=np.where(observed, demand, np.float32(0)),
        observed=observed,
        censored=np.zeros_like(observed),
        past=Group.of(past, demand.shape, ("demand",)),
        ahead=Group.of({}, demand.shape),
        statics=Statics((), np.zeros((3, 0), np.float32), {"sku": ("a", "b", "c")}),
        planned=(),
        row_share=1.0,
    )


@settings(max_examples=40)
@given(seed=st.integers(0, 999), frequency=st.sampled_from(["weekly", "monthly"]), data=st.data())
def test_a_year_ago_is_known_to_whoever_looks_so_far_ahead(seed: int, frequency: str, data: st.DataObject) -> None:
    """Whatever comes after the cutoff, and however far the horizon: beyond a year it looks two years back."""
    panel = long_panel(seed, frequency, 160)
    horizon, cutoff = data.draw(st.integers(1, 60)), data.draw(st.integers(20, 159))
    garbled = panel.demand.copy()
    garbled[:, cutoff + 1 :] = 77
    hidden = panel.observed.copy()
    hidden[:, cutoff + 1 :] = ~hidden[:, cutoff + 1 :]
    recipe = Recipe(windows=(), pattern=0, calendar="", last_year=horizon)
    whole = features(panel, recipe).ahead
    seen = features(replace(panel, demand=garbled, observed=hidden), recipe).ahead
    assert set(whole) == {"last_year", "last_year_smooth"}
    for name, column in whole.items():
        assert column[:, : cutoff + horizon + 1].tobytes() == seen[name][:, : cutoff + horizon + 1].tobytes(), name


def test_a_year_ago_stands_beside_the_level_that_it_had() -> None:
    panel = long_panel(0, "weekly", 120)
    found = features(panel, Recipe(last_year=13)).ahead
    sure = np.where(panel.observed, panel.demand, np.nan).astype(np.float64)
    at = 52 + 20
    levels = [np.nanmean(sure[0, period - 7 : period + 1]) for period in (19, 20, 21)]
    wanted = sure[0, 19:22] / levels
    assert found["last_year"][0, at] == pytest.approx(wanted[1], nan_ok=True)
    assert found["last_year_smooth"][0, at] == pytest.approx(np.nanmean(wanted))
    filled = featured(panel, Recipe(last_year=13))
    early = filled.column("last_year")[:, :52]
    assert (early == 1).all(), "where no year ago is known, the level stands for it"
    assert not filled.column("last_year_known")[:, :52].any()
    with pytest.raises(DatasetError, match="last_year = -1"):
        Recipe(last_year=-1)


def test_prices_beside_their_own_past() -> None:
    panel = build_panel(memory_dataset({"sales": sales("a", [1] * 3, price=[2.0, 4.0, 3.0])}), "s1")
    found = features(panel, Recipe()).ahead
    assert found["price_ratio"][0] == pytest.approx([1, 4 / 3, 1])
    assert found["price_cut"][0] == pytest.approx([0, 0, 0.25])


def test_a_promotion_is_seen_coming_only_where_it_is_planned() -> None:
    dataset = memory_dataset({"sales": sales("a", [1] * 9, promotion=[0, 0, 0, 0, 1, 0, 0, 0, 0])})
    planned = features(build_panel(dataset, "s1"), Recipe())
    assert (planned.ahead["promotion_until"][0] * 28).tolist() == [4, 3, 2, 1, 0, 28, 28, 28, 28]
    assert (planned.ahead["promotion_since"][0] * 28).tolist() == [28, 28, 28, 28, 0, 1, 2, 3, 4]
    unplanned = features(build_panel(dataset, "s1", planned=()), Recipe())
    assert "promotion_since" in unplanned.past
    assert "promotion_until" not in {*unplanned.past, *unplanned.ahead}


def test_trends_of_store_and_category() -> None:
    rows = sales("a", [1] * 16 + [2] * 2) + sales("b", [10] * 18)
    products = [{"sku": "a", "category": "x"}, {"sku": "b", "category": "y"}]
    found = features(build_panel(memory_dataset({"sales": rows, "products": products}), "s1"), Recipe(pattern=16)).past
    assert found["category_trend"][:, -1] == pytest.approx([2 / (18 / 16), 1])
    assert found["store_trend"][:, -1] == pytest.approx([12 / (178 / 16)] * 2)


def signal(name: str, number: int, value: float, store: str | None = None) -> dict[str, object]:
    return {"date": day(number), "name": name, "value": value, "store": store}


def test_signals_are_carried_until_the_next_is_known() -> None:
    rows = [
        signal("oil", 0, 5.0),
        signal("oil", 3, 8.0),
        signal("oil", 9, 99.0),
        signal("cpi", -20, 1.0),
        signal("cpi", 2, 2.0),
    ]
    dataset = memory_dataset({"sales": sales("a", [1] * 5), "signals": rows})
    panel = build_panel(dataset, "s1", after=2)
    found = read_signals(dataset, panel)
    assert found.past["oil"][:5].tolist() == [5, 5, 5, 8, 8]
    assert np.isnan(found.past["oil"][5:]).all()
    assert found.past["cpi"][:5].tolist() == [1, 1, 2, 2, 2]
    assert read_signals(dataset, panel, ["cpi"], {"cpi": 2}).past["cpi"][:5].tolist() == [1, 1, 1, 1, 2]
    filled = featured(panel, Recipe(), dataset)
    assert filled.column("signal_oil")[0].tolist() == [5, 5, 5, 8, 8, 0, 0]


def test_a_stores_own_signal_comes_first_and_a_known_one_reaches_ahead() -> None:
    rows = [
        signal("rain", 0, 1.0),
        signal("rain", 2, 7.0, "s1"),
        signal("rain", 1, 50.0, "s2"),
        signal("rain", 6, 3.0, "s1"),
    ]
    dataset = memory_dataset({"sales": sales("a", [1] * 5), "signals": rows}, known=["rain"])
    found = read_signals(dataset, build_panel(dataset, "s1", after=2))
    assert found.ahead["rain"].tolist() == [1, 1, 7, 7, 7, 7, 3]
    assert not found.past


def test_weekly_signals_are_means_of_the_week() -> None:
    rows = [signal("oil", number, float(number)) for number in range(14)]
    dataset = memory_dataset({"sales": sales("a", [1] * 14), "signals": rows})
    panel = build_panel(dataset, "s1", frequency="weekly")
    assert read_signals(dataset, panel).past["oil"].tolist() == [3, 10]


def test_an_unknown_signal_is_named() -> None:
    dataset = memory_dataset({"sales": sales("a", [1]), "signals": [signal("oil", 0, 1.0)]})
    with pytest.raises(DatasetError, match="sun") as caught:
        features(build_panel(dataset, "s1"), Recipe(signals=("sun",)), dataset)
    assert "oil" in str(caught.value)


def test_a_panel_with_features_has_no_nan() -> None:
    rows = sales("a", [None, 0, 3] * 9, price=[None] * 27) + sales("b", [2], first=26)
    dataset = memory_dataset({"sales": rows, "signals": [signal("oil", 20, 1.0)]})
    panel = featured(build_panel(dataset, "s1", before=2, after=2), Recipe(lags=(1, 400), quantiles=(0.5,)), dataset)
    assert np.isfinite(panel.past.values).all()
    assert np.isfinite(panel.ahead.values).all()
    assert panel.column("lag_400_known").max() == 0
    assert panel.past.quantities >= {"demand", "lag_1", "mean_7", "quantile0.5_7"}


def test_a_recipe_survives_json() -> None:
    recipe = Recipe(lags=(1, 7), quantiles=(0.1,), signals=("oil",), delays={"oil": 3}, country="US")
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


@pytest.mark.parametrize(
    "wrong", [{"statistics": ("median",)}, {"lags": (0,)}, {"quantiles": (2.0,)}, {"half_lives": (0.0,)}]
)
def test_a_recipe_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(DatasetError):
        Recipe(**wrong)  # type: ignore[arg-type]


def test_a_design_table_row_by_row() -> None:
    rows = sales("a", list(range(12)), price=[1.0] * 6 + [2.0] * 6) + sales("b", [5] * 4, first=8, price=1.0)
    dataset = memory_dataset({"sales": rows, "products": [{"sku": "a", "unit_cost": 0.5}]})
    panel = build_panel(dataset, "s1")
    table = design(
        panel,
        Recipe(windows=(2,), statistics=("mean",), pattern=0, calendar="ids"),
        horizon=3,
        cutoffs=[day(6), day(8)],
        season=2,
        encoders={"sku": Categories.fit(["b"], cutoff=day(8))},
    )
    of = {name: table.values[:, place] for place, name in enumerate(table.names)}
    assert [panel.skus[series] for series in table.series] == ["a"] * 6 + ["b"] * 3  # b begins on day 8
    assert of["step"].tolist() == [1, 2, 3] * 3
    assert table.target.tolist() == [7, 8, 9, 9, 10, 11, 5, 5, 5]
    assert of["demand"].tolist() == [6] * 3 + [8] * 3 + [5] * 3
    assert of["mean_2"].tolist() == [5.5] * 3 + [7.5] * 3 + [5] * 3
    assert of["season_2"] == pytest.approx([5, 6, 5, 7, 8, 7, np.nan, 5, np.nan], nan_ok=True)
    assert of["day_of_week"].tolist() == [0, 1, 2, 2, 3, 4, 2, 3, 4]
    assert of["price"].tolist() == [2] * 6 + [1] * 3
    assert of["unit_cost"] == pytest.approx([0.5] * 6 + [np.nan] * 3, nan_ok=True)
    assert of["sku"].tolist() == [0] * 6 + [1] * 3
    assert table.categorical == ("sku",)
    assert table.dates[0] == np.datetime64(day(7))


def test_a_design_without_room_says_where_history_is() -> None:
    panel = build_panel(memory_dataset({"sales": sales("a", [1] * 5)}), "s1")
    with pytest.raises(DatasetError, match="3 periods after it"):
        design(panel, Recipe(), horizon=3, cutoffs=[day(3)])
