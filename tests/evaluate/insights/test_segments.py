from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from invplat.evaluate.insights.findings import insights
from invplat.evaluate.insights.insight import Insight
from tests.evaluate.insights.made import Shop


@pytest.fixture(scope="module")
def shop() -> Shop:
    """Twelve steady fast goods, twelve slow and seldom ones, and one like no other."""
    rng = np.random.default_rng(0)
    made = Shop()
    for number in range(12):
        for sku, each, every in ((f"fast {number:02}", 40 + number, 1), (f"slow {number:02}", 1 + number % 3, 17)):
            made.product(sku)
            for ago in range(363, -1, -every):
                units = max(1, round(each * (1 + 0.1 * rng.normal())))
                made.sells("S1", sku, units, first=ago, last=ago)
    made.product("flood")
    made.sells("S1", "flood", 1, first=363, last=200, every=3)
    made.sells("S1", "flood", 5000, first=30, last=0)
    return made


@pytest.fixture(scope="module")
def told(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Insight]:
    dataset = shop.dataset(tmp_path_factory.mktemp("segments"))
    return {one.name: one for one in insights(dataset, only=["segments", "patterns"])}


def test_k_means_parts_what_sells_differently(told: dict[str, Insight]) -> None:
    segment = dict(told["segments"].rows.select("sku", "segment").rows())
    fast = {name for sku, name in segment.items() if sku.startswith("fast")}
    slow = {name for sku, name in segment.items() if sku.startswith("slow")}
    assert fast
    assert slow
    assert not fast & slow
    assert not any("slow" in name or "seldom" in name for name in fast)


def test_dbscan_finds_the_one_unlike_any_others(told: dict[str, Insight]) -> None:
    rows = told["segments"].rows
    assert rows.filter("unlike_others")["sku"].to_list() == ["flood"]
    assert "flood" in told["segments"].sentence


def test_the_same_shop_has_the_same_groups_twice(told: dict[str, Insight], shop: Shop, tmp_path: Path) -> None:
    (again,) = insights(shop.dataset(tmp_path), only=["segments"])
    assert again.rows.equals(told["segments"].rows)


def test_quadrants_follow_the_borders(told: dict[str, Insight]) -> None:
    pattern = dict(told["patterns"].rows.select("sku", "pattern").rows())
    assert {pattern[f"fast {number:02}"] for number in range(12)} == {"smooth"}
    assert {pattern[f"slow {number:02}"] for number in range(12)} == {"intermittent"}
    assert pattern["flood"] == "lumpy"


def test_too_few_products_make_no_groups(tmp_path: Path) -> None:
    shop = Shop()
    for sku in ("tea", "pot"):
        shop.sells("S1", sku, 3)
    (found,) = insights(shop.dataset(tmp_path), only=["segments"])
    assert not found.known
    assert "2 SKUs" in found.lacking[0]


def test_products_that_all_sell_alike_are_no_groups(tmp_path: Path) -> None:
    shop = Shop()
    for number in range(15):
        shop.sells("S1", f"tea {number}", 3)
    (found,) = insights(shop.dataset(tmp_path), only=["segments"])
    assert found.rows["segment"].unique().to_list() == ["ordinary"]
    assert not found.rows["unlike_others"].any()
