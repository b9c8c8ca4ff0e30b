"""Figures of stock and service, told in advance with a pencil; null where the data are silent."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from invplat.core.errors import DatasetError
from invplat.serve.kpi_schemas import Kpi, Kpis
from invplat.serve.kpis import kpis
from tests.data.describe.made import make_dataset
from tests.evaluate.insights.made import END, Shop

FIRST = END - timedelta(days=99)


def total(found: Kpis) -> Kpi:
    (row,) = found.kpis
    Kpis.model_validate_json(found.model_dump_json())  # nothing infinite, no NaN
    return row


def corner() -> Shop:
    shop = Shop()
    shop.product("tea", unit_cost=2.0, category="hot")
    shop.product("cola", unit_cost=1.0, category="cold")
    for store in ("S1", "S2"):
        shop.sells(store, "tea", 4, available=1.0)
        shop.holds(store, "tea", 100)
    shop.sells("S1", "cola", 10, available=1.0)
    shop.holds("S1", "cola", 50)
    return shop


def test_the_total_of_a_hundred_days(tmp_path: Path) -> None:
    found = kpis(corner().dataset(tmp_path), first=FIRST)
    assert (found.first, found.last, found.days) == (FIRST, END, 100)
    row = total(found)
    assert row.group is None
    assert row.series == row.stock_known == 3
    assert row.sales_units == 1800
    assert row.sales_money == pytest.approx(9000)
    assert row.cost_of_sales == pytest.approx(800 * 2 + 1000)
    assert row.stock_units == 250
    assert row.stock_value == pytest.approx(450)
    assert row.turnover == pytest.approx(2600 / 450 * 365.25 / 100)
    assert row.days_of_supply == pytest.approx(450 / 26)
    assert row.holding_cost == pytest.approx(450 * 0.25 * 100 / 365.25)
    assert (row.service_level, row.fill_rate, row.stockout_days, row.lost_units, row.lost_money) == (1, 1, 0, 0, 0)
    assert found.notes == []


@pytest.mark.parametrize(
    ("by", "units"),
    [
        ("store", {"S1": 1400, "S2": 400}),
        ("category", {"cold": 1000, "hot": 800}),
        ("sku", {"cola": 1000, "tea": 800}),
    ],
)
def test_groups_add_up(tmp_path: Path, by: str, units: dict[str, float]) -> None:
    data = corner().dataset(tmp_path)
    found = kpis(data, by=by, first=FIRST)
    assert {row.group: row.sales_units for row in found.kpis} == units
    whole = total(kpis(data, first=FIRST))
    for name in ("series", "sales_money", "cost_of_sales", "stock_value", "holding_cost", "stockout_days"):
        assert sum(getattr(row, name) for row in found.kpis) == pytest.approx(getattr(whole, name)), name


def test_empty_shelves_cost_service_and_sales(tmp_path: Path) -> None:
    shop = Shop()
    shop.product("tea", unit_cost=2.0)
    shop.sells("S1", "tea", 4, last=20, available=1.0)
    shop.sells("S1", "tea", 0, first=19, last=10, available=0.0)
    shop.sells("S1", "tea", 4, first=9, available=1.0)
    row = total(kpis(shop.dataset(tmp_path), first=FIRST))
    assert row.stockout_days == pytest.approx(10)
    assert row.service_level == pytest.approx(0.9)
    assert row.lost_units == pytest.approx(40)
    assert row.lost_money == pytest.approx(200)
    assert row.fill_rate == pytest.approx(360 / 400)
    assert (row.stock_units, row.stock_value, row.turnover, row.days_of_supply, row.holding_cost) == (None,) * 5


def test_counts_tell_of_empty_shelves_as_long_as_they_are_believable(tmp_path: Path) -> None:
    shop = Shop()
    shop.product("tea", unit_cost=2.0)
    shop.sells("S1", "tea", 4, last=20)
    shop.sells("S1", "tea", 0, first=19, last=10)
    shop.sells("S1", "tea", 4, first=9)
    for ago in (99, 98, 30, 20, 10, 9):  # with gaps: a count is believed for seven more days
        shop.holds("S1", "tea", 0 if ago in (20, 10) else 20, first=ago, last=ago)
    row = total(kpis(shop.dataset(tmp_path), first=FIRST))
    # 99 to 91; 30 to 23; 20 to 13; 10; 9 to 2. The 20th sold and ended empty: half; 19 to 13 and the 10th were empty.
    observed = 9 + 8 + 8 + 1 + 8
    assert row.stockout_days == pytest.approx(0.5 + 7 + 1)
    assert row.service_level == pytest.approx(1 - 8.5 / observed)
    seen, open_ = 4 * (9 + 8 + 1 + 8), observed - 8.5
    assert row.lost_units == pytest.approx(seen / open_ * 8.5)
    assert row.fill_rate == pytest.approx(seen / (seen + seen / open_ * 8.5))
    assert row.sales_units == 4 * 90


def test_where_stock_and_availability_are_not_known_so_are_their_figures(tmp_path: Path) -> None:
    shop = Shop()
    shop.product("tea")
    shop.sells("S1", "tea", 4)
    found = kpis(shop.dataset(tmp_path), first=FIRST)
    row = total(found)
    assert row.sales_units == 400
    assert row.stock_known == 0
    for name in ("stock_units", "turnover", "days_of_supply", "holding_cost", "service_level", "fill_rate"):
        assert getattr(row, name) is None, name
    assert row.stockout_days is row.lost_units is row.lost_money is None
    assert any("no stock was counted" in note for note in found.notes)
    assert any("not known of 1 of 1 series" in note for note in found.notes)


def test_stock_figures_are_of_the_series_that_were_counted(tmp_path: Path) -> None:
    shop = corner()
    shop.sells("S2", "cola", 10, available=1.0)
    found = kpis(shop.dataset(tmp_path), first=FIRST)
    row = total(found)
    assert (row.series, row.stock_known) == (4, 3)
    assert row.sales_units == 2800
    assert row.turnover == pytest.approx(2600 / 450 * 365.25 / 100)
    assert any("stock of 1 of 4 series" in note for note in found.notes)


def test_without_costs_units_turn(tmp_path: Path) -> None:
    tables = corner().tables()
    tables["products"] = tables["products"].drop("unit_cost", "price")
    tables["sales"] = tables["sales"].drop("price")
    row = total(kpis(make_dataset(tmp_path, tables), first=FIRST))
    assert row.turnover == pytest.approx(1800 / 250 * 365.25 / 100)
    assert row.days_of_supply == pytest.approx(250 / 18)
    assert row.sales_money is row.stock_value is row.holding_cost is row.cost_of_sales is None


def test_costs_that_nobody_knows_are_assumed_and_said(tmp_path: Path) -> None:
    tables = corner().tables()
    tables["products"] = tables["products"].drop("unit_cost")
    found = kpis(make_dataset(tmp_path, tables), first=FIRST)
    assert total(found).stock_value == pytest.approx(250 * 5 * 0.7)
    assert any("no cost is known of 3 series" in note for note in found.notes)


def test_goods_that_only_lie_there_turn_never(tmp_path: Path) -> None:
    shop = corner()
    shop.product("dud", unit_cost=3.0, category="odd")
    shop.holds("S1", "dud", 10)
    rows = {row.group: row for row in kpis(shop.dataset(tmp_path), by="category", first=FIRST).kpis}
    assert rows["odd"].turnover == 0
    assert rows["odd"].days_of_supply is None
    assert rows["odd"].stock_value == 30
    assert rows["odd"].service_level is None


def test_nothing_outside_the_days_is_counted(tmp_path: Path) -> None:
    shop = corner()
    last = END - timedelta(days=50)
    inside = kpis(shop.dataset(tmp_path / "whole"), first=FIRST, last=last)
    tables = shop.tables()
    wrong: dict[str, Any] = {"quantity": 77.0, "price": 99.0, "available": 0.0, "on_hand": 1e4}
    for name in ("sales", "stock"):
        later = pl.col("date") > last
        tables[name] = tables[name].with_columns(
            pl.when(later).then(pl.lit(value)).otherwise(pl.col(column)).alias(column)
            for column, value in wrong.items()
            if column in tables[name].columns
        )
    assert kpis(make_dataset(tmp_path / "other", tables), first=FIRST, last=last) == inside
    assert inside.days == 50
    assert total(inside).sales_units == 900


def test_days_without_history_are_refused_and_others_cut_to_it(tmp_path: Path) -> None:
    data = corner().dataset(tmp_path)
    with pytest.raises(DatasetError, match="no sales from") as refused:
        kpis(data, first=END + timedelta(days=3), last=END + timedelta(days=9))
    assert "history goes from" in (refused.value.hint or "")
    with pytest.raises(ValueError, match="brand"):
        kpis(data, by="brand")
    assert kpis(data, first=date(1990, 1, 1), last=date(2090, 1, 1)).days == 400
    assert kpis(data).days == 365


@pytest.mark.parametrize("frequency", ["weekly", "monthly"])
def test_weeks_and_months_count_their_days(tmp_path: Path, frequency: str) -> None:
    shop = Shop()
    shop.product("tea", unit_cost=2.0)
    for number in range(24):
        day = date(2023 + number // 12, number % 12 + 1, 1)
        day = day if frequency == "monthly" else END - timedelta(days=7 * number)
        shop.sales.append({"store": "S1", "sku": "tea", "date": day, "quantity": 12.0, "price": 5.0, "available": 1.0})
        shop.stock.append({"store": "S1", "sku": "tea", "date": day, "on_hand": 20.0})
    found = kpis(shop.dataset(tmp_path, frequency=frequency))
    row = total(found)
    periods = 24 if frequency == "weekly" else 12
    assert row.sales_units == 12 * periods
    assert found.days == (24 * 7 if frequency == "weekly" else 365)
    assert row.service_level == 1
    assert row.turnover == pytest.approx(12 * periods / 20 * 365.25 / found.days)
