"""Figures of stock and service over a stretch of time: turnover, holding cost, days of supply, service, stockouts.

Read store by store; memory grows with the number of series. What the data don't tell is null, never assumed to be
well; costs and prices are those of `facts`. Knows no forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from invplat.core.errors import DatasetError
from invplat.data.assemble import build_panel
from invplat.data.dataset import Dataset
from invplat.data.panel import Panel
from invplat.evaluate.insights.assumptions import Assumptions
from invplat.evaluate.insights.cells import DAYS, exposure
from invplat.inventory.formulas import days_of_supply, holding_cost, observed_fill_rate, turnover
from invplat.serve.assumed import money_notes
from invplat.serve.fact_tables import rows_of
from invplat.serve.facts import Bools, Facts, Numbers, facts_of
from invplat.serve.kpi_schemas import Kpi, Kpis, KpisBy

YEAR = 365.25
SALES = ("store", "sku", "date", "quantity", "price", "available")
STOCK: dict[str, Any] = {"sku": pl.String, "date": pl.Date, "on_hand": pl.Float64}
SERIES: dict[str, Any] = {
    "store": pl.String,
    "sku": pl.String,
    "units": pl.Float64,
    "observed": pl.Float64,  # days on sale that somebody wrote down
    "open": pl.Float64,  # of these, with something to sell
    "seen": pl.Float64,  # units sold on the observed days
    "lost": pl.Float64,
    "priced": pl.Float64,  # units whose price is known
    "revenue": pl.Float64,
    "told": pl.Boolean,  # somebody knew whether there was something to sell
    "mean_stock": pl.Float64,
    "last_stock": pl.Float64,
}


def kpis(dataset: Dataset, *, by: str = "total", first: date | None = None, last: date | None = None) -> Kpis:
    """Over the days from `first` to `last`, both counted: the last year of history where not given."""
    chosen = KpisBy(by)
    first, last = _span(dataset, first, last)
    days = (last - first).days + 1
    frame = pl.concat([pl.DataFrame(schema=SERIES), *(_store(dataset, store, first, last) for store in dataset.stores)])
    facts = facts_of(dataset, list(zip(frame["store"], frame["sku"], strict=True)), dataset.frequency, last)
    frame = _valued(frame, facts)
    rows = [_kpi(group, part, days) for group, part in _groups(frame, chosen)]
    return Kpis(
        tenant=dataset.tenant,
        dataset=dataset.version,
        by=chosen,
        first=first,
        last=last,
        days=days,
        holding_rate=Assumptions().holding_rate,
        kpis=rows,
        notes=_notes(frame, facts, days),
    )


def _span(dataset: Dataset, first: date | None, last: date | None) -> tuple[date, date]:
    manifest = dataset.manifest
    if not manifest.end:
        raise DatasetError(f"the dataset of {dataset.tenant} has no sales", hint="ingest sales first")
    begun = date.fromisoformat(manifest.start)
    # Sales of a week or month are dated on its first day, and go on to its last.
    ended = date.fromisoformat(manifest.end) + timedelta(days=round(DAYS[dataset.frequency]) - 1)
    last = ended if last is None else min(last, ended)
    first = max(last - timedelta(days=364), begun) if first is None else max(first, begun)
    if first > last:
        raise DatasetError(f"there are no sales from {first} to {last}", hint=f"history goes from {begun} to {ended}")
    return first, last


def _store(dataset: Dataset, store: str, first: date, last: date) -> pl.DataFrame:
    """A row a series that was on sale, or lay on the shelf, in that time."""
    frame = _sold(dataset, store, first, last).join(
        _shelf(dataset, store, first, last), on="sku", how="full", coalesce=True
    )
    zeros = [pl.col(name).fill_null(0.0) for name in ("units", "observed", "open", "seen", "lost", "priced", "revenue")]
    return frame.with_columns(pl.lit(store).alias("store"), pl.col("told").fill_null(False), *zeros).select(
        pl.col(name).cast(kind) for name, kind in SERIES.items()
    )


def _sold(dataset: Dataset, store: str, first: date, last: date) -> pl.DataFrame:
    names = list(SERIES)[1:-2]
    try:
        panel = build_panel(_narrow(dataset), store, start=first, end=last, planned=())
    except DatasetError:  # not open in that time
        return pl.DataFrame(schema={name: SERIES[name] for name in names})
    known, days = panel.known, DAYS[dataset.frequency]
    demand, there = panel.demand[:, :known], (panel.observed & panel.exists)[:, :known]
    told, share = _availability(panel)
    observed, open_ = told.sum(1) * days, share.sum(1) * days
    seen = (demand * told).sum(1, dtype=np.float64)
    price = panel.column("price")[:, :known] if panel.has("price") else np.zeros_like(demand)
    priced = demand * (panel.column("price_known")[:, :known] > 0) if panel.has("price") else np.zeros_like(demand)
    return pl.DataFrame(
        {
            "sku": list(panel.skus),
            "units": demand.sum(1, dtype=np.float64),
            "observed": observed,
            "open": open_,
            "seen": seen,
            "lost": seen / np.maximum(open_, days) * (observed - open_),
            "priced": priced.sum(1, dtype=np.float64),
            "revenue": (priced * price).sum(1, dtype=np.float64),
            "told": observed > 0,
        }
    ).filter(pl.Series(there.any(1)))


def _availability(panel: Panel) -> tuple[Bools, Numbers]:
    """Of which periods it is known whether there was something to sell, and for what share of each there was. Where
    sales don't say, counts do, for as long as they are believable; a sale since then shows that more came."""
    known = panel.known
    told, share = (panel.observed & panel.exists)[:, :known], exposure(panel)
    if "available" not in panel.past.names:
        if not panel.has("stock_known"):
            return np.zeros_like(told), np.zeros_like(share)
        told = told & (panel.column("stock_known")[:, :known] > 0)
        gone = (panel.column("on_hand")[:, :known] <= 0) & (panel.demand[:, :known] <= 0)
        share = np.where(gone, 0.0, share)
    return told, np.where(told, share, 0.0)


