"""What is known of a series on a day: read from the tables, assumed where they are silent, never from after the day."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from invplat.data.dataset import Dataset
from invplat.data.synth.world import make_world
from invplat.serve.facts import Facts, facts_of
from invplat.serve.lead_chances import LEVELS, split
from tests.data.describe.made import make_dataset
from tests.evaluate.insights.made import END, Shop, from_files

BOTH = [("S1", "tea"), ("S1", "pot")]


def two_goods() -> Shop:
    shop = Shop()
    shop.product("tea", unit_cost=2.0, supplier="Mill", category="hot")
    shop.sells("S1", "tea", 4)
    shop.sells("S1", "pot", 1, price=9.0)
    shop.holds("S1", "tea", 20, on_order=6.0)
    return shop


def level(facts: Facts) -> list[str]:
    return [LEVELS[place] for place in facts.lead_level.tolist()]


def same(one: Facts, other: Facts) -> None:
    arrays, texts = one.tensors()
    others, their_texts = other.tensors()
    assert texts == their_texts
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        assert array.dtype == others[name].dtype
        assert array.tobytes() == others[name].tobytes(), name


def test_what_the_tables_say(tmp_path: Path) -> None:
    found = facts_of(two_goods().dataset(tmp_path), BOTH, "daily")
    assert found.as_of == END
    assert found.category.tolist() == ["hot", None]
    assert found.supplier.tolist() == ["Mill", None]
    assert found.on_hand[0] == 20
    assert np.isnan(found.on_hand[1])
    assert found.on_order[0] == 6
    assert found.counted[0] == 0
    assert np.isnan(found.counted[1])
    assert found.unit_cost.tolist() == pytest.approx([2.0, 9 * 0.7])
    assert found.cost_assumed.tolist() == [False, True]
    assert found.price.tolist() == [5.0, 9.0]
    assert found.recent.tolist() == [4.0, 1.0]
    assert found.whole
    assert level(found) == ["assumed", "assumed"]
    assert found.chances().tolist() == [[0.0] * 7 + [1.0]] * 2
    assert any("stock is not known of 1 series" in note for note in found.assumed)
    assert any("7 days assumed" in note for note in found.assumed)


def test_rows_come_in_the_order_asked_for_and_strangers_are_unknown(tmp_path: Path) -> None:
    found = facts_of(two_goods().dataset(tmp_path), [("S9", "tea"), ("S1", "gone"), *BOTH[::-1]], "daily")
    assert np.isnan(found.on_hand).tolist() == [True, True, True, False]
    assert found.recent.tolist() == [0.0, 0.0, 1.0, 4.0]
    assert found.unit_cost[0] == 2.0  # a product's, wherever it is sold


def test_without_stock_receipts_products_or_prices(tmp_path: Path) -> None:
    tables = two_goods().tables()
    tables = {"sales": tables["sales"].drop("price")}
    found = facts_of(make_dataset(tmp_path, tables), BOTH, "daily")
    for name in ("on_hand", "on_order", "counted", "unit_cost", "price", "pack"):
        assert np.isnan(getattr(found, name)).all(), name
    assert not found.stale.any()
    assert not found.cost_assumed.any()
    assert any("neither price nor cost" in note for note in found.assumed)


def test_costs_come_from_receipts_where_products_have_none(tmp_path: Path) -> None:
    shop = two_goods()
    shop.delivers("Mill", 3, 40, sku="pot")
    shop.delivers("Mill", 3, 30, sku="pot")
    tables = shop.tables()
    tables["receipts"] = tables["receipts"].with_columns(unit_cost=pl.Series([3.0, 5.0]))
    found = facts_of(make_dataset(tmp_path, tables), BOTH, "daily")
    assert found.unit_cost.tolist() == [2.0, 4.0]
    assert not found.cost_assumed.any()
    assert found.supplier.tolist() == ["Mill", "Mill"]


@pytest.mark.parametrize(("ago", "stale"), [(0, False), (20, False), (36, True)])
def test_old_counts_are_told(tmp_path: Path, ago: int, stale: bool) -> None:
    shop = two_goods()
    shop.stock.clear()
    shop.holds("S1", "tea", 20, first=60, last=ago)
    found = facts_of(shop.dataset(tmp_path), BOTH, "daily")
    assert found.on_hand[0] == 20
    assert found.counted[0] == ago
    assert found.stale.tolist() == [stale, False]


def test_a_count_far_behind_its_store_s_is_old(tmp_path: Path) -> None:
    shop = two_goods()
    shop.holds("S1", "pot", 5, first=60, last=30)
    assert facts_of(shop.dataset(tmp_path), BOTH, "daily").stale.tolist() == [False, True]


def test_lead_times_come_from_the_closest_level_that_tells_enough(tmp_path: Path) -> None:
    shop = two_goods()
    for number in range(6):
        shop.delivers("Mill", 3, 60 + number, sku="tea")
        shop.delivers("Far", 9, 80 + number, store="S2", sku="cup")
    shop.delivers("Mill", 1, 50, sku="pot")  # one delivery is not enough to know it by
    names = [("S1", "tea"), ("S2", "tea"), ("S1", "pot"), ("S1", "mug"), ("S2", "cup"), ("S3", "mug")]
    shop.sells("S2", "cup", 1)
    found = facts_of(shop.dataset(tmp_path), names, "daily")
    assert level(found) == ["series", "product", "supplier", "store", "series", "business"]
    chances = found.chances()
    assert chances[0].tolist() == pytest.approx([0, 0, 0, 1] + [0] * 6)
    assert chances[2][[1, 3]].tolist() == pytest.approx([1 / 7, 6 / 7])  # all of Mill's
    assert chances[5][[1, 3, 9]].tolist() == pytest.approx([1 / 13, 6 / 13, 6 / 13])
    assert chances.sum(axis=1).tolist() == pytest.approx([1.0] * 6)


def test_few_deliveries_tell_where_there_are_no_others(tmp_path: Path) -> None:
    shop = two_goods()
    shop.delivers("Mill", 4, 60, sku="tea")
    found = facts_of(shop.dataset(tmp_path), BOTH, "daily")
    assert level(found) == ["series", "store"]
    assert found.chances()[0].argmax() == 4


def test_days_become_weeks_without_changing_their_mean(tmp_path: Path) -> None:
    shop = two_goods()
    for number in range(6):
        shop.delivers("Mill", 10, 60 + number, sku="tea")
    found = facts_of(shop.dataset(tmp_path), BOTH, "weekly")
    assert found.chances()[0].tolist() == pytest.approx([0, 4 / 7, 3 / 7])
    assert found.recent.tolist() == [28.0, 7.0]
    assert split(2.5).tolist() == [0, 0, 0.5, 0.5]
    assert split(3.0).tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("frequency", ["weekly", "monthly"])
def test_weeks_and_months_of_the_business_itself(tmp_path: Path, frequency: str) -> None:
    shop = Shop()
    for number in range(30):
        day = date(2023 + number // 12, number % 12 + 1, 1)
        day = day if frequency == "monthly" else END - timedelta(days=7 * number)
        shop.sales.append({"store": "S1", "sku": "tea", "date": day, "quantity": 12.0, "price": 5.0})
    found = facts_of(shop.dataset(tmp_path, frequency=frequency), [("S1", "tea")], frequency)
    assert found.recent.tolist() == [12.0]
    assert found.chances().tolist() == [[0.0, 1.0]]


def test_before_all_sales_nothing_is_known_and_after_them_only_their_end(tmp_path: Path) -> None:
    data = two_goods().dataset(tmp_path)
    before = facts_of(data, BOTH, "daily", date(2019, 1, 1))
    assert np.isnan(before.on_hand).all()
    assert before.recent.tolist() == [0.0, 0.0]
    assert before.nbytes > 0
    assert facts_of(data, BOTH, "daily", date(2090, 1, 1)).as_of == END
    assert len(facts_of(data, [], "daily")) == 0


def test_goods_of_last_week_have_their_own_pace(tmp_path: Path) -> None:
    shop = two_goods()
    shop.sells("S1", "new", 3, first=6)
    assert facts_of(shop.dataset(tmp_path), [("S1", "new")], "daily").recent.tolist() == [3.0]


def world(root: Path) -> Dataset:
    told = make_world(root / "world", tenants=1, stores=3, skus=12, days=300, seed=4)
    (tenant,) = told["tenants"]
    return from_files(root / "whole", root / "world" / tenant)


def names_of(dataset: Dataset) -> list[tuple[str, str]]:
    sales = dataset.read("sales", columns=["store", "sku"])
    return sorted(set(zip(sales.column("store").to_pylist(), sales.column("sku").to_pylist(), strict=True)))


def test_nothing_after_the_day_is_used(tmp_path: Path) -> None:
    """Later rows may say anything, or be gone: the facts of the day are the same to the bit."""
    whole = world(tmp_path)
    names = names_of(whole)
    day = date.fromisoformat(whole.manifest.end) - timedelta(days=60)
    altered: dict[str, pl.DataFrame] = {}
    gone: dict[str, pl.DataFrame] = {}
    wrong: dict[str, Any] = {"quantity": 999.5, "price": 77.0, "on_hand": 5e5, "unit_cost": 88.0, "supplier": "Nobody"}
    for name in ("sales", "stock", "receipts", "products"):
        frame = pl.from_arrow(whole.read(name))
        assert isinstance(frame, pl.DataFrame)
        dated = next((column for column in ("date", "received_on") if column in frame.columns), None)
        if dated is None:
            altered[name] = gone[name] = frame
            continue
        later = pl.col(dated) > day
        altered[name] = frame.with_columns(
            pl.when(later).then(pl.lit(value)).otherwise(pl.col(column)).alias(column)
            for column, value in wrong.items()
            if column in frame.columns
        )
        gone[name] = frame.filter(~later)
    then = facts_of(whole, names, "daily", day)
    assert then.as_of == day
    same(then, facts_of(make_dataset(tmp_path / "altered", altered), names, "daily", day))
    same(then, facts_of(make_dataset(tmp_path / "gone", gone), names, "daily", day))
    assert then.on_hand.tolist() != facts_of(whole, names, "daily").on_hand.tolist()


def test_kept_and_read_back_they_are_the_same(tmp_path: Path) -> None:
    from safetensors.numpy import load, save
    from safetensors.torch import load as load_torch

    dataset = world(tmp_path)
    found = facts_of(dataset, [("nowhere", "nothing"), *names_of(dataset)], "daily")
    arrays, texts = found.tensors()
    kept = save(arrays)
    told = json.loads(json.dumps(texts, allow_nan=False))
    same(found, Facts.of(load(kept), told))
    same(found, Facts.of(load_torch(kept), told))
    back = Facts.of(load(kept), told)
    assert back.category.tolist() == found.category.tolist()
    assert back.correlation == found.correlation
    assert 0 <= found.correlation <= 1
