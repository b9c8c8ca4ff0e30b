"""What lay on the shelves of one store: the last count of each SKU up to a day, and the mean of a year's counts.

Rows come in order of SKU and date, as a dataset keeps them, so each SKU is one stretch and nothing is sorted or hashed.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from invplat.data.dataset import Dataset
from invplat.data.dense import days, numbers
from invplat.data.intake.distinct import encode
from invplat.data.timeline import as_day

YEAR, QUARTER = 364, 91  # days
SCHEMA = {
    "sku": pl.String,
    "on_hand": pl.Float64,
    "on_order": pl.Float64,
    "mean_stock": pl.Float64,
    "counts": pl.Float64,  # of the last 13 weeks
    "counted": pl.Float64,  # days ago, the last time
    "first_counted": pl.Float64,
    "held": pl.Float64,  # days ago that the stock which is still there began to lie
}


def shelves(dataset: Dataset, store: str, end: date) -> pl.DataFrame:
    rows = dataset.read("stock", store, ["sku", "date", "on_hand", "on_order"])
    last = as_day(end)
    if not len(rows) or "on_hand" not in rows.column_names:
        return pl.DataFrame(schema=SCHEMA)
    sku, day, on_hand = encode(rows.column("sku")), days(rows.column("date")), numbers(rows.column("on_hand"))
    ordered = numbers(rows.column("on_order")) if "on_order" in rows.column_names else np.full(len(rows), np.nan)
    kept = np.flatnonzero((day <= last) & np.isfinite(on_hand))
    if not len(kept):
        return pl.DataFrame(schema=SCHEMA)
    codes, ago, on_hand, ordered = sku.codes[kept], last - day[kept], np.maximum(on_hand[kept], 0), ordered[kept]
    first = np.flatnonzero(np.diff(codes, prepend=-2))
    final = np.append(first[1:], len(codes)) - 1
    lately = ago < YEAR
    seen = np.add.reduceat(lately.astype(np.int64), first)
    summed = np.add.reduceat(np.where(lately, on_hand, 0.0), first)
    emptied = np.maximum.reduceat(np.where(on_hand <= 0, np.arange(len(codes)), -1), first)
    names = sku.values.to_pylist()
    return pl.DataFrame(
        {
            "sku": [names[code] for code in codes[first].tolist()],
            "on_hand": on_hand[final],
            "on_order": np.maximum(ordered[final], 0),
            "mean_stock": np.where(seen > 0, summed / np.maximum(seen, 1), np.nan),
            "counts": np.add.reduceat((ago < QUARTER).astype(np.float64), first),
            "counted": ago[final].astype(np.float64),
            "first_counted": ago[first].astype(np.float64),
            "held": ago[np.minimum(np.maximum(first, emptied + 1), final)].astype(np.float64),
        },
        schema=SCHEMA,
    ).with_columns(pl.col("on_order", "mean_stock").fill_nan(None))
