from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import Any

import polars as pl

KEY = ["store", "sku", "date"]


@cache
def ledger(world: Any, tenant: str) -> pl.DataFrame:
    """Everything the files say about each series and day, beside the truth."""
    sales = world.table(tenant, "sales").select(*KEY, "quantity", "available")
    came = world.table(tenant, "receipts").group_by("store", "sku", pl.col("received_on").alias("date"))
    received = came.agg(pl.col("quantity").sum().alias("received"))
    frame = world.table(tenant, "stock").join(sales, on=KEY, how="left").join(received, on=KEY, how="left")
    known = frame.with_columns(pl.col("quantity", "received").fill_null(0), pl.col("available").fill_null(1.0))
    return known.join(world.demand(tenant), on=KEY, how="full", coalesce=True).sort(KEY)


def test_stock_is_conserved(clean: Any) -> None:
    for tenant in clean.tenants:
        frame = ledger(clean, tenant)
        assert frame.null_count().sum_horizontal().item() == 0  # stock and truth cover the same days
        before = pl.col("on_hand").shift(1).over("store", "sku")
        follows = frame.filter(before.is_not_null())
        assert len(follows) > 0.9 * len(frame)
        kept = frame.select((before + pl.col("received") - pl.col("quantity") == pl.col("on_hand")).all()).item()
        assert kept
        assert frame["on_hand"].min() >= 0


def test_a_product_launched_midway_comes_with_a_receipt(clean: Any) -> None:
    start = date.fromisoformat(clean.told["start"])
    for tenant in clean.tenants:
        opening = (
            ledger(clean, tenant).group_by("store", "sku", maintain_order=True).first().filter(pl.col("date") > start)
        )
        assert len(opening) > 0
        assert opening.select((pl.col("received") - pl.col("quantity") == pl.col("on_hand")).all()).item()


def test_sales_are_demand_less_what_was_lost(clean: Any) -> None:
    for tenant in clean.tenants:
        frame = ledger(clean, tenant)
        assert frame.select((pl.col("quantity") + pl.col("lost") == pl.col("demand")).all()).item()
        assert 0 < frame["lost"].sum() < 0.3 * frame["demand"].sum()


def test_every_censored_day_is_marked_and_no_other(clean: Any) -> None:
    for tenant in clean.tenants:
        frame = ledger(clean, tenant)
        lost = frame.filter(pl.col("lost") > 0)
        assert len(lost) > 50
        assert lost["available"].max() < 1
        assert lost["on_hand"].max() == 0
        marked = frame.filter(pl.col("available") < 1)
        assert marked.filter((pl.col("available") > 0) & (pl.col("lost") == 0)).is_empty()
        out = marked.filter(pl.col("available") == 0)
        assert out["quantity"].max() == 0
        assert out["on_hand"].max() == 0


def test_a_till_writes_no_zero_unless_the_shelf_was_empty(clean: Any) -> None:
    for tenant in clean.tenants:
        zeros = clean.table(tenant, "sales").filter(pl.col("quantity") == 0)
        assert len(zeros) > 0
        assert zeros["available"].max() == 0


def test_on_order_is_what_is_still_to_come(clean: Any) -> None:
    for tenant in clean.tenants:
        orders = clean.table(tenant, "receipts").filter(pl.col("ordered_on") < pl.col("received_on"))
        stock = clean.table(tenant, "stock")
        # far enough from the end that everything underway then has come by now; new products' first delivery apart
        day = date.fromisoformat(clean.told["end"]) - timedelta(days=150)
        first = stock.group_by("store", "sku").agg(
            pl.col("date").min().alias("first"), pl.col("date").max().alias("last")
        )
        settled = first.filter((pl.col("first") <= day) & (pl.col("last") == stock["date"].max())).select(
            "store", "sku"
        )
        underway = orders.filter((pl.col("ordered_on") <= day) & (pl.col("received_on") > day))
        coming = underway.group_by("store", "sku").agg(pl.col("quantity").sum())
        told = stock.filter(pl.col("date") == day).join(settled, on=["store", "sku"])
        both = told.join(coming, on=["store", "sku"], how="left").with_columns(pl.col("quantity").fill_null(0))
        assert both["quantity"].sum() > 0
        assert both["quantity"].to_list() == both["on_order"].to_list()


def test_the_unreliable_supplier_shows_in_the_receipts(clean: Any) -> None:
    for tenant in clean.tenants:
        receipts = clean.table(tenant, "receipts")
        days = (pl.col("received_on") - pl.col("ordered_on")).dt.total_days()
        seen = (
            receipts.group_by("supplier")
            .agg(days.std().alias("deviation"), days.mean().alias("mean"))
            .sort("deviation")
        )
        (insight,) = clean.insights(tenant, "unreliable_supplier")
        assert seen["supplier"][-1] == insight["supplier"]
        assert seen["deviation"][-1] > 2 * seen["deviation"][-2]


def test_lead_times_are_as_the_truth_says(clean: Any) -> None:
    for tenant in clean.tenants:
        cut = date.fromisoformat(clean.told["end"]) - timedelta(days=120)  # orders whose slowest deliveries have come
        orders = clean.table(tenant, "receipts").filter(pl.col("ordered_on") < cut)
        days = (pl.col("received_on") - pl.col("ordered_on")).dt.total_days()
        seen = {
            s: (m, n, low)
            for s, m, n, low in orders.group_by("supplier")
            .agg(days.mean(), days.len().alias("n"), days.min().alias("low"))
            .rows()
        }
        for supplier in clean.truth(tenant, "suppliers"):
            mean, count, least = seen[supplier["supplier"]]
            assert abs(mean - supplier["mean"]) < 5 * supplier["deviation"] / count**0.5
            assert least >= supplier["minimum"]


def test_dead_stock_lies_on_the_shelf_and_nobody_buys_it(clean: Any) -> None:
    end = date.fromisoformat(clean.told["end"])
    for tenant in clean.tenants:
        insights = clean.insights(tenant, "dead_stock")
        assert insights
        for insight in insights:
            mine = (pl.col("sku") == insight["sku"]) & pl.col("store").is_in(insight["stores"])
            sold = clean.table(tenant, "sales").filter(mine & (pl.col("quantity") > 0))
            assert (end - sold["date"].max()).days >= 90
            left = clean.table(tenant, "stock").filter(mine & (pl.col("date") == end))
            assert len(left) == len(insight["stores"])
            assert left["on_hand"].min() > 0
            assert left["on_hand"].sum() > 20 * sold["quantity"].sum() / 500


def test_an_imbalance_shows_on_two_shelves(clean: Any) -> None:
    since = date.fromisoformat(clean.told["end"]) - timedelta(days=120)
    for tenant in clean.tenants:
        frame = ledger(clean, tenant).filter(pl.col("date") > since)
        for insight in clean.insights(tenant, "imbalance"):
            mine = frame.filter(pl.col("sku") == insight["sku"])
            full = mine.filter(pl.col("store") == insight["too_much"])
            empty = mine.filter(pl.col("store") == insight["too_little"])
            assert full["on_hand"].mean() > 10 * full["demand"].mean()
            assert empty["lost"].sum() > 0.1 * empty["demand"].sum()
            assert full["lost"].sum() == 0
    assert sum(len(clean.insights(tenant, "imbalance")) for tenant in clean.tenants) >= 3
