"""The tables behind the facts: counts, sales, receipts and products as one row a series or SKU, up to a day.

Knows where figures are read and what is assumed where none stands, not how they are kept or used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl

from invplat.data.dataset import Dataset
from invplat.evaluate.costs import LATELY
from invplat.evaluate.insights.assumptions import Assumptions
from invplat.evaluate.insights.cells import DAYS
from invplat.evaluate.insights.facts import COUNTED, OLD
from invplat.evaluate.insights.shelves import SCHEMA as SHELVES
from invplat.evaluate.insights.shelves import shelves

PRODUCTS: dict[str, Any] = {
    "sku": pl.String,
    "category": pl.String,
    "supplier": pl.String,
    "unit_cost": pl.Float64,
    "price": pl.Float64,
    "pack": pl.Float64,
}
SALES: dict[str, Any] = {"sku": pl.String, "date": pl.Date, "quantity": pl.Float64, "price": pl.Float64}
RECEIPTS: dict[str, Any] = {
    "store": pl.String,
    "sku": pl.String,
    "ordered_on": pl.Date,
    "received_on": pl.Date,
    "quantity": pl.Float64,
    "unit_cost": pl.Float64,
    "supplier": pl.String,
}
SOLD: dict[str, Any] = {
    "store": pl.String,
    "sku": pl.String,
    "lately": pl.Float64,
    "begun": pl.Date,
    "last_price": pl.Float64,
    "broken": pl.UInt32,
}


def rows_of(table: Any, kinds: Mapping[str, Any]) -> pl.DataFrame:
    """The columns asked for, of their kinds; unknown throughout where the table lacks them."""
    found = pl.from_arrow(table)
    frame = found if isinstance(found, pl.DataFrame) else pl.DataFrame()
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name) for name, kind in kinds.items()
    )


def last_counts(dataset: Dataset, stores: Sequence[str], end: date) -> pl.DataFrame:
    """The last count of each series, and whether it is too old: by the calendar, or beside its store's last one."""
    parts = [pl.DataFrame(schema={**SHELVES, "store": pl.String, "stale": pl.Boolean})]
    for store in stores if dataset.has("stock") else ():
        found = shelves(dataset, store, end)
        late = (pl.col("counted") > OLD) | (pl.col("counted") > pl.col("counted").min() + COUNTED)
        parts.append(found.with_columns(pl.lit(store).alias("store"), late.alias("stale")))
    return pl.concat(parts).select("store", "sku", "on_hand", "on_order", "counted", "stale")


def sold(dataset: Dataset, stores: Sequence[str], end: date, frequency: str) -> pl.DataFrame:
    parts = [pl.DataFrame(schema=SOLD)]
    lately = pl.col("date") > _since(dataset.frequency, frequency, end)
    units, price = pl.col("quantity"), pl.col("price")
    for store in stores:
        rows = rows_of(dataset.read("sales", store, list(SALES)), SALES).filter(pl.col("date") <= end)
        parts.append(
            rows.group_by("sku", maintain_order=True)
            .agg(
                units.filter(lately).clip(0).sum().alias("lately"),
                pl.col("date").min().alias("begun"),
                price.filter(price > 0).last().alias("last_price"),
                (units != units.round()).sum().cast(pl.UInt32).alias("broken"),
            )
            .select(pl.lit(store).alias("store"), *list(SOLD)[1:])
        )
    return pl.concat(parts)


def _since(native: str, frequency: str, end: date) -> date:
    """The day before the last periods begin."""
    if native == "monthly":
        months = end.year * 12 + end.month - 1 - (LATELY["monthly"] - 1)
        return date(months // 12, months % 12 + 1, 1) - timedelta(days=1)
    return end - timedelta(days=round(LATELY[frequency] * DAYS[frequency]))


def pace(frame: pl.DataFrame, native: str, frequency: str, end: date) -> pl.Series:
    """Units a period; a young series' only since it began."""
    window = (end - _since(native, frequency, end)).days
    age = (pl.lit(end) - pl.col("begun")).dt.total_days() + round(DAYS[native])
    if native == "monthly":
        months = (end.year - pl.col("begun").dt.year()) * 12 + end.month - pl.col("begun").dt.month() + 1
        return frame.select(pl.col("lately") / pl.min_horizontal(pl.lit(LATELY["monthly"]), months)).to_series()
    return frame.select(pl.col("lately") / pl.min_horizontal(pl.lit(window), age) * DAYS[frequency]).to_series()


def received(dataset: Dataset, products: pl.DataFrame, end: date) -> pl.DataFrame:
    """What had come by the day, the oldest first; where a receipt names no supplier, the product's counts."""
    rows = rows_of(dataset.read("receipts", columns=list(RECEIPTS)), RECEIPTS).filter(pl.col("received_on") <= end)
    listed = products.select("sku", listed="supplier")
    days = (pl.col("received_on") - pl.col("ordered_on")).dt.total_days().cast(pl.Float64)
    return (
        rows.join(listed, on="sku", how="left", maintain_order="left")
        .with_columns(pl.coalesce("supplier", "listed").alias("supplier"), days.alias("days"))
        .filter(pl.col("days") >= 0)
        .sort("received_on", "ordered_on", maintain_order=True)
    )


def paid(receipts: pl.DataFrame, end: date) -> pl.DataFrame:
    """Mean cost of what came in a year, and who brought it the last time."""
    lately = (pl.col("unit_cost") > 0) & (pl.col("received_on") > end - timedelta(days=365))
    worth, units = pl.col("quantity") * pl.col("unit_cost"), pl.col("quantity")
    return receipts.group_by("sku", maintain_order=True).agg(
        (worth.filter(lately).sum() / units.filter(lately).sum()).fill_nan(None).alias("paid"),
        pl.col("supplier").last().alias("from"),
    )


def valued(frame: pl.DataFrame) -> pl.DataFrame:
    less = 1 - Assumptions().margin
    positive = [pl.when(pl.col(name) > 0).then(pl.col(name)).alias(name) for name in ("unit_cost", "price", "pack")]
    return (
        frame.with_columns(*positive, supplier=pl.coalesce("supplier", "from"))
        .with_columns(
            known_cost=pl.coalesce("unit_cost", "paid"),
            known_price=pl.coalesce("last_price", pl.col("last_price").mean().over("sku"), "price"),
        )
        .with_columns(
            cost=pl.coalesce("known_cost", pl.col("known_price") * less),
            worth=pl.coalesce("known_price", pl.col("known_cost") / less),
        )
    )
