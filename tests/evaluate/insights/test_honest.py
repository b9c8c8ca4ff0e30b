"""What must not be said: of few deliveries, of new goods, of seasons, of luck, of days after the as-of day."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from invplat.core.errors import DatasetError, FigureRefused, SettingRefused
from invplat.data.synth.world import make_world
from invplat.evaluate.insights.assumptions import Assumptions
from invplat.evaluate.insights.findings import FINDERS, insights
from invplat.evaluate.insights.insight import Insight
from tests.data.describe.made import make_dataset
from tests.evaluate.insights.made import END, Shop, from_files


def only(shop: Shop, root: Path, name: str, *without: str, **changes: Any) -> Insight:
    (found,) = insights(shop.dataset(root, *without, **changes), only=[name])
    return found


def steady(*stores: str) -> Shop:
    shop = Shop()
    shop.product("tea")
    for store in stores:
        shop.sells(store, "tea", 3)
        shop.holds(store, "tea", 20)
    return shop


@pytest.mark.parametrize(("deliveries", "bad"), [(3, False), (19, False), (40, True)])
def test_nobody_is_judged_on_a_handful_of_deliveries(tmp_path: Path, deliveries: int, bad: bool) -> None:
    shop = steady("S1")
    for number in range(deliveries):
        shop.delivers("Late", 5 if number % 2 else 25, 60 + 5 * number)
    found = only(shop, tmp_path, "suppliers")
    assert found.rows["unreliable"].to_list() == [bad]
    assert found.rows["deliveries"].to_list() == [deliveries]
    assert any("not judged" in note for note in found.lacking) is not bad


def test_lines_of_one_order_are_one_delivery(tmp_path: Path) -> None:
    shop = steady("S1")
    for line in range(50):
        shop.delivers("Late", 25, 60, sku=f"tea {line}")
    assert only(shop, tmp_path, "suppliers").rows["deliveries"].to_list() == [1]


def test_slow_is_not_unreliable(tmp_path: Path) -> None:
    shop = steady("S1")
    for number in range(60):
        shop.delivers("Far away", 40, 60 + 5 * number)
    assert not only(shop, tmp_path, "suppliers").rows["unreliable"].any()


def test_goods_of_last_week_are_not_dead(tmp_path: Path) -> None:
    shop = steady("S1")
    shop.product("new")
    shop.holds("S1", "new", 30, first=7)
    assert only(shop, tmp_path, "dead").rows.is_empty()


def test_goods_that_never_sold_are_dead_after_long_enough(tmp_path: Path) -> None:
    shop = steady("S1")
    shop.product("dud")
    shop.holds("S1", "dud", 30, first=120)
    assert only(shop, tmp_path, "dead").rows["sku"].to_list() == ["dud"]


def test_goods_that_came_back_last_week_are_not_dead(tmp_path: Path) -> None:
    shop = steady("S1")
    shop.product("dud")
    shop.holds("S1", "dud", 0, first=300, last=8)
    shop.holds("S1", "dud", 30, first=7)
    assert only(shop, tmp_path, "dead").rows.is_empty()


def test_a_seldom_seller_s_silence_is_luck(tmp_path: Path) -> None:
    shop = steady("S1")
    shop.product("globe")
    shop.sells("S1", "globe", 1, first=395, last=95, every=50)
    shop.holds("S1", "globe", 3)
    assert only(shop, tmp_path, "dead").rows.is_empty()


def test_goods_of_a_season_are_not_dead_before_it(tmp_path: Path) -> None:
    shop = Shop()
    for sku in ("tea", "ice", "fad"):
        shop.product(sku)
        shop.holds("S1", sku, 20, first=599)
    shop.sells("S1", "tea", 3, first=599)
    shop.sells("S1", "ice", 3, first=599, last=540)  # both have been silent for a hundred days, but ice was
    shop.sells("S1", "ice", 3, first=360, last=100)  # silent at this time last year as well, and then sold
    shop.sells("S1", "fad", 3, first=599, last=100)
    assert only(shop, tmp_path, "dead").rows["sku"].to_list() == ["fad"]


def test_what_left_the_shelf_is_not_stock(tmp_path: Path) -> None:
    shop = steady("S1")
    shop.product("gone")
    shop.sells("S1", "gone", 3, last=150)
    shop.holds("S1", "gone", 9, last=150)
    assert only(shop, tmp_path / "a", "dead").rows.is_empty()
    assert only(shop, tmp_path / "b", "capital").rows["on_hand"].to_list() == [20.0]


def test_a_closed_store_is_left_out_and_said(tmp_path: Path) -> None:
    shop = steady("S1")
    shop.sells("S2", "tea", 3, last=60)
    shop.holds("S2", "tea", 500, last=60)
    found = only(shop, tmp_path, "capital")
    assert found.rows["store"].unique().to_list() == ["S1"]
    assert any("S2" in note for note in found.lacking)


def test_a_store_that_opened_after_the_as_of_day_is_not_there(tmp_path: Path) -> None:
    shop = steady("S1")
    shop.sells("S2", "tea", 3, first=20)
    shop.holds("S2", "tea", 500, first=20)
    (found,) = insights(shop.dataset(tmp_path), END - timedelta(days=30), only=["capital"])
    assert found.rows["store"].to_list() == ["S1"]


def test_even_stores_have_nothing_to_move(tmp_path: Path) -> None:
    assert only(steady("S1", "S2", "S3"), tmp_path, "transfers").rows.is_empty()


def test_one_store_has_nowhere_to_move_to(tmp_path: Path) -> None:
    found = only(steady("S1"), tmp_path, "transfers")
    assert not found.known
    assert "one store" in found.lacking[0]


@pytest.mark.parametrize(
    ("without", "lost"),
    [
        (("stock",), {"dead", "slow", "transfers", "capital", "turnover", "stockouts"}),
        (("receipts",), {"suppliers"}),
        (("products",), set()),
        (
            ("stock", "receipts", "products"),
            {"dead", "slow", "transfers", "capital", "turnover", "stockouts", "suppliers"},
        ),
    ],
    ids=["stock", "receipts", "products", "all"],
)
def test_what_is_missing_is_said_and_the_rest_still_comes(tmp_path: Path, without: Any, lost: set[str]) -> None:
    shop = steady("S1", "S2")
    for number in range(40):
        shop.delivers("Mill", 5, 60 + 5 * number)
        for sku in range(12):
            shop.sells("S1", f"cup {sku}", 1 + sku, first=399 - number * 5, last=399 - number * 5)
    found = {one.name: one for one in insights(shop.dataset(tmp_path, *without))}
    assert set(found) == set(FINDERS)
    assert {name for name, one in found.items() if not one.known} == lost
    assert all(one.lacking for one in found.values() if not one.known)


def test_without_any_money_units_are_told(tmp_path: Path) -> None:
    shop = steady("S1", "S2")
    shop.sells("S1", "mug", 2, last=150)
    shop.holds("S1", "mug", 8)
    tables = shop.tables()
    tables["products"] = tables["products"].drop("unit_cost", "price")
    tables["sales"] = tables["sales"].drop("price")
    found = {one.name: one for one in insights(make_dataset(tmp_path, tables))}
    assert found["dead"].rows.select("sku", "on_hand", "worth").rows() == [("mug", 8.0, None)]
    assert all(one.money.amount is None for one in found.values())
    assert {one.severity for one in found.values()} == {"none"}
    assert not found["capital"].known


def test_a_cost_that_nobody_knows_is_assumed_and_said(tmp_path: Path) -> None:
    shop = steady("S1")
    tables = shop.tables()
    tables["products"] = tables["products"].drop("unit_cost")
    (found,) = insights(make_dataset(tmp_path, tables), only=["capital"], assumptions=Assumptions(margin=0.4))
    assert found.rows["worth"].to_list() == pytest.approx([20 * 5 * 0.6])
    assert any("60 %" in note for note in found.lacking)


@pytest.mark.parametrize("gaps", ["zero", "missing"])
def test_nothing_ever_sold(tmp_path: Path, gaps: str) -> None:
    shop = Shop()
    for sku in ("tea", "pot"):
        shop.product(sku)
        shop.sells("S1", sku, 0)
        shop.holds("S1", sku, 20)
    found = {one.name: one for one in insights(shop.dataset(tmp_path, gaps=gaps))}
    assert found["dead"].money.amount == 2 * 20 * 2.0
    assert not found["classes"].known
    assert not found["service"].known
    assert "nothing of it sells" in found["capital"].sentence


def test_a_short_history_says_nothing_of_death(tmp_path: Path) -> None:
    shop = Shop()
    shop.product("tea")
    shop.sells("S1", "tea", 1, first=30)
    shop.holds("S1", "tea", 900, first=30)
    for name in ("dead", "slow"):
        found = only(shop, tmp_path / name, name)
        assert not found.known
        assert "31 days" in found.lacking[0]


@pytest.mark.parametrize("frequency", ["weekly", "monthly"])
def test_weeks_and_months_are_counted_as_such(tmp_path: Path, frequency: str) -> None:
    shop = Shop()
    shop.product("tea")
    shop.product("mug")
    days = 7 if frequency == "weekly" else 1
    dates = (
        [END - timedelta(days=7 * ago) for ago in range(70, -1, -1)]
        if frequency == "weekly"
        else [date(2023 + month // 12, month % 12 + 1, 1) for month in range(30)]
    )
    for place, day in enumerate(dates):
        for sku in ("tea", "mug"):
            sells = 70.0 if sku == "tea" or place < len(dates) - 20 else 0.0
            shop.sales.append({"store": "S1", "sku": sku, "date": day, "quantity": sells, "price": 5.0})
            shop.stock.append({"store": "S1", "sku": sku, "date": day, "on_hand": 20.0})
    tables = shop.tables()
    found = {one.name: one for one in insights(make_dataset(tmp_path, tables, frequency=frequency))}
    assert found["dead"].rows["sku"].to_list() == ["mug"]
    row = found["classes"].rows.filter(pl.col("sku") == "tea").to_dicts()[0]
    assert row["units"] == 70 * (52 if days == 7 else 12)
    assert row["class"] == "AX"


def test_nothing_after_the_as_of_day_is_used(tmp_path: Path) -> None:
    """All insights of a day are the same whether or not the files go on after it."""
    world = make_world(tmp_path / "world", tenants=1, stores=3, skus=20, days=400, seed=2)
    (tenant,) = world["tenants"]
    whole = from_files(tmp_path / "whole", tmp_path / "world" / tenant)
    day = date.fromisoformat(world["end"]) - timedelta(days=45)
    cut = {}
    for name in ("sales", "stock", "receipts", "products", "stores"):
        frame = pl.from_arrow(whole.read(name))
        assert isinstance(frame, pl.DataFrame)
        dated = next((column for column in ("date", "received_on") if column in frame.columns), None)
        cut[name] = frame if dated is None else frame.filter(pl.col(dated) <= day)
    then = {one.name: one for one in insights(make_dataset(tmp_path / "cut", cut))}
    for one in insights(whole, day):
        other = then[one.name]
        assert one.as_of == other.as_of == day.isoformat()
        assert one.money == other.money
        rows, others = (
            frame.drop("waiting") if "waiting" in frame.columns else frame for frame in (one.rows, other.rows)
        )
        assert rows.equals(others)  # who had not delivered yet is only known where the delivery stands later


def test_an_as_of_day_before_all_sales_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="begin on") as refused:
        insights(steady("S1").dataset(tmp_path), "2019-01-01")
    assert refused.value.hint


def test_unknown_names_and_senseless_figures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingRefused) as refused:
        insights(steady("S1").dataset(tmp_path), only=["transfer"])
    assert refused.value.hint == "did you mean transfers?"
    for wrong in ({"margin": 1.5}, {"holding_rate": 0.0}, {"transfer_cost": -1.0}, {"dead_days": 0}):
        with pytest.raises(FigureRefused):
            Assumptions(**wrong)
    assert np.isfinite(Assumptions().holding_rate)
