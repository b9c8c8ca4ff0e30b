"""Datasets made by hand: Parquet files and a manifest, without the ingest that usually writes them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from invplat.core.names import folder
from invplat.data.dataset import LOG_SCHEMA, Dataset, data_prefix, versions_prefix
from invplat.data.manifest import Counts, DataFile, Manifest, TableRecord, to_json
from invplat.data.tables import TABLES
from invplat.storage import FolderStorage

TENANT = "corner-shop"


def make_dataset(
    root: Path,
    tables: Mapping[str, pl.DataFrame],
    *,
    frequency: str = "daily",
    gaps: str = "zero",
    quarantine: Sequence[Mapping[str, Any]] = (),
    repairs: Sequence[Mapping[str, Any]] = (),
    rules: Mapping[str, int] | None = None,
    merged: int = 0,
    **changes: Any,
) -> Dataset:
    storage = FolderStorage(root)

    def write(key: str, frame: pl.DataFrame, store: str, date: str) -> DataFile:
        stream = io.BytesIO()
        frame.write_parquet(stream)
        storage.write(f"{data_prefix(TENANT)}/{key}", stream.getvalue())
        first, last = (frame[date].min(), frame[date].max()) if date in frame.columns and len(frame) else ("", "")
        series = frame.select("store", "sku").n_unique() if {"store", "sku"} <= set(frame.columns) else 0
        return DataFile(key, len(frame), series, len(stream.getvalue()), "", store, str(first), str(last))

    records, total = {}, Counts()
    for name, frame in tables.items():
        parts = [("", frame)]
        if TABLES[name].by_store:
            parts = [(str(key[0]), part) for key, part in frame.group_by(["store"], maintain_order=True)]
        dated = "date" if TABLES[name].column("date") else "ordered_on"
        files = tuple(
            write(f"1/{name}/{folder(store) or 'all'}/part.parquet", part, store, dated) for store, part in parts
        )
        bad = sum(line["table"] == name for line in quarantine)
        folded = merged if name == "sales" else 0
        counts = Counts(len(frame) + bad + folded, len(frame), folded, bad)
        records[name] = TableRecord(counts, tuple(frame.columns), files)
        total = total.plus(counts)
    logs = {
        name: (write(f"1/{name}/part.parquet", log_frame(lines), "", ""),) if lines else ()
        for name, lines in (("quarantine", quarantine), ("repairs", repairs))
    }
    manifest = Manifest(
        tenant=TENANT,
        version=1,
        parent=None,
        created="2026-01-02T03:04:05+00:00",
        code="0.1.0",
        mapping="generic",
        mapping_hash="",
        frequency=frequency,
        gaps=gaps,
        known=(),
        counts=total,
        tables=records,
        rules=dict(rules or {}),
        sources=(),
        quarantine=logs["quarantine"],
        repairs=logs["repairs"],
    )
    manifest = replace(manifest, **changes)
    storage.write(f"{versions_prefix(TENANT)}/00000001.json", to_json(manifest))
    return Dataset.open(storage, TENANT)


def log_frame(lines: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    columns = {name: [line.get(name) for line in lines] for name in LOG_SCHEMA.names}
    kinds = {"row": pl.Int64, "date": pl.Date}
    return pl.DataFrame(columns, {name: kinds.get(name, pl.String) for name in LOG_SCHEMA.names})


def sales_of(rows: Sequence[tuple[str, str, date, float]]) -> pl.DataFrame:
    kinds = {"store": pl.String, "sku": pl.String, "date": pl.Date, "quantity": pl.Float64}
    return pl.DataFrame(rows, kinds, orient="row").with_columns(outlier=pl.lit(False))


def world(*, stores: int, skus: int, days: int, seed: int) -> dict[str, pl.DataFrame]:
    """A small business with every table that figures are taken from."""
    rng = np.random.default_rng(seed)
    start = date(2024, 1, 1)
    sales: list[dict[str, Any]] = []
    stock: list[dict[str, Any]] = []
    receipts: list[dict[str, Any]] = []
    for store in (f"Shop {n:03d}" for n in range(stores)):
        for sku in (f"{n:05d}" for n in range(skus)):
            key, level = {"store": store, "sku": sku}, float(rng.exponential(3))
            for n in range(days):
                day = start + timedelta(days=n)
                promoted = float(rng.random() < 0.15)
                available = 1.0 if rng.random() < 0.9 else float(rng.choice([0.0, 0.5]))
                quantity = float(rng.poisson(level * (1 + promoted)) * (available > 0))
                if quantity or rng.random() < 0.1:
                    facts = {"outlier": bool(rng.random() < 0.01), "returned": float(rng.random() < 0.02)}
                    facts |= {"price": 2.5 - promoted, "promotion": promoted, "available": available}
                    sales.append({**key, "date": day, "quantity": quantity, **facts})
                if n % 7 == 0:
                    stock.append({**key, "date": day, "on_hand": float(rng.poisson(2))})
                    back = day + timedelta(days=int(rng.integers(1, 9)))
                    receipts.append(
                        {**key, "ordered_on": day, "received_on": back, "quantity": 5.0, "supplier": "Mill"}
                    )
    names = [f"{n:05d}" for n in range(skus)]
    categories = (["bread", "milk"] * skus)[:skus]
    products = {"sku": names, "name": [f"article {n}" for n in names], "category": categories}
    return {
        "sales": pl.DataFrame(sales),
        "stock": pl.DataFrame(stock),
        "receipts": pl.DataFrame(receipts),
        "products": pl.DataFrame(products).with_columns(unit_cost=pl.lit(1.5)),
        "stores": pl.DataFrame({"store": [f"Shop {n:03d}" for n in range(stores)], "city": "X"}),
    }
