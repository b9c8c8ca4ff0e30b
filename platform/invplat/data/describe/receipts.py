"""How long goods take from order to receipt, by supplier. Every distinct number of days is kept: figures are exact."""

from __future__ import annotations

from math import ceil

import numpy as np
import polars as pl

from invplat.data.dataset import Dataset
from invplat.data.describe.description import Histogram, LeadTimes, Supplier
from invplat.data.describe.running import Running

LISTED = 12
BARS = 30
UNNAMED = "(no supplier)"
READ = ("sku", "ordered_on", "received_on", "quantity", "supplier")


def lead_times(dataset: Dataset, products: pl.DataFrame) -> LeadTimes | None:
    """`products` has sku and supplier, for receipts that name none themselves."""
    running = Running(["supplier", "days"], {"receipts": "sum", "units": "sum"})
    for _, table in dataset.each_store("receipts", READ):
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        own = pl.col("supplier").cast(pl.String) if "supplier" in frame.columns else pl.lit(None, pl.String)
        days = (pl.col("received_on") - pl.col("ordered_on")).dt.total_days().cast(pl.Int64)
        running.add(
            frame.with_columns(pl.col("sku").cast(pl.String))
            .join(products.select("sku", listed="supplier"), on="sku", how="left")
            .with_columns(supplier=pl.coalesce(own, "listed").fill_null(UNNAMED), days=days)
            .group_by("supplier", "days")
            .agg(pl.len().cast(pl.Int64).alias("receipts"), pl.col("quantity").cast(pl.Float64).sum().alias("units"))
        )
    found = running.frame()
    if found is None or found.is_empty():
        return None
    suppliers = [_supplier(str(name[0]), part) for name, part in found.group_by(["supplier"])]
    suppliers.sort(key=lambda supplier: (-supplier.receipts, supplier.name))
    over_all = _supplier("", found)
    return LeadTimes(
        receipts=over_all.receipts,
        mean=over_all.mean,
        deviation=over_all.deviation,
        p90=over_all.p90,
        days=_histogram(found),
        suppliers=tuple(suppliers[:LISTED]),
        suppliers_in_all=len(suppliers),
        named=any(supplier.name != UNNAMED for supplier in suppliers),
    )


def _supplier(name: str, part: pl.DataFrame) -> Supplier:
    ordered = part.sort("days")
    days, counts = ordered["days"].to_numpy(), ordered["receipts"].to_numpy()
    total = int(counts.sum())
    mean = float((days * counts).sum() / total)
    deviation = float(np.sqrt((counts * (days - mean) ** 2).sum() / total))
    p90 = float(days[np.searchsorted(np.cumsum(counts), 0.9 * total)])
    return Supplier(name, total, float(part["units"].sum()), mean, deviation, p90)


def _histogram(found: pl.DataFrame) -> Histogram:
    """Bars of whole days; the last one takes the long tail, beyond what all but one in two hundred took."""
    days, counts = found["days"].to_numpy(), found["receipts"].to_numpy()
    order = np.argsort(days)
    longest = int(days[order][np.searchsorted(np.cumsum(counts[order]), 0.995 * counts.sum())])
    lowest = int(days.min())
    width = max(1, ceil((longest - lowest + 1) / BARS))
    bars = (longest - lowest) // width + 1
    place = np.clip((days - lowest) // width, 0, bars - 1)
    heights = np.bincount(place, weights=counts, minlength=bars)
    edges = [float(lowest + bar * width) for bar in range(bars)]
    return Histogram((*edges, float(max(int(days.max()) + 1, lowest + bars * width))), tuple(int(h) for h in heights))
