"""What an order says besides its figures: the reason, exceptions, notes, and what is not known."""

from __future__ import annotations

import numpy as np
import pytest

from invplat.serve.orders import decided
from tests.serve.ordering import NAN, ask, facts, item, one, said


def test_unknown_stock_counts_as_none_and_is_said() -> None:
    row = one(known=facts(1, on_hand=NAN, counted=NAN))
    assert row["on_hand"] == 0
    assert row["exceptions"] == ["stock_unknown"]
    assert "stock is not known and counts as none" in row["reason"]
    assert one(items=[item(on_hand=0)], known=facts(1, on_hand=NAN))["exceptions"] == ["stockout"]


def test_only_what_was_assumed_of_these_items_is_noted() -> None:
    nobody = np.array([True, True])
    known = facts(2, on_hand=NAN, cost_assumed=nobody, lead_level=np.full(2, 5, np.int8))
    told = decided(said([4, 4]), known, ask(items=[item(0, on_hand=3, unit_cost=1, lead_time=2), item(1)])).notes
    assert len(told) == 3
    assert all("of 1 series" in note for note in told)
    everything = {"on_hand": 3, "unit_cost": 1, "lead_time": 2}
    assert decided(said([4, 4]), known, ask(defaults=everything)).notes == ()


@pytest.mark.parametrize(
    ("on_hand", "mean", "expected"),
    [
        (0, 4, ["stockout"]),
        (11, 4, ["stockout"]),
        (20, 4, []),
        (900, 4, ["overstock"]),
        (0, 0, []),
        (3, 0, ["overstock"]),
    ],
)
def test_exceptions(on_hand: float, mean: float, expected: list[str]) -> None:
    recent = 4.0 if mean else 0.0
    assert one([mean], facts(1, on_hand=on_hand, recent=recent))["exceptions"] == expected


def test_the_reason_says_the_figures() -> None:
    known = facts(1, on_hand=9.0, lead_table=np.array([[0, 0, 0, 0, 0.25, 0.25, 0.25, 0.25]], np.float32))
    row = one([3], known)
    assert row["reason"] == (
        f"Order {row['order']:.0f}: 9 on hand last 3 days, the next delivery takes 4 to 7; "
        f"{row['order']:.0f} more keep it in stock with a chance of {100 * (1 - row['stockout_risk_after']):.0f} %."
    )
    nothing = one([3], facts(1, on_hand=200.0))
    assert nothing["reason"].startswith(
        "Order nothing: 200 on hand last 67 days, the next delivery takes 3; enough until"
    )
    assert "none on hand or on order, the next delivery takes 3 days;" in one(known=facts(1, on_hand=0.0))["reason"]
    assert "no demand is expected" in one([0])["reason"]
    assert "no more may be ordered" in one(items=[item(maximum=5)])["reason"]
    assert "allow none" in one(items=[item(capacity=5)])["reason"]
    assert "1 on hand lasts 0.2 days" in one(known=facts(1, on_hand=1.0))["reason"]
    assert "none on hand and 6 on order last 1.5 days" in one(items=[item(on_hand=0, on_order=6)])["reason"]
    assert "comes at once" in one(items=[item(lead_time=0)])["reason"]


def test_endless_cover_is_null() -> None:
    row = one([0], facts(1, recent=0.0))
    assert row["cover"] is None
    assert row["order"] == 0
    assert row["eoq"] == 0


def test_without_costs_and_prices_money_is_null() -> None:
    row = one(known=facts(1, unit_cost=NAN, price=NAN))
    for name in ("unit_cost", "price", "order_value", "money_at_risk", "expected_cost", "eoq"):
        assert row[name] is None
    found = decided(said([4]), facts(1, unit_cost=NAN, price=NAN), ask())
    assert found.totals["value"] is None
    assert found.totals["money_at_risk"] is None
    only_price = one(known=facts(1, unit_cost=NAN))
    assert only_price["money_at_risk"] == pytest.approx(one()["money_at_risk"] * 5 / 3)
