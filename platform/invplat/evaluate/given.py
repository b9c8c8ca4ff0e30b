"""Forecasts that were given, as they lie in the journal's parts, and beside each what came of it.

Knows neither whose word a part is nor what is made of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from io import BytesIO

import numpy as np
import numpy.typing as npt
import polars as pl

from invplat.core.errors import DatasetError, InvplatError
from invplat.data.assemble import build_panel
from invplat.data.dataset import Dataset
from invplat.data.panel import Panel
from invplat.evaluate.naive import certain
from invplat.registry.parts import Part
from invplat.storage import Storage

CELL = ["store", "sku", "as_of", "date"]
GAPS = ((3, "daily"), (10, "weekly"), (40, "monthly"))  # days from the last known to the first said, at most
Doubles = npt.NDArray[np.float64]


def read_cells(storage: Storage, parts: Sequence[Part], first: date = date.min, last: date = date.max) -> pl.DataFrame:
    """Each cell of these periods once, as it was said last; what can't be read, or is no number, is not there."""
    found = []
    for part in parts:
        try:
            rows = pl.read_parquet(BytesIO(storage.read(part.key)))
        except (InvplatError, OSError, pl.exceptions.PolarsError):
            continue
        named = [pl.col("store", "sku").cast(pl.String), pl.col("as_of", "date").cast(pl.Date)]
        values = [name for name in rows.columns if name == "mean" or name.startswith("q")]
        rows = rows.select(*named, *(pl.col(name).cast(pl.Float64) for name in values))
        found.append(rows.filter(pl.col("date").is_between(first, last)))
    if not found:
        return pl.DataFrame()
    whole = pl.concat(found, how="diagonal").filter(pl.col("mean").is_finite() & (pl.col("as_of") < pl.col("date")))
    return whole.unique(CELL, keep="last", maintain_order=True)


def with_actuals(dataset: Dataset, rows: pl.DataFrame, end: date) -> pl.DataFrame:
    """With what was sold, NaN where that is not known whole, or not yet."""
    gap = min((rows["date"] - rows["as_of"]).dt.total_days().to_list(), default=1)
    frequency = next((name for most, name in GAPS if gap <= most), "monthly")
    pieces = []
    for (store,), part in rows.partition_by("store", as_dict=True).items():
        try:
            panel = build_panel(dataset, str(store), frequency=frequency, end=end)
        except DatasetError:
            continue
        pieces.append(part.with_columns(pl.Series("actual", _sold(panel, part))))
    return pl.concat(pieces) if pieces else rows.with_columns(pl.lit(float("nan")).alias("actual"))


def _sold(panel: Panel, rows: pl.DataFrame) -> Doubles:
    sure = certain(panel)
    place = {sku: row for row, sku in enumerate(panel.skus)}
    row = np.array([place.get(sku, -1) for sku in rows["sku"].to_list()], np.int64)
    days = rows["date"].to_numpy().astype("datetime64[D]").astype(np.int64)
    period = np.asarray(panel.timeline.index(days), np.int64)
    there = (row >= 0) & (period >= 0) & (period < panel.known)
    found = np.full(len(rows), np.nan)
    found[there] = sure[row[there], period[there]]
    return found
