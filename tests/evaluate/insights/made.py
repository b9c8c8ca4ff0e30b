"""Businesses made by hand, so that every sum of money can be told in advance, and synthetic ones with their truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from invplat.data.dataset import Dataset
from tests.data.describe.made import make_dataset

END = date(2025, 6, 30)
KINDS: dict[str, Any] = {
    "store": pl.String,
    "sku": pl.String,
    "supplier": pl.String,
    "date": pl.Date,
    "ordered_on": pl.Date,
    "received_on": pl.Date,
    "shelf_life": pl.Float64,
    "price": pl.Float64,
    "available": pl.Float64,
    "unit_cost": pl.Float64,
    "on_order": pl.Float64,
}


@dataclass
class Shop:
    """Facts are added series by series; days are counted back from END, which is day 0."""

    sales: list[dict[str, Any]] = field(default_factory=list)
    stock: list[dict[str, Any]] = field(default_factory=list)
    receipts: list[dict[str, Any]] = field(default_factory=list)
    products: list[dict[str, Any]] = field(default_factory=list)

    def product(self, sku: str, **facts: Any) -> None:
        self.products.append({"sku": sku, "category": "tea", "unit_cost": 2.0, "price": 5.0, **facts})

    def sells(
        self, store: str, sku: str, each: float, first: int = 399, last: int = 0, every: int = 1, **facts: Any
    ) -> None:
        """`each` units every so many days, from `first` days ago to `last`."""
        for ago in range(first, last - 1, -1):
            if (first - ago) % every == 0:
                day = END - timedelta(days=ago)
                self.sales.append({"store": store, "sku": sku, "date": day, "quantity": each, "price": 5.0, **facts})

    def holds(self, store: str, sku: str, units: float, first: int = 399, last: int = 0, **facts: Any) -> None:
        """Counted every day."""
        for ago in range(first, last - 1, -1):
            day = END - timedelta(days=ago)
            self.stock.append({"store": store, "sku": sku, "date": day, "on_hand": float(units), **facts})

    def delivers(self, supplier: str, days: int, ago: int, store: str = "S1", sku: str = "tea") -> None:
        """An order placed so many days ago, and how long it took."""
        ordered = END - timedelta(days=ago)
        came = {"ordered_on": ordered, "received_on": ordered + timedelta(days=days), "quantity": 6.0}
        self.receipts.append({"store": store, "sku": sku, **came, "supplier": supplier})

    def tables(self) -> dict[str, pl.DataFrame]:
        found = {}
        for name in ("sales", "stock", "receipts", "products"):
            rows = getattr(self, name)
            if rows:
                frame = pl.DataFrame(rows, infer_schema_length=None)
                frame = frame.cast({column: kind for column, kind in KINDS.items() if column in frame.columns})
                keys = [key for key in ("store", "sku", "date", "ordered_on") if key in frame.columns]
                found[name] = frame.sort(keys)
        found["sales"] = found["sales"].with_columns(outlier=pl.lit(False))
        return found

    def dataset(self, root: Path, *without: str, **changes: Any) -> Dataset:
        tables = {name: table for name, table in self.tables().items() if name not in without}
        return make_dataset(root, tables, **changes)


def from_files(root: Path, folder: Path) -> Dataset:
    """The clean files of a synthetic business as they are: what its ingest would make."""
    tables = {}
    for name in ("sales", "stock", "receipts", "products", "stores"):
        header = (folder / f"{name}.csv").read_text(encoding="utf-8").split("\n", 1)[0].split(",")
        kinds = {column: kind for column, kind in KINDS.items() if column in header}
        frame = pl.read_csv(folder / f"{name}.csv", schema_overrides=kinds)
        keys = [key for key in ("store", "sku", "date", "ordered_on") if key in header]
        tables[name] = frame.sort(keys)
    tables["sales"] = tables["sales"].with_columns(outlier=pl.lit(False))
    return make_dataset(root, tables)
