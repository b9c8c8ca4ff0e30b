"""Sums of money on businesses so small that a person can tell them with a pencil."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from invplat.evaluate.insights.assumptions import Assumptions
from invplat.evaluate.insights.findings import insights
from invplat.evaluate.insights.insight import Insight
from invplat.inventory.formulas import safety_stock
from tests.evaluate.insights.made import Shop

YEAR = 365.25 / 364  # a year's figures rest on 52 whole weeks


def only(shop: Shop, root: Path, name: str, **assumed: float) -> Insight:
    (found,) = insights(shop.dataset(root), only=[name], assumptions=Assumptions(**assumed))  # type: ignore[arg-type]
    return found


def test_dead_stock_costs_what_it_cost(tmp_path: Path) -> None:
    shop = Shop()
    shop.product("tea", unit_cost=2.0)
    shop.product("mug", unit_cost=7.5)
    shop.sells("S1", "tea", 3)
    shop.holds("S1", "tea", 50)
    shop.sells("S1", "mug", 1, last=100)
    shop.holds("S1", "mug", 12)
    found = only(shop, tmp_path, "dead")
    assert found.rows.select("store", "sku", "on_hand", "worth", "days_unsold").rows() == [("S1", "mug", 12, 90.0, 100)]
    assert found.money.amount == 90.0
    assert found.money.per == "once"
    assert "90" in found.sentence


def test_slow_stock_costs_a_year_of_holding_its_excess(tmp_path: Path) -> None:
    shop = Shop()
    shop.product("tea", unit_cost=2.0)
    shop.product("milk", unit_cost=1.0, shelf_life=10)
    shop.sells("S1", "tea", 2)
    shop.holds("S1", "tea", 1000)
    shop.sells("S1", "milk", 2)
    shop.holds("S1", "milk", 50)
    found = only(shop, tmp_path, "slow", holding_rate=0.2)
    rows = {row["sku"]: row for row in found.rows.to_dicts()}
    assert rows["tea"]["weeks_of_cover"] == pytest.approx(500 / 7)
    assert rows["tea"]["excess"] == 1000 - 2 * 182
    assert rows["tea"]["at_stake"] == pytest.approx(636 * 2 * 0.2)
    assert rows["milk"]["reason"] == "shelf life"
    assert rows["milk"]["at_stake"] == pytest.approx(30 * 1.0)  # what ten days don't sell is lost
    assert found.money.amount == pytest.approx(636 * 2 * 0.2 + 30)


def test_capital_and_turnover(tmp_path: Path) -> None:
    shop = Shop()
    for sku, category, cost in (("tea", "hot", 2.0), ("cola", "cold", 1.0)):
        shop.product(sku, category=category, unit_cost=cost)
        shop.sells("S1", sku, 4)
    shop.holds("S1", "tea", 100)
    shop.holds("S1", "cola", 20)
    held = only(shop, tmp_path / "a", "capital")
    assert held.rows["worth"].to_list() == [200.0, 20.0]
    assert held.rows["share"].to_list() == pytest.approx([200 / 220, 20 / 220])
    assert held.rows["sold_share"].to_list() == pytest.approx([2 / 3, 1 / 3])
    assert held.money.amount == pytest.approx(220 * 0.25)
    assert "18 days" in held.sentence  # 220 of stock, 12 of it sold a day
    turned = only(shop, tmp_path / "b", "turnover")
    turns = {row["name"]: row["turns"] for row in turned.rows.to_dicts()}
    assert turns["hot"] == pytest.approx(4 * 365.25 / 100)
    assert turns["cold"] == pytest.approx(4 * 365.25 / 20)
    assert turns["S1"] == pytest.approx(12 * 365.25 / 220)
    # half the middle of 14.61 and 73.05 is 21.915: hot sells 2922 a year, which takes 133.33 and not 200
    assert turned.money.amount == pytest.approx((200 - 2922 / 21.915) * 0.25)


def test_lost_sales_cost_their_margin(tmp_path: Path) -> None:
    shop = Shop()
    shop.product("tea", unit_cost=2.0)
    shop.sells("S1", "tea", 4, last=91, available=1.0)
    shop.sells("S1", "tea", 0, first=90, last=81, available=0.0)
    shop.sells("S1", "tea", 4, first=80, available=1.0)
    found = only(shop, tmp_path, "stockouts")
    (row,) = found.rows.to_dicts()
    assert row["days_empty"] == 10
    assert row["lost_a_year"] == pytest.approx(40 * YEAR)
    assert found.money.amount == pytest.approx(40 * 3 * YEAR)  # price 5 less cost 2


def test_a_transfer_saves_margin_and_holding_less_its_cost(tmp_path: Path) -> None:
    shop = Shop()
    shop.product("tea", unit_cost=2.0)
    shop.sells("S1", "tea", 2, available=1.0)
    shop.holds("S1", "tea", 400)
    for ago in range(399, -1, -1):  # every other day the shelf is empty
        full = ago % 2 == 1
        shop.sells("S2", "tea", 2 if full else 0, first=ago, last=ago, available=float(full))
    shop.holds("S2", "tea", 0)
    found = only(shop, tmp_path, "transfers", transfer_cost=4.0)
    (row,) = found.rows.to_dicts()
    # S2 sells 2 a day while open, and is open 45 of the last 91 days: in four weeks it loses 46/91 of 56
    lost = 46 / 91 * 2 * 28
    need = 2 * 14 + 0.0  # no deviation, seven days of lead time and seven of review
    assert (row["from"], row["to"], row["pays"]) == ("S1", "S2", True)
    assert row["move"] == min(int(np.ceil(lost)), need)
    assert row["lost_sales_avoided"] == pytest.approx(min(row["move"], lost))
    waits = (400 - row["move"] / 2) / 2 - (row["move"] / 2) / 2
    holding = row["move"] * 2.0 * 0.25 * waits / 365.25
    assert row["margin_avoided"] == pytest.approx(min(row["move"], lost) * 3)
    assert row["holding_avoided"] == pytest.approx(holding)
    assert row["saves"] == pytest.approx(min(row["move"], lost) * 3 + holding - 4)
    assert found.money.amount == pytest.approx(row["saves"])


def test_an_imbalance_that_is_not_worth_the_van_is_told_but_not_counted(tmp_path: Path) -> None:
    shop = Shop()
    shop.product("tea", unit_cost=2.0)
    shop.sells("S1", "tea", 2, available=1.0)
    shop.holds("S1", "tea", 400)
    for ago in range(399, -1, -1):
        shop.sells("S2", "tea", 2 if ago % 2 else 0, first=ago, last=ago, available=float(ago % 2))
    shop.holds("S2", "tea", 0)
    found = only(shop, tmp_path, "transfers", transfer_cost=1000.0)
    assert found.rows["pays"].to_list() == [False]
    assert found.money.amount == 0.0
    assert "none of them worth" in found.sentence


def test_an_unreliable_supplier_costs_the_holding_of_extra_safety_stock(tmp_path: Path) -> None:
    shop = Shop()
    shop.product("tea", unit_cost=2.0, supplier="Late")
    shop.sells("S1", "tea", 10)
    shop.holds("S1", "tea", 50)
    for ago in range(300, 0, -5):
        shop.delivers("Late", 5 if ago % 3 else 20, ago)
        for peer in ("Prompt", "Punctual"):
            shop.delivers(peer, 5, ago, sku="pot")
    found = only(shop, tmp_path, "suppliers")
    (late,) = found.rows.filter("unreliable").to_dicts()
    came = np.array([5 if ago % 3 else 20 for ago in range(300, 0, -5) if ago >= (5 if ago % 3 else 20)])
    assert late["deliveries"] == len(came)
    assert late["late_share"] == pytest.approx((came == 20).mean())
    assert (late["usual"], late["slow"]) == (5, 20)
    extra = safety_stock(0.95, 0, came.mean(), mean=10, lead_deviation=came.std(), review=7)
    assert late["costs_a_year"] == pytest.approx(float(extra) * 2.0 * 0.25)
    assert found.money.amount == pytest.approx(float(extra) * 2.0 * 0.25)


def test_classes_follow_the_money_and_the_evenness(tmp_path: Path) -> None:
    shop = Shop()
    for sku, each in (("even", 80), ("odd", 15), ("rest", 5)):
        shop.product(sku)
        if sku == "odd":
            shop.sells("S1", sku, each * 28, every=28, first=377)
        else:
            shop.sells("S1", sku, each)
        shop.holds("S1", sku, 10)
    found = only(shop, tmp_path, "classes")
    rows = {row["sku"]: row for row in found.rows.to_dicts()}
    assert {sku: row["class"] for sku, row in rows.items()} == {"even": "AX", "odd": "BZ", "rest": "CX"}
    assert rows["even"]["share"] == pytest.approx(0.8)
    assert rows["even"]["revenue"] == pytest.approx(80 * 5 * 364)
    assert found.money.amount == pytest.approx(10 * 2.0 * 0.25)  # what class C holds