def _shelf(dataset: Dataset, store: str, first: date, last: date) -> pl.DataFrame:
    """Mean and last of the counts of that time; below zero is nothing on the shelf."""
    rows = rows_of(dataset.read("stock", store, list(STOCK)), STOCK)
    return (
        rows.filter(pl.col("date").is_between(first, last) & pl.col("on_hand").is_finite())
        .group_by("sku", maintain_order=True)
        .agg(
            pl.col("on_hand").clip(0).mean().alias("mean_stock"),
            pl.col("on_hand").sort_by("date").last().clip(0).alias("last_stock"),
        )
    )


def _narrow(dataset: Dataset) -> Dataset:
    """No more than is needed here: a panel of all columns would be many times as large."""
    kept = {"sales": SALES, "stock": ("store", "sku", "date", "on_hand")}
    tables = {
        name: replace(record, columns=tuple(column for column in kept[name] if column in record.columns))
        for name, record in dataset.manifest.tables.items()
        if name in kept
    }
    return Dataset(dataset.storage, replace(dataset.manifest, tables=tables))


def _valued(frame: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Money by each series' own prices; units whose price nobody wrote down by the price that facts know."""
    known = {name: pl.Series(name, getattr(facts, name)).fill_nan(None) for name in ("unit_cost", "price")}
    frame = frame.with_columns(**known, category=pl.Series("category", facts.category.tolist(), pl.String))
    rest = (pl.col("units") - pl.col("priced")).clip(0)
    money = pl.when(rest <= 1e-9).then(pl.col("revenue")).otherwise(pl.col("revenue") + rest * pl.col("price"))
    return frame.with_columns(
        money=money,
        cost=pl.col("units") * pl.col("unit_cost"),
        worth=pl.col("mean_stock") * pl.col("unit_cost"),
        last_worth=pl.col("last_stock") * pl.col("unit_cost"),
        lost_money=pl.col("lost") * pl.col("price"),
    )


def _groups(frame: pl.DataFrame, by: KpisBy) -> Sequence[tuple[str | None, pl.DataFrame]]:
    if by is KpisBy.TOTAL:
        return [(None, frame)]
    parts = frame.sort(by.value, nulls_last=True, maintain_order=True).group_by(by.value, maintain_order=True)
    return [(None if key[0] is None else str(key[0]), part) for key, part in parts]


def _kpi(group: str | None, part: pl.DataFrame, days: int) -> Kpi:
    counted = part.filter(pl.col("mean_stock").is_not_null())
    told = part.filter(pl.col("told") & (pl.col("observed") > 0))
    units, lost = float(part["units"].sum()), float(told["lost"].sum())
    mean_stock, worth = _sum(counted, "mean_stock"), _sum(counted, "worth")
    observed, open_ = float(told["observed"].sum()), float(told["open"].sum())
    sold = float(told["seen"].sum())
    rate = Assumptions().holding_rate
    return Kpi(
        group=group,
        series=len(part),
        sales_units=units,
        sales_money=_sum(part, "money"),
        cost_of_sales=_sum(part, "cost"),
        stock_known=len(counted),
        stock_units=mean_stock,
        stock_value=worth,
        turnover=_turns(counted, days),
        days_of_supply=_lasts(counted, days),
        holding_cost=None if worth is None else float(holding_cost(worth, 1.0, rate, days / YEAR)),
        service_level=open_ / observed if observed else None,
        fill_rate=float(observed_fill_rate(sold, sold + lost)) if observed else None,
        stockout_days=observed - open_ if observed else None,
        lost_units=lost if observed else None,
        lost_money=_sum(told, "lost_money") if observed else None,
    )


def _turns(counted: pl.DataFrame, days: int) -> float | None:
    """In money of the series whose cost is known, in units where none is."""
    priced = counted.filter(pl.col("unit_cost").is_not_null())
    sold, stock = (
        (priced["cost"].sum(), priced["worth"].sum())
        if len(priced)
        else (
            counted["units"].sum(),
            counted["mean_stock"].sum(),
        )
    )
    return _finite(turnover(float(sold) * YEAR / days, float(stock))) if len(counted) else None


def _lasts(counted: pl.DataFrame, days: int) -> float | None:
    priced = counted.filter(pl.col("unit_cost").is_not_null())
    stock, sold = (
        (priced["last_worth"].sum(), priced["cost"].sum())
        if len(priced)
        else (
            counted["last_stock"].sum(),
            counted["units"].sum(),
        )
    )
    return _finite(days_of_supply(float(stock), float(sold) / days)) if len(counted) else None


def _sum(part: pl.DataFrame, name: str) -> float | None:
    """Of what is known; null where nothing is."""
    known = part[name].drop_nulls()
    return float(known.sum()) if len(known) else None


def _finite(figure: Any) -> float | None:
    found = float(figure)
    return found if np.isfinite(found) else None


def _notes(frame: pl.DataFrame, facts: Facts, days: int) -> list[str]:
    said = [*money_notes(facts.unit_cost, facts.price, facts.cost_assumed, facts.price_assumed)]
    uncounted = frame["mean_stock"].null_count()
    if uncounted == len(frame):
        said.append("no stock was counted in this time: figures of stock are not known")
    elif uncounted:
        said.append(f"stock of {uncounted:,} of {len(frame):,} series was not counted: left out of figures of stock")
    silent = len(frame) - int(frame["told"].sum())
    if silent:
        said.append(f"whether there was something to sell is not known of {silent:,} of {len(frame):,} series")
    if days < 28:
        said.append(f"{days} days are few: a year's turnover is scaled up from them")
    return said
