"""Each ordering rule on a state small enough to check by hand."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from invplat.core.errors import UserError
from invplat.inventory import policy
from invplat.inventory.state import Policy, State


def state(level: list[float], on_order: list[float]) -> State:
    return State(0, torch.tensor(level), torch.tensor(on_order), lambda: torch.zeros(len(level), 1))


STATE = state([5.0, -2.0, 30.0], [1.0, 4.0, 0.0])  # positions 6, 2, 30


@pytest.mark.parametrize(
    ("rule", "orders"),
    [
        (policy.BaseStock(10.0), [4, 8, 0]),
        (policy.BaseStock(torch.tensor([6.0, 7.0, 8.0])), [0, 5, 0]),
        (policy.CappedBaseStock(10.0, 6.0), [4, 6, 0]),
        (policy.CappedBaseStock(10.0, torch.tensor([3.0, 9.0, 1.0])), [3, 8, 0]),
        (policy.ReorderPoint(2.0, 12.0), [0, 10, 0]),
        (policy.ReorderPoint(6.0, 12.0), [6, 10, 0]),
        (policy.FixedQuantity(6.0, 4.0), [4, 8, 0]),
        (policy.ConstantOrder(5.0), [5, 5, 5]),
        (policy.LevelsByPeriod(torch.tensor([[10.0, 0.0]]).expand(3, 2)), [4, 8, 0]),
    ],
)
def test_what_a_rule_orders(rule: Policy, orders: list[float]) -> None:
    assert rule.order(STATE).tolist() == orders


@settings(deadline=None)
@given(st.floats(-50, 50), st.floats(0, 50), st.floats(-20, 60), st.floats(0, 30), st.floats(0.5, 9))
def test_no_rule_orders_less_than_nothing(level: float, way: float, up_to: float, cap: float, quantity: float) -> None:
    here = state([level], [way])
    rules: list[Policy] = [
        policy.BaseStock(up_to),
        policy.CappedBaseStock(up_to, cap),
        policy.ReorderPoint(up_to - cap, up_to),
        policy.FixedQuantity(up_to, quantity),
        policy.ConstantOrder(cap),
        policy.LevelsByPeriod(torch.tensor([[up_to]])),
    ]
    assert all(float(rule.order(here)) >= 0 for rule in rules)
    placed: Tensor = policy.FixedQuantity(up_to, quantity).order(here)
    assert float(placed) == 0 or level + way + float(placed) > up_to - 1e-3


def test_rules_without_meaning_are_refused() -> None:
    with pytest.raises(UserError, match="level above its reorder point is -1"):
        policy.ReorderPoint(4.0, 3.0)
    with pytest.raises(UserError, match="cap is -1"):
        policy.CappedBaseStock(4.0, -1.0)
    with pytest.raises(UserError, match="quantity is 0"):
        policy.FixedQuantity(4.0, 0.0)
