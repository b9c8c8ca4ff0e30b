"""Money shared out among items: never more than there is, and never worse than one pack short of the best."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from invplat.core.errors import UserError
from invplat.inventory.budget import within_budget
from invplat.inventory.decision import Decision, derive
from invplat.inventory.outcome import Costs
from invplat.inventory.quantiles import Demand
from invplat.inventory.terms import Terms

LEVELS = torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95], dtype=torch.float64)
COSTS = Costs(1, 9)


def decision(means: list[float], terms: Terms | None = None) -> Decision:
    mean = torch.tensor(means, dtype=torch.float64)
    values = (mean.unsqueeze(-1) * (1 + 0.3 * torch.special.ndtri(LEVELS))).unsqueeze(1).expand(-1, 2, -1)
    return derive(Demand(LEVELS, values), 1, costs=COSTS, terms=terms)


def expected(found: Decision, stock: Tensor) -> float:
    apart = stock.unsqueeze(-1) - found.demand.points()
    return float((apart.clamp(min=0) + 9 * (-apart).clamp(min=0)).mean(-1).sum())


@settings(max_examples=15)
@given(
    st.lists(st.integers(2, 9), min_size=3, max_size=3),
    st.lists(st.integers(1, 9), min_size=3, max_size=3),
    st.lists(st.integers(0, 10), min_size=3, max_size=3),
    st.integers(0, 200),
)
def test_no_other_order_within_the_budget_saves_a_pack_more(
    means: list[int], prices: list[int], positions: list[int], budget: int
) -> None:
    found = decision([float(mean) for mean in means], Terms(pack=4.0))
    position, price = torch.tensor(positions, dtype=torch.float64), torch.tensor(prices, dtype=torch.float64)
    order = within_budget(found, position, price, budget, COSTS)
    assert float((order * price).sum()) <= budget + 1e-6
    assert bool((order % 4 == 0).all())
    ours = expected(found, position + order)
    most = (torch.ceil(found.level / 4) + 1).to(torch.int64).tolist()
    best = min(
        expected(found, position + other)
        for packs in product(*(range(count + 1) for count in most))
        if float(((other := torch.tensor(packs, dtype=torch.float64) * 4) * price).sum()) <= budget
    )
    # The best may use money that no whole pack of ours fits into: at most one pack's saving.
    assert ours - best <= 9 * 4 + 1e-6
    if budget >= float(((torch.tensor(most) * 4).double() * price).sum()):
        assert ours == pytest.approx(best)


def test_more_money_never_hurts() -> None:
    found = decision([5.0, 20.0, 60.0, 2.0])
    position, price = torch.zeros(4, dtype=torch.float64), torch.tensor([1.0, 2.0, 3.0, 9.0], dtype=torch.float64)
    costs = [expected(found, within_budget(found, position, price, float(money), COSTS)) for money in range(0, 700, 50)]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > costs[5] > costs[-1] - 1e-9


def test_without_pressure_it_is_the_decision_itself() -> None:
    found = decision([5.0, 20.0, 60.0])
    position = torch.tensor([3.0, 90.0, 0.0], dtype=torch.float64)
    order = within_budget(found, position, torch.ones(3, dtype=torch.float64), 1e9, COSTS)
    assert order.tolist() == pytest.approx(found.quantity(position).tolist(), abs=1)


def test_a_minimum_is_met_or_nothing_is_ordered() -> None:
    found = decision([30.0] * 4, Terms(minimum=20.0, pack=6.0, maximum=60.0))
    position, price = torch.zeros(4, dtype=torch.float64), torch.ones(4, dtype=torch.float64)
    order = within_budget(found, position, price, 70.0, COSTS)
    assert float(order.sum()) <= 70
    assert set(order.tolist()) <= {0.0, *(float(packs * 6) for packs in range(4, 11))}
    assert float(order.sum()) >= 60
    assert within_budget(found, position, price, 23.0, COSTS).tolist() == [0, 0, 0, 0]


def test_money_and_prices_without_meaning_are_refused() -> None:
    found, position = decision([5.0]), torch.zeros(1, dtype=torch.float64)
    with pytest.raises(UserError, match="budget is -1"):
        within_budget(found, position, torch.ones(1), -1)
    with pytest.raises(UserError, match="unit_cost is 0"):
        within_budget(found, position, torch.zeros(1), 10)
