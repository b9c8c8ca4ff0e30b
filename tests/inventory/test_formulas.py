"""The arithmetic of stock, held to textbook figures and to the definitions themselves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invplat.core.errors import UserError
from invplat.inventory import formulas

POSITIVE = st.floats(0.1, 1000)


def test_the_textbook_order_quantity() -> None:
    found = formulas.economic_order_quantity(8, 0.225, 1300)
    assert found.quantity == pytest.approx(304.047, abs=1e-3)
    assert found.cost == pytest.approx(68.4105, abs=1e-3)


@settings(deadline=None)
@given(POSITIVE, POSITIVE, POSITIVE, POSITIVE)
def test_no_other_quantity_costs_less(fixed: float, holding: float, demand: float, other: float) -> None:
    best = formulas.economic_order_quantity(fixed, holding, demand)
    assert formulas.order_cost(best.quantity, fixed, holding, demand) == pytest.approx(best.cost)
    assert formulas.order_cost(other, fixed, holding, demand) >= best.cost * (1 - 1e-9)


def test_formulas_take_an_array_an_item() -> None:
    found = formulas.economic_order_quantity([8, 0], 0.225, [1300, 50])
    assert found.quantity == pytest.approx([304.047, 0], abs=1e-3)


def test_the_deviation_over_an_interval_is_what_draws_show() -> None:
    random = np.random.default_rng(0)
    leads = random.integers(2, 9, 200_000)
    drawn = random.normal(10 * leads, 3 * np.sqrt(leads))
    assert formulas.deviation_over(leads.mean(), 3, 10, leads.std()) == pytest.approx(drawn.std(), rel=0.01)


def test_safety_stock_keeps_its_promise() -> None:
    safety = formulas.safety_stock(0.95, 3, 4, mean=10, lead_deviation=1, review=2)
    level = formulas.order_up_to(10, 4, 2, safety)
    assert level == pytest.approx(60 + safety)
    assert formulas.cycle_service(level, 60, formulas.deviation_over(6, 3, 10, 1)) == pytest.approx(0.95)
    assert formulas.safety_stock(0.5, 3, 4) == pytest.approx(0)


def test_reorder_point_is_lead_time_demand_and_safety() -> None:
    assert formulas.reorder_point([10, 2], 4, [5, 0]) == pytest.approx([45, 8])


def test_turnover_and_days_of_supply_know_empty_shelves() -> None:
    assert formulas.turnover([120, 0, 5], [10, 0, 0]) == pytest.approx([12, 0, np.inf])
    assert formulas.days_of_supply([30, 0, 5], [10, 0, 0]) == pytest.approx([3, 0, np.inf])


def test_holding_cost_is_worth_times_rate() -> None:
    assert formulas.holding_cost(100, 5, 0.02, 12) == pytest.approx(120)


def test_the_fill_rate_is_what_draws_show() -> None:
    drawn = np.random.default_rng(0).normal(40, 8, 400_000)
    short = np.maximum(drawn - 45, 0).mean()
    assert formulas.fill_rate(45, 30, 40, 8) == pytest.approx(1 - short / 30, abs=1e-3)
    assert formulas.cycle_service(45, 40, 8) == pytest.approx((drawn <= 45).mean(), abs=3e-3)


def test_service_without_spread_is_all_or_nothing() -> None:
    assert formulas.cycle_service([9, 10], 10, 0) == pytest.approx([0, 1])
    assert formulas.fill_rate([9, 10], 10, 10, 0) == pytest.approx([0.9, 1])


def test_the_fill_rate_seen() -> None:
    assert formulas.observed_fill_rate([8, 0], [10, 0]) == pytest.approx([0.8, 1])


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda: formulas.economic_order_quantity(8, 0, 1300), "holding cost is 0"),
        (lambda: formulas.economic_order_quantity(8, [1, -2], 1300), "holding cost is -2 in one of its 1"),
        (lambda: formulas.economic_order_quantity(float("nan"), 1, 1), "fixed cost is nan"),
        (lambda: formulas.safety_stock(1.0, 3, 4), "service is 1"),
        (lambda: formulas.safety_stock(0.9, -3, 4), "deviation is -3"),
        (lambda: formulas.fill_rate(1, 0, 1, 1), "quantity is 0"),
        (lambda: formulas.observed_fill_rate(11, 10), "demand less what was sold is -1"),
    ],
)
def test_figures_without_meaning_are_refused(work: Callable[[], object], words: str) -> None:
    with pytest.raises(UserError, match=words) as refused:
        work()
    assert refused.value.hint
