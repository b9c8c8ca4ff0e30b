"""The seed report's table of a dataset: monthly quantity by store and product, with attributes and no past sales.

Rows are months in which something was sold. Numbers and texts of the product, the calendar, and the price at which the
business began the month: a row's own mean price would tell how often it sold. Knows no models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from invplat.core.errors import DatasetError
from invplat.data.dataset import Dataset
from invplat.evaluate.tabular_references import Parts, TabularData

SEED = 27  # the report's
SHARES = (0.7, 0.15, 0.15)
TEXTS = ("category", "brand", "supplier")
NUMBERS = ("size", "pack", "unit_cost", "price")
LEAST = 20  # rows that three parts can be made of
ROWS = 60_000


@dataclass(frozen=True)
class Monthly:
    data: TabularData
    parts: Parts
    notes: tuple[str, ...]


def monthly(dataset: Dataset, *, most: int = ROWS, seed: int = SEED) -> Monthly:
    """`most`: a random sample of so many rows where there are more."""
    columns = [name for name in ("date", "sku", "quantity", "price", "outlier") if _there(dataset, name)]
    stores = [
        _of_store(store, pl.from_arrow(rows)) for store, rows in dataset.each_store("sales", columns) if len(rows)
    ]
    rows = pl.concat(stores, how="diagonal_relaxed").sort("month", "sku", "store") if stores else pl.DataFrame()
    if len(rows) < LEAST:
        raise DatasetError(
            f"{dataset.tenant} has {len(rows)} months of products with a sale; the report's table needs {LEAST}",
            hint="compare by --protocol ours, or bring more history",
        )
    notes = []
    if len(rows) > most:
        notes.append(f"the report's table has {len(rows):,} rows; {most:,} of them, drawn at random, are used")
        rows = rows.sample(most, seed=seed).sort("month", "sku", "store")
    rows = _with_attributes(dataset, rows)
    rows = rows.with_columns(
        calendar_month=pl.col("month").dt.strftime("%m"), year=pl.col("month").dt.year().cast(pl.Float64)
    )
    texts = ["sku", "store", "calendar_month", *(name for name in TEXTS if name in rows.columns)]
    numbers = ["year", *(name for name in NUMBERS if name in rows.columns)]
    data = TabularData(
        {name: rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in numbers},
        {name: rows[name].cast(pl.String).to_list() for name in texts},
        rows["quantity"].cast(pl.Float64).to_numpy(),
    )
    return Monthly(data, random_parts(len(rows), seed), tuple(notes))


def random_parts(rows: int, seed: int = SEED) -> Parts:
    """70 % to learn from, 15 % to choose by, 15 % to judge by, as the report split them."""
    from sklearn.model_selection import train_test_split

    train, rest = train_test_split(np.arange(rows), train_size=SHARES[0], random_state=seed)
    validation, test = train_test_split(rest, test_size=SHARES[2] / (1 - SHARES[0]), random_state=seed)
    return Parts(train, validation, test)


def _there(dataset: Dataset, name: str) -> bool:
    return name in dataset.columns("sales") or name == "outlier"


def _of_store(store: str, sales: Any) -> pl.DataFrame:
    """Sales far above the usual are left out here as everywhere."""
    found: pl.DataFrame = sales
    if "outlier" in found.columns:
        found = found.filter(pl.col("outlier").cast(pl.Float64).fill_null(0) <= 0)
    price = pl.col("price").cast(pl.Float64) if "price" in found.columns else None
    first = [] if price is None else [price.drop_nulls().first().alias("charged"), pl.col("date").min().alias("begun")]
    return (
        found.sort("date")
        .group_by(
            pl.col("date").cast(pl.Date).dt.truncate("1mo").alias("month"),
            pl.col("sku").cast(pl.String),
            maintain_order=True,
        )
        .agg(pl.col("quantity").cast(pl.Float64).sum(), *first)
        .filter(pl.col("quantity") > 0)
        .with_columns(store=pl.lit(store))
    )


def _with_attributes(dataset: Dataset, rows: pl.DataFrame) -> pl.DataFrame:
    """The price of a row is what was charged first in its month, in any store, else what the product lists."""
    wanted = [name for name in (*TEXTS, *NUMBERS) if name in dataset.columns("products")]
    if wanted:
        products = pl.DataFrame(pl.from_arrow(dataset.read("products", columns=["sku", *wanted])))
        rows = rows.join(products.with_columns(pl.col("sku").cast(pl.String)), on="sku", how="left")
    if "charged" not in rows.columns:
        return rows
    listed = pl.col("price").cast(pl.Float64) if "price" in rows.columns else pl.lit(None, pl.Float64)
    charged = pl.col("charged").sort_by("begun", "store").drop_nulls().first().over("sku", "month")
    return rows.with_columns(price=pl.coalesce(charged, listed)).drop("charged", "begun")
