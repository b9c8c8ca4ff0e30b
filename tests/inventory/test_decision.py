"""One place from forecast to order: its identities, its textbook limit, and that its level is the cheapest in a run."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from invplat.core.errors import UserError
from invplat.inventory.decision import derive
from invplat.inventory.formulas import order_up_to, safety_stock
from invplat.inventory.outcome import Costs
from invplat.inventory.policy import BaseStock
from invplat.inventory.quantiles import Demand
from invplat.inventory.simulate import World, simulate
from invplat.inventory.terms import Terms

LEVELS = torch.tensor([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95], dtype=torch.float64)
SCORES = torch.special.ndtri(LEVELS)


def normal(mean: float, deviation: float, periods: int, items: int = 1) -> Demand:
    return Demand(LEVELS, (mean + deviation * SCORES).expand(items, periods, len(LEVELS)))


def test_normal_demand_gives_the_textbook_s_figures() -> None:
    found = derive(normal(10, 2, 8), 4, review=2, costs=Costs(1, 9))
    safety = safety_stock(0.9, 2, 4, review=2)
    assert float(found.safety_stock) == pytest.approx(float(safety), rel=1e-4)
    assert float(found.level) == pytest.approx(float(order_up_to(10, 4, 2, safety)), rel=1e-5)
    assert float(found.reorder_point) == pytest.approx(float(order_up_to(10, 4, 0, safety)), rel=1e-5)
    assert float(found.service) == pytest.approx(0.9)


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.floats(0, 30), min_size=7, max_size=7).map(sorted), min_size=6, max_size=6),
    st.integers(0, 3),
    st.integers(1, 3),
    st.floats(0.1, 5),
    st.floats(0.1, 60),
    st.floats(0, 1),
    st.floats(0, 90),
)
def test_its_figures_never_disagree(
    rows: list[list[float]], lead: int, review: int, h: float, b: float, correlation: float, position: float
) -> None:
    demand = Demand(LEVELS, torch.tensor([rows], dtype=torch.float64))
    found = derive(demand, lead, review=review, costs=Costs(h, b), correlation=correlation)
    assert float(found.mean + found.safety_stock) == pytest.approx(float(found.level))
    assert float(found.reorder_point) <= float(found.level)
    quantity = float(found.quantity(torch.tensor([position], dtype=torch.float64)))
    assert quantity == pytest.approx(max(0.0, float(found.level) - position))
    dearer = derive(demand, lead, review=review, costs=Costs(h, b * 2), correlation=correlation)
    assert float(dearer.level) >= float(found.level)


def test_packs_and_minimum_are_kept() -> None:
    terms = Terms(minimum=12.0, pack=5.0)
    found = derive(normal(10, 2, 8, items=3), 1, terms=terms)
    assert found.quantity(torch.tensor([20.0, 3.0, 40.0])).tolist() == [15, 25, 0]


def test_sure_lead_times_are_a_mixture_of_one() -> None:
    chances = torch.tensor([[0.0, 0.0, 1.0, 0.0]])
    mixture = derive(normal(10, 2, 8), 0, lead_chances=chances)
    sure = derive(normal(10, 2, 8), 2)
    assert float(mixture.level) == pytest.approx(float(sure.level), rel=1e-4)
    wide = derive(normal(10, 2, 8), 0, lead_chances=torch.tensor([[0.0, 0.5, 0.0, 0.5]]))
    assert float(wide.safety_stock) > float(sure.safety_stock)


@pytest.mark.parametrize("lead", [1, 3])
def test_its_level_is_the_cheapest_in_a_run(lead: int) -> None:
    random = torch.Generator().manual_seed(0)
    demand = (20 + 6 * torch.randn(200, 400, generator=random, dtype=torch.float64)).clamp(min=0)
    world = World(lead=lead, lost=False, reviews=1)

    def cost(level: Tensor) -> float:
        seen = simulate(BaseStock(level), demand, world, initial=60.0, warm_up=20)
        return float(seen.cost(Costs(1, 9)).mean())

    found = derive(normal(20, 6, 6), lead, costs=Costs(1, 9))
    ours = cost(found.level)
    assert ours <= 1.005 * min(cost(found.level + away) for away in (-8, -5, -3, 3, 5, 8))
    as_policy = simulate(derive(normal(20, 6, 6, items=200), lead), demand, world, initial=60.0, warm_up=20)
    assert float(as_policy.cost(Costs(1, 9)).mean()) == pytest.approx(ours)


def test_decisions_by_period_order_in_theirs() -> None:
    values = torch.stack([mean + 2 * SCORES for mean in (10.0, 30.0)])[None, :, None, :].expand(1, 2, 3, 7)
    found = derive(Demand(LEVELS, values), 0)
    assert found.level.shape == (1, 2)
    path = simulate(found, torch.full((1, 2), 5.0, dtype=torch.float64), World(lead=0), record=True).path
    assert path is not None
    assert path.order.tolist()[0] == pytest.approx(
        [float(found.level[0, 0]), float(found.level[0, 1] - found.level[0, 0]) + 5]
    )


def test_what_cannot_be_decided_is_refused() -> None:
    with pytest.raises(UserError, match="3 periods for orders that must last 5"):
        derive(normal(10, 2, 3), 4)
    with pytest.raises(UserError, match=r"sum to 0\.5"):
        derive(normal(10, 2, 3), 0, lead_chances=torch.tensor([[0.5]]))
    with pytest.raises(UserError, match="items × periods × levels"):
        derive(Demand(LEVELS, (10 + SCORES)[None]), 1)
    with pytest.raises(UserError, match="correlation of 2"):
        derive(normal(10, 2, 3), 1, correlation=2.0)
    with pytest.raises(UserError, match="review is 0"):
        derive(normal(10, 2, 3), 1, review=0)
