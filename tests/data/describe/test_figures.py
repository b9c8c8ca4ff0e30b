"""Figures against a slow and simple computation of the same."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from statistics import mean, median
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from invplat.data.describe import figures
from invplat.data.describe.bins import Bins
from invplat.data.describe.description import Description
from invplat.data.describe.figures import describe
from tests.data.describe.made import make_dataset, sales_of, world

START = date(2024, 1, 1)


def sums(described: Description) -> tuple[float, int]:
    return sum(store.units for store in described.by_store), sum(store.rows for store in described.by_store)


rows = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "ü", "../../x"]),
        st.sampled_from(["1", "2", "3"]),
        st.integers(0, 400),
        st.integers(0, 30),
        st.sampled_from([0.0, 0.25, 1.0, None]),
    ),
    min_size=1,
    max_size=60,
    unique_by=lambda row: row[:3],
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows, gaps=st.sampled_from(["zero", "missing"]))
def test_counts_add_up_and_shares_are_shares(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, int, int, float | None]], gaps: str
) -> None:
    sales = sales_of([(a, b, START + timedelta(days=day), float(q)) for a, b, day, q, _ in rows])
    sales = sales.with_columns(available=pl.Series([row[4] for row in rows], dtype=pl.Float64))
    found = describe(make_dataset(tmp_path_factory.mktemp("data"), {"sales": sales}, gaps=gaps))
    units, count = sums(found)
    series = {row[:2] for row in rows}
    assert units == pytest.approx(sum(row[3] for row in rows)) == pytest.approx(found.units)
    assert count == len(rows) == found.how_series_sell.rows
    assert (found.stores, found.series) == (len({row[0] for row in rows}), len(series))
    assert sum(found.how_series_sell.classes.values()) == len(series)
    assert (
        sum(bubble.series for bubble in found.how_series_sell.bubbles)
        == len(series) - found.how_series_sell.classes["few_sales"]
    )
    assert sum(found.how_series_sell.levels.counts) <= len(series)
    assert found.pareto.a + found.pareto.b + found.pareto.c == found.skus
    assert all(0 <= share <= 1 for row in found.coverage.rows for share in row.shares)
    assert all(len(row.shares) == len(found.coverage.starts) for row in found.coverage.rows)
    assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in found.pareto.curve)
    if found.stockouts:
        assert 0 <= found.stockouts.empty <= found.stockouts.out <= found.stockouts.known <= len(rows)
        assert all(0 <= group.share <= 1 for group in (*found.stockouts.stores, *found.stockouts.categories))
    assert 0 <= found.gaps.absent < found.gaps.periods
    json.dumps(found.to_dict(), allow_nan=False)


def without_outliers(sales: pl.DataFrame) -> pl.DataFrame:
    """What figures are made of: an outlier counts as a row and as an outlier, not as units."""
    return sales.with_columns(quantity=pl.when("outlier").then(0.0).otherwise("quantity"))


def test_series_against_a_naive_count(tmp_path: Path) -> None:
    tables = world(stores=3, skus=5, days=100, seed=4)
    found = describe(make_dataset(tmp_path, tables))
    by_series: dict[tuple[str, str], dict[date, Any]] = defaultdict(dict)
    for row in without_outliers(tables["sales"]).to_dicts():
        by_series[row["store"], row["sku"]][row["date"]] = row
    classes = dict.fromkeys(found.how_series_sell.classes, 0)
    seldom = absent = out = known = 0
    hidden = 0.0
    for days in by_series.values():
        span = (max(days) - min(days)).days + 1
        absent += span - len(days)
        idle = sum(row["available"] == 0 and row["quantity"] == 0 for row in days.values())
        sold = [row["quantity"] for row in days.values() if row["quantity"] > 0 and not row["outlier"]]
        seldom += 2 * len(sold) < span - idle
        known += len(days)
        out += sum(row["available"] < 1 for row in days.values())
        full = [row["quantity"] for row in days.values() if row["available"] == 1]
        if len(full) >= 3:
            hidden += mean(full) * sum(1 - row["available"] for row in days.values())
        if len(sold) < 3:
            classes["few_sales"] += 1
            continue
        interval = (span - idle) / len(sold)
        uneven = mean((q - mean(sold)) ** 2 for q in sold) / mean(sold) ** 2
        names = {(0, 0): "smooth", (0, 1): "erratic", (1, 0): "intermittent", (1, 1): "lumpy"}
        classes[names[interval >= 1.32, uneven >= 0.49]] += 1
    assert found.how_series_sell.classes == classes
    assert (found.how_series_sell.seldom, found.gaps.absent) == (seldom, absent)
    assert found.stockouts is not None
    assert (found.stockouts.known, found.stockouts.out) == (known, out)
    assert found.stockouts.hidden == pytest.approx(hidden)


def test_demand_and_coverage_against_a_naive_sum(tmp_path: Path) -> None:
    tables = world(stores=4, skus=6, days=200, seed=1)
    found = describe(make_dataset(tmp_path, tables))
    sales = without_outliers(tables["sales"]).to_dicts()
    start, end = min(row["date"] for row in sales), max(row["date"] for row in sales)
    span = [start + timedelta(days=n) for n in range((end - start).days + 1)]
    assert found.demand.unit == "week"
    last_week = [row for row in sales if (end - row["date"]).days < 7]
    assert found.demand.total[-1] == pytest.approx(sum(row["quantity"] for row in last_week) / 7)
    lengths = [
        len([day for day in span if Bins("week", start, end).place(day) == place])
        for place in range(len(found.demand.total))
    ]
    assert sum(a * b for a, b in zip(found.demand.total, lengths, strict=True)) == pytest.approx(found.units, rel=1e-6)
    category = dict(tables["products"].select("sku", "category").rows())
    for line in found.demand.categories:
        assert line.units == pytest.approx(sum(row["quantity"] for row in sales if category[row["sku"]] == line.label))
    for weekday, value in enumerate(found.demand.weekdays):
        units = sum(row["quantity"] for row in sales if row["date"].weekday() == weekday)
        assert value == pytest.approx(units / sum(day.weekday() == weekday for day in span))
    top = found.coverage.rows[0]
    own = {row["sku"] for row in sales if row["store"] == top.label}
    seen = {row["sku"] for row in last_week if row["store"] == top.label}
    assert top.shares[-1] == pytest.approx(len(seen) / len(own), abs=1e-5)


def test_uplift_is_the_median_of_the_series_ratios(tmp_path: Path) -> None:
    tables = world(stores=3, skus=6, days=150, seed=2)
    found = describe(make_dataset(tmp_path, tables))
    ratios = []
    for _, part in without_outliers(tables["sales"]).group_by(["store", "sku"]):
        on = part.filter(pl.col("promotion") > 0)["quantity"]
        off = part.filter(pl.col("promotion") == 0)["quantity"]
        if len(on) >= 5 and len(off) >= 5 and off.sum() > 0:
            ratios.append((sum(on) / len(on)) / (sum(off) / len(off)))
    assert found.promotion is not None
    assert found.promotion.series == len(ratios) > 0
    assert found.promotion.uplift == pytest.approx(median(ratios), rel=1e-5)


def test_lead_times_by_supplier(tmp_path: Path) -> None:
    days = {"North": [1, 2, 3, 4, 10], "South": [5] * 20}
    receipts = pl.DataFrame(
        [
            {
                "store": "A",
                "sku": "1",
                "ordered_on": START,
                "received_on": START + timedelta(days=n),
                "quantity": 2.0,
                "supplier": name,
            }
            for name, waits in days.items()
            for n in waits
        ]
    )
    found = describe(
        make_dataset(tmp_path, {"sales": sales_of([("A", "1", START, 1.0)]), "receipts": receipts})
    ).lead_times
    assert found is not None
    south, north = found.suppliers
    assert (south.name, south.mean, south.deviation, south.p90) == ("South", 5.0, 0.0, 5.0)
    assert (north.receipts, north.mean, north.p90) == (5, 4.0, 10.0)
    assert sum(found.days.counts) == found.receipts == 25


def test_dead_stock_is_what_lies_there_and_does_not_sell(tmp_path: Path) -> None:
    end = START + timedelta(days=299)
    sales = sales_of([("A", "sells", START, 1.0), ("A", "sells", end, 1.0), ("A", "sleeps", START, 3.0)])
    stock = pl.DataFrame({"store": "A", "sku": ["sells", "sleeps", "never"], "date": end, "on_hand": [4.0, 7.0, 2.0]})
    products = pl.DataFrame({"sku": ["sleeps", "never"], "unit_cost": [2.0, 5.0]})
    found = describe(make_dataset(tmp_path, {"sales": sales, "stock": stock, "products": products})).dead_stock
    assert found is not None
    assert (found.days, found.series, found.idle, found.units, found.value) == (90, 3, 2, 9.0, 24.0)
    assert [(item.sku, item.last_sold) for item in found.worst] == [("sleeps", START.isoformat()), ("never", "")]


def test_stockouts_from_stock_where_sales_do_not_tell(tmp_path: Path) -> None:
    days = [START + timedelta(days=n) for n in range(10)]
    sales = sales_of([("A", "1", day, 4.0) for day in days[:8]] + [("A", "1", days[9], 1.0)])
    stock = pl.DataFrame({"store": "A", "sku": "1", "date": days, "on_hand": [5.0] * 8 + [0.0, 0.0]})
    found = describe(make_dataset(tmp_path, {"sales": sales, "stock": stock})).stockouts
    assert found is not None
    assert (found.source, found.known, found.out) == ("stock", 10, 2)
    assert found.hidden == pytest.approx(2 * 4 - 1)


def test_troubles_are_counted_with_three_examples_each(tmp_path: Path) -> None:
    bad = {"table": "sales", "file": "till.csv", "column": "date", "reason": "unparsable_date"}
    lines = [{**bad, "row": n, "value": f"{n}?"} for n in range(5)] + [{**bad, "row": 9, "reason": "future_date"}]
    repairs = [{**bad, "row": 1, "column": "quantity", "reason": "return", "value": "-1"}]
    rules = {"sales.return": 30_000, "sales.duplicate_row": 7, "sales.unparsable_date": 5}
    sales = sales_of([("A", "1", START, 1.0)])
    found = describe(make_dataset(tmp_path, {"sales": sales}, quarantine=lines, repairs=repairs, rules=rules, merged=7))
    assert [(t.rule, t.count, [e.value for e in t.examples]) for t in found.quarantined] == [
        ("unparsable_date", 5, ["0?", "1?", "2?"]),
        ("future_date", 1, [""]),
    ]
    assert [(t.rule, t.count, t.examples[0].value) for t in found.repaired] == [("return", 30_000, "-1")]
    assert [(t.rule, t.table, t.count) for t in found.merged] == [("duplicate_row", "sales", 7)]
    assert found.counts.balanced


def test_what_is_absent_and_what_it_costs(tmp_path: Path) -> None:
    sales = sales_of([("A", "1", START, 1.0)])
    bare = describe(make_dataset(tmp_path / "bare", {"sales": sales})).absent
    assert ("receipts", "") in [(item.table, item.column) for item in bare]
    assert all(item.costs for item in bare)
    full = world(stores=2, skus=2, days=40, seed=0)
    there = {(item.table, item.column) for item in describe(make_dataset(tmp_path / "full", full)).absent}
    assert not there & {("receipts", ""), ("stock", ""), ("sales", "price"), ("sales", "available")}


def test_batches_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = make_dataset(tmp_path, world(stores=7, skus=4, days=60, seed=3))
    whole = describe(dataset).to_dict()
    monkeypatch.setattr(figures, "BATCH", 1)
    told: list[tuple[int, int]] = []
    alone = describe(dataset, lambda done, total: told.append((done, total))).to_dict()
    assert json.dumps(_rounded(alone), sort_keys=True) == json.dumps(_rounded(whole), sort_keys=True)
    assert told == [(n, 7) for n in range(1, 8)]


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def test_a_dataset_without_a_single_usable_row(tmp_path: Path) -> None:
    line = {"table": "sales", "file": "f.csv", "row": 1, "column": "date", "value": "x", "reason": "unparsable_date"}
    found = describe(make_dataset(tmp_path, {"sales": sales_of([]).head(0)}, quarantine=[line]))
    assert (found.stores, found.series, found.start, found.units) == (0, 0, "", 0.0)
    assert found.counts.rows_quarantined == 1


@pytest.mark.parametrize("frequency", ["daily", "weekly", "monthly"])
@pytest.mark.parametrize("days", [1, 6, 7, 8, 119, 121, 700, 2000, 20_000])
def test_bins_hold_every_day_once_and_in_order(frequency: str, days: int) -> None:
    bins = Bins.over(START, START + timedelta(days=days - 1), frequency, 120)
    span = [START + timedelta(days=n) for n in range(days)]
    places = [bins.place(day) for day in span]
    assert places == sorted(places)
    assert set(places) == set(range(len(bins)))
    assert len(bins) <= 120
    assert pl.DataFrame({"day": span}).select(bins.expression("day")).to_series().to_list() == places
    starts = bins.starts()
    assert [bins.place(start) for start in starts] == list(range(len(bins)))
    assert all(
        start == min(day for day, at in zip(span, places, strict=True) if at == n) for n, start in enumerate(starts)
    )
    step = {"daily": days, "weekly": -(-days // 7)}.get(frequency, len({(day.year, day.month) for day in span}))
    assert sum(bins.periods(frequency)) == step


def test_gaps_missing_judges_series_by_the_rows_they_have(tmp_path: Path) -> None:
    random.seed(0)
    sales = sales_of([("A", "1", START + timedelta(days=7 * n), 3.0) for n in range(10)])
    zero = describe(make_dataset(tmp_path / "zero", {"sales": sales})).how_series_sell
    missing = describe(make_dataset(tmp_path / "missing", {"sales": sales}, gaps="missing")).how_series_sell
    assert (zero.classes["intermittent"], missing.classes["smooth"]) == (1, 1)
    assert (zero.periods, missing.periods) == (64, 10)
