"""Reference forecasters on made-up panels: right where the answer is known, blind to what comes after the cutoff."""

from __future__ import annotations

import numpy as np
import pytest

from invplat.core.errors import DatasetError
from invplat.data.assemble import build_panel
from invplat.data.panel import Panel
from invplat.data.split import Origin, rolling_origins
from invplat.evaluate import learned, statistical
from invplat.evaluate.backtest import Backtest, Forecaster, backtest
from invplat.evaluate.estimators import GRIDS
from invplat.evaluate.learned import Learned
from invplat.evaluate.naive import MovingAverage, SeasonalNaive
from invplat.evaluate.references import NAMES, reference
from invplat.evaluate.statistical import Statistical
from tests.data.memory import memory_dataset, sales

WEEK = np.array([4, 5, 6, 7, 9, 14, 11])
DAYS = 160
LEVELS = (0.1, 0.5, 0.9)
GRID = {"forest": {"max_features": (0.4,)}, "lightgbm": {"num_leaves": (15,), "n_estimators": (60,)}}


def world(*, noise: float = 1.0, seed: int = 0, after: int | None = None) -> list[Panel]:
    """Weekly patterns at three levels in two stores; beyond day `after`, garbage."""
    random = np.random.default_rng(seed)
    rows = []
    for store in ("s1", "s2"):
        for number, size in enumerate((1.0, 3.0, 10.0)):
            clean = np.resize(WEEK, DAYS) * size
            quantities = np.round(np.maximum(clean + noise * random.normal(0, size, DAYS), 0), 3)
            if after is not None:
                quantities[after + 1 :] = 10**6
            rows += sales(f"sku{number}", quantities.tolist(), store=store)
    dataset = memory_dataset({"sales": rows})
    return [build_panel(dataset, store) for store in ("s1", "s2")]


def judge(forecaster: Forecaster, panels: list[Panel], horizon: int = 7) -> Backtest:
    return backtest([forecaster], panels, rolling_origins(panels, horizon=horizon, count=1), horizon, season=7)


def quick(name: str, levels: tuple[float, ...] = ()) -> Forecaster:
    """The reference by its name, with fewer settings to choose among where there are many."""
    if name == "lightgbm_quantiles":
        return Learned("lightgbm", levels or LEVELS, direct=True, rows=2000, threads=1, grid=GRID["lightgbm"])
    if name in GRIDS:
        return Learned(name, levels, rows=2000, threads=1, grid=GRID.get(name))
    return reference(name, "daily", levels)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("seasonal_naive_year", "moving_average")])
def test_every_reference_finds_the_weekly_pattern(name: str) -> None:
    found = judge(quick(name), world()).table(["wape"])[0]
    assert found["forecaster"] == name
    assert isinstance(found["wape"], float)
    assert found["wape"] < 0.2  # the moving average, which sees no pattern, is at 0.35


@pytest.mark.parametrize("name", ["seasonal_naive", "ridge", "lightgbm", "lightgbm_quantiles", "ets", "arima"])
def test_quantiles_are_in_order_and_cover_about_what_they_say(name: str) -> None:
    found = judge(quick(name, LEVELS), world(seed=3), horizon=14)
    answers = found.answers[name]
    assert answers.levels == LEVELS
    assert (np.diff(answers.quantiles, axis=1) >= 0).all()
    assert (answers.quantiles >= 0).all()
    coverage = found.measure(["coverage_80"])[name]["coverage_80"].value
    assert coverage is not None
    assert 0.5 < coverage <= 1.0


@pytest.mark.parametrize("name", ["seasonal_naive", "moving_average", "ridge", "lightgbm", "ets"])
def test_a_garbled_future_changes_nothing(name: str) -> None:
    said = []
    for after in (None, 100):
        panels = world(after=after)
        origins = rolling_origins(panels, horizon=7, count=1, end=panels[0].dates[107])
        said.append(backtest([quick(name, LEVELS)], panels, origins, 7).answers[name])
    np.testing.assert_array_equal(said[0].predicted, said[1].predicted)
    np.testing.assert_array_equal(said[0].quantiles, said[1].quantiles)
    assert said[1].actual.min() == 10**6


def test_the_seasonal_naive_is_exact_without_noise_and_the_average_is_the_mean() -> None:
    panels = world(noise=0.0)
    assert judge(SeasonalNaive(7, LEVELS), panels, 16).measure(["mae", "width_80"])["seasonal_naive"]["mae"].value == 0
    flat = judge(MovingAverage(28), panels).answers["moving_average"]
    assert set(np.round(flat.predicted, 3)) == {8.0, 24.0, 80.0}


def test_unknown_phases_fall_back_on_earlier_seasons() -> None:
    quantities = [*[2.0, 4.0] * 4, None, None, *[1.0] * 2]
    panel = build_panel(memory_dataset({"sales": sales("a", quantities)}, gaps="missing"), "s1")
    found = backtest([SeasonalNaive(2)], panel, rolling_origins(panel, horizon=2, count=1), 2)
    assert found.answers["seasonal_naive"].predicted.tolist() == [2.0, 4.0]


def test_all_zero_and_barely_known_series_get_an_answer() -> None:
    rows = [
        *sales("zero", [0.0] * 60),
        *sales("one", [5.0], first=45),
        *sales("usual", [float(d % 7) for d in range(60)]),
    ]
    panel = build_panel(memory_dataset({"sales": rows}, gaps="missing"), "s1")
    for name in ("seasonal_naive", "moving_average", "ridge", "ets", "arima"):
        answers = judge(quick(name), [panel]).answers[name]
        assert np.isfinite(answers.predicted).all(), name
        zero = answers.labels["sku"].codes == answers.labels["sku"].names.index("zero")
        assert (answers.predicted[zero] <= 1.0).all(), name


def test_mistakes_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    panels = world()
    with pytest.raises(DatasetError, match="lgbm"):
        reference("lgbm", "daily")
    with pytest.raises(DatasetError, match="hourly"):
        reference("ridge", "hourly")
    with pytest.raises(DatasetError, match="learn a horizon of 70"):
        judge(Learned("ridge"), panels, 70)
    with pytest.raises(DatasetError, match="fit first"):
        Learned("ridge").predict(panels, Origin(panels[0].last, *([None] * 3)), 7)  # type: ignore[arg-type]
    monkeypatch.setitem(statistical.MOST_SERIES, "arima", 5)
    with pytest.raises(DatasetError, match="given 6 series; 5 is the limit"):
        judge(Statistical("arima"), panels)


def test_neighbours_take_a_sample_of_too_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "NEIGHBOUR_ROWS", 1000)
    model = Learned("neighbours", grid={"n_neighbors": (5,)})
    judge(model, world())
    assert model.chosen == {"n_neighbors": 5}
    assert len(model._models[0].model.neighbours.rows) <= 1000
