"""The judge of lost-sales rules: published optima, and agreement with the simulator."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from invplat.core.errors import UserError
from invplat.inventory.lost_sales import LostSales
from invplat.inventory.outcome import Costs
from invplat.inventory.policy import CappedBaseStock
from invplat.inventory.simulate import World, simulate

COUNTS = torch.arange(300, dtype=torch.float64)
POISSON = torch.exp(COUNTS * math.log(5) - 5 - torch.lgamma(COUNTS + 1))
GEOMETRIC = (5 / 6) ** COUNTS / 6


@pytest.mark.parametrize(
    ("chances", "lead", "shortage", "published"),
    [(POISSON, 1, 4, 4.04), (POISSON, 2, 39, 9.11), (POISSON, 3, 9, 6.53), (GEOMETRIC, 1, 19, 19.22)],
)
def test_published_optima(chances: Tensor, lead: int, shortage: float, published: float) -> None:
    """Zipkin 2008, to its two decimals."""
    found = LostSales(chances, lead, shortage, most=45 if chances is POISSON else 70, largest=24 - 4 * lead).best()
    assert found.cost == pytest.approx(published, abs=0.006)
    assert found.error < 1e-3


def capped(states: Tensor) -> Tensor:
    return (18.0 - states.sum(1)).clamp(0, 6)


def test_a_rule_s_cost_is_what_the_simulator_sees() -> None:
    exact = LostSales(POISSON, 2, 9, most=30, largest=10).cost(capped)
    demand = torch.poisson(torch.full((500, 2100), 5.0), generator=torch.Generator().manual_seed(0))
    seen = simulate(CappedBaseStock(18.0, 6.0), demand, World(lead=2), initial=10.0, warm_up=100)
    assert float((seen.cost(Costs(1, 9)) / 2000).mean()) == pytest.approx(exact.cost, rel=0.005)


def test_no_rule_is_cheaper_than_the_best() -> None:
    cell = LostSales(POISSON, 2, 9, most=30, largest=10)
    best = cell.best()
    assert cell.cost(capped).cost > best.cost
    again = cell.cost(lambda states: best.orders.reshape(-1), like=best)
    assert again.cost == pytest.approx(best.cost, abs=2e-3)


def test_instances_without_meaning_are_refused() -> None:
    with pytest.raises(UserError, match="20 chances"):
        LostSales(POISSON[:20], 1, 9)
    with pytest.raises(UserError, match="lead is 0"):
        LostSales(POISSON, 0, 9)
