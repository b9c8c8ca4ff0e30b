"""Exact (s, S) and (r, Q): textbook figures, and that nothing near them is cheaper."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from invplat.core.errors import UserError
from invplat.inventory.exact import poisson_chances, r_q_poisson_exact, s_s_cost, s_s_exact
from invplat.inventory.newsvendor import poisson_loss
from invplat.inventory.outcome import Costs
from invplat.inventory.policy import ReorderPoint
from invplat.inventory.simulate import World, simulate


def test_the_textbook_reorder_levels() -> None:
    found = s_s_exact(1, 4, 5, poisson_chances(6))
    assert (found.reorder, found.level) == (4, 10)
    assert found.cost == pytest.approx(8.0341, abs=1e-3)


def test_the_textbook_reorder_quantity() -> None:
    found = r_q_poisson_exact(20, 150, 100, 1.5, 2)
    assert (found.reorder, found.quantity) == (3, 5)
    assert found.cost == pytest.approx(107.9236, abs=1e-3)


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 9), min_size=2, max_size=6).filter(lambda weights: sum(weights[1:]) > 0),
    st.integers(1, 3),
    st.integers(1, 20),
    st.integers(0, 40),
    st.integers(0, 2),
)
def test_no_other_pair_is_cheaper(weights: list[int], holding: int, shortage: int, fixed: int, lead: int) -> None:
    chances = np.array(weights) / sum(weights)
    found = s_s_exact(holding, shortage, fixed, chances, lead=lead)
    for reorder in range(found.reorder - 4, found.reorder + 5):
        for level in range(max(reorder + 1, found.level - 4), found.level + 5):
            other = s_s_cost(reorder, level, holding, shortage, fixed, chances, lead=lead)
            assert other >= found.cost - 1e-9


def test_the_cost_is_what_the_simulator_sees() -> None:
    chances = poisson_chances(6)
    found = s_s_exact(1, 4, 20, chances, lead=2)
    demand = torch.poisson(torch.full((400, 1050), 6.0), generator=torch.Generator().manual_seed(0))
    rule = ReorderPoint(float(found.reorder), float(found.level))
    seen = simulate(rule, demand, World(lead=2, lost=False), initial=20.0, warm_up=50)
    assert float(seen.cost(Costs(1, 4, ordering=20)).mean()) / 1000 == pytest.approx(found.cost, rel=0.01)


def r_q_cost(
    reorder: int, quantity: int, holding: float, shortage: float, fixed: float, mean: float, lead: float
) -> float:
    positions = np.arange(reorder + 1, reorder + quantity + 1)
    short = np.where(positions >= 0, poisson_loss(np.maximum(positions, 0), mean * lead), mean * lead - positions)
    over = positions - mean * lead + short
    return float(fixed * mean + (holding * over + shortage * short).sum()) / quantity


@settings(max_examples=40)
@given(st.floats(0.5, 9), st.floats(1, 90), st.floats(0, 200), st.floats(0.2, 20), st.floats(0, 5))
def test_no_other_quantity_is_cheaper(holding: float, shortage: float, fixed: float, mean: float, lead: float) -> None:
    found = r_q_poisson_exact(holding, shortage, fixed, mean, lead)
    assert r_q_cost(found.reorder, found.quantity, holding, shortage, fixed, mean, lead) == pytest.approx(found.cost)
    for reorder in range(found.reorder - 2, found.reorder + 3):
        for quantity in range(max(1, found.quantity - 2), found.quantity + 3):
            assert r_q_cost(reorder, quantity, holding, shortage, fixed, mean, lead) >= found.cost - 1e-9


def test_instances_without_meaning_are_refused() -> None:
    with pytest.raises(UserError, match=r"sum to 0\.5"):
        s_s_exact(1, 4, 5, [0.25, 0.25])
    with pytest.raises(UserError, match="always 0"):
        s_s_exact(1, 4, 5, [1.0])
    with pytest.raises(UserError, match="fixed cost is -1"):
        s_s_exact(1, 4, -1, [0.5, 0.5])
    with pytest.raises(UserError, match=r"lead is 0\.5"):
        s_s_exact(1, 4, 1, [0.5, 0.5], lead=0.5)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="mean demand is 0"):
        r_q_poisson_exact(1, 4, 5, 0, 2)
    with pytest.raises(UserError, match="a reorder point of 4 and a level of 4"):
        s_s_cost(4, 4, 1, 4, 5, [0.5, 0.5])
