"""What forecasts cost as orders: hindsight is never beaten, everybody begins alike, what nobody saw is filled in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invplat.core.errors import DatasetError, FigureRefused
from invplat.data.lead_times import read_lead_times
from invplat.data.panel import Panel
from invplat.data.split import Origin, Span
from invplat.evaluate.backtest import Forecast
from invplat.evaluate.costs import HINDSIGHT, Recorded, Terms, correlation, decision_costs, scene, unit_costs
from invplat.testing.panels import Case, made_panel
from tests.data.memory import day, memory_dataset, sales

LEVELS = (0.1, 0.5, 0.9)
CUTOFF = made_panel(Case(bare=True)).dates[90].item()


class Says:
    """The same quantiles for every period, times what the series sells in the mean."""

    def __init__(self, name: str, factors: Sequence[float]) -> None:
        self.name, self.factors = name, factors

    def fit(self, panels: Sequence[Panel], origin: Origin) -> None:
        """Nothing is learnt."""

    def predict(self, panels: Sequence[Panel], origin: Origin, horizon: int) -> list[Forecast]:
        found = []
        for panel in panels:
            level = np.repeat(panel.demand.mean(axis=1)[:, None], horizon, axis=1).astype(np.float64)
            quantiles = level[:, :, None] * np.array(self.factors)
            found.append(Forecast(level, quantiles if self.factors else None, LEVELS if self.factors else ()))
        return found


def panel_of(seed: int = 0) -> Panel:
    return made_panel(Case(bare=True, seed=seed))


def recorded(panel: Panel, *models: Says, horizon: int = 21) -> list[Recorded]:
    found = [Recorded(model) for model in models]
    for one in found:
        one.predict([panel], Origin(CUTOFF, Span(CUTOFF, CUTOFF, ()), CUTOFF, CUTOFF), horizon)
    return found


@settings(max_examples=12)
@given(
    factors=st.lists(st.floats(0, 4), min_size=3, max_size=3).map(sorted),
    lead=st.integers(1, 6),
    review=st.integers(1, 7),
    holding=st.floats(0.2, 3),
    shortage=st.floats(0.2, 12),
    seed=st.integers(0, 50),
)
def test_no_orders_cost_less_than_hindsight_s(
    factors: list[float], lead: int, review: int, holding: float, shortage: float, seed: int
) -> None:
    panel = panel_of(seed)
    terms = Terms(lead, review, holding, shortage)
    costs, _ = decision_costs(recorded(panel, Says("model", factors)), [panel], 21, terms)
    hindsight, model = costs
    assert [hindsight.model, model.model] == [HINDSIGHT, "model"]
    assert hindsight.total <= model.total * (1 + 1e-9) + 1e-6
    assert model.holding >= 0 <= model.stockout
    assert 0 <= model.stockout_rate <= 1
    assert len(model.on_hand) == 21 - lead


def test_a_forecast_of_nothing_runs_out_and_one_of_too_much_lies_on_the_shelf() -> None:
    panel = panel_of()
    low, right, high = Says("low", (0, 0, 0)), Says("right", (0.6, 1, 1.4)), Says("high", (3, 4, 5))
    costs, notes = decision_costs(recorded(panel, low, right, high), [panel], 21, Terms(3, 7))
    found = {cost.model: cost for cost in costs}
    assert costs[1].model == "right"
    assert found["low"].stockout_rate > 0.8
    assert found["high"].fill_rate > 0.99
    assert found["high"].turnover < found["right"].turnover
    assert found["right"].above_hindsight == pytest.approx(found["right"].total / found[HINDSIGHT].total - 1)
    assert "an order every 7 periods, 3 on its way" in notes[0]


def test_a_dearer_stockout_asks_for_more_stock() -> None:
    panel = panel_of()
    held = [
        decision_costs(recorded(panel, Says("model", (0.5, 1, 1.5))), [panel], 21, Terms(3, 7, 1, shortage))[0][
            1
        ].units_held
        for shortage in (1, 9, 99)
    ]
    assert held == sorted(held)
    assert held[0] < held[2]


def test_valued_costs_count_a_unit_by_what_it_costs_and_change_no_order() -> None:
    panel = made_panel(Case())
    plain, valued = (
        decision_costs(recorded(panel, Says("model", (0.5, 1, 1.5))), [panel], 21, Terms(3, 7, 0.01, 0.09, valued))[0][
            1
        ]
        for valued in (False, True)
    )
    assert plain.units_held == valued.units_held
    costs = unit_costs(panel)
    assert plain.holding * costs.min() < valued.holding < plain.holding * costs.max()
    alike = replace(panel, statics=replace(panel.statics, values=np.full_like(panel.statics.values, 3.0)))
    same = decision_costs(recorded(alike, Says("model", (0.5, 1, 1.5))), [alike], 21, Terms(3, 7, 0.01, 0.09, True))[0][
        1
    ]
    assert same.total == pytest.approx(3 * plain.total)
    with pytest.raises(DatasetError, match="no unit_cost"):
        unit_costs(panel_of())


def test_models_without_quantiles_order_nothing_and_are_named() -> None:
    panel = panel_of()
    costs, notes = decision_costs(
        recorded(panel, Says("mean", ()), Says("full", (0.5, 1, 2))), [panel], 21, Terms(3, 7)
    )
    assert [cost.model for cost in costs] == [HINDSIGHT, "full"]
    assert "no quantiles, so no orders: mean" in notes
    nobody, notes = decision_costs(recorded(panel, Says("mean", ())), [panel], 21, Terms(3, 7))
    assert nobody == ()
    assert "no model said quantiles" in notes[0]


def test_what_nobody_saw_is_filled_in_the_same_for_all() -> None:
    panel = panel_of()
    found = scene(panel, CUTOFF, 21, Terms(3, 7))
    ahead = slice(91, 112)
    sure = panel.observed[:, ahead] & ~panel.censored[:, ahead]
    np.testing.assert_array_equal(found.demand[sure], panel.demand[:, ahead][sure].astype(np.float64))
    for row in range(len(panel.skus)):
        usual = panel.demand[row, ahead][sure[row]].mean()
        hidden = ~panel.observed[row, ahead]
        assert found.demand[row][hidden] == pytest.approx(usual)
        assert (found.demand[row][panel.censored[row, ahead]] >= usual - 1e-6).all()
    assert found.unseen == int((~sure).sum())
    # The stock to begin with is of the past: what comes later does not change it.
    later = replace(panel, demand=np.where(np.arange(panel.shape[1]) > 90, 0, panel.demand).astype(np.float32))
    np.testing.assert_allclose(scene(later, CUTOFF, 21, Terms(3, 7)).initial, found.initial)


def test_surprises_that_last_are_told_from_those_that_do_not() -> None:
    random = np.random.default_rng(0)
    panel = panel_of()
    alone = random.poisson(20, panel.shape)
    lasting = 20 * (1 + np.repeat(random.normal(0, 0.4, (panel.shape[0], 9)), 14, axis=1)[:, : panel.shape[1]])
    last = panel.dates[-1].item()
    for demand, low, high in ((alone, 0.0, 0.2), (np.maximum(lasting, 0), 0.5, 1.0)):
        shown = replace(panel, demand=demand.astype(np.float32), censored=np.zeros_like(panel.censored))
        assert low <= correlation([shown], last, 14) <= high


def test_lead_times_come_from_receipts_and_fit_the_horizon() -> None:
    receipts: list[dict[str, Any]] = [
        {"store": "s1", "sku": "a", "ordered_on": day(start), "received_on": day(start + 5), "quantity": 1.0}
        for start in range(5)
    ]
    dataset = memory_dataset({"sales": sales("a", [1.0] * 30), "receipts": receipts})
    assert Terms.usual("daily", 28, read_lead_times(dataset), 1, 9) == Terms(5, 7)
    assert Terms.usual("weekly", 13, read_lead_times(dataset), 1, 9) == Terms(1, 1)
    assert Terms.usual("daily", 28, None, 1, 9) == Terms(7, 7)
    assert Terms.usual("daily", 4, read_lead_times(dataset), 1, 9).lead <= 2
    with pytest.raises(FigureRefused, match="holding = 0"):
        Terms(1, 1, holding=0)
