"""From the panel of one store to one row a series: how much sells, how regularly, for how long nothing has.

Only what the panel holds; knows nothing of costs, shelves of other stores or receipts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from invplat.data.dense import last_seen
from invplat.data.panel import Panel

Numbers = npt.NDArray[np.float64]
DAYS = {"daily": 1.0, "weekly": 7.0, "monthly": 365.25 / 12}  # of a period
YEAR = {"daily": 364, "weekly": 52, "monthly": 12}  # whole periods, so that weeks come out even
BUCKET = {"daily": 7, "weekly": 1, "monthly": 1}  # periods of a bucket, in which regularity is judged
QUARTER = {"daily": 91, "weekly": 13, "monthly": 3}


@dataclass(frozen=True)
class Cells:
    series: pl.DataFrame  # a row a SKU
    buckets: Numbers  # SKU × bucket of the last year, oldest first: units, as if observed throughout
    seen: npt.NDArray[np.bool_]  # SKU × bucket: observed at all


def cells(panel: Panel) -> Cells:
    frequency, known = panel.frequency, panel.known
    days, quarter = DAYS[frequency], QUARTER[frequency]
    demand = panel.demand[:, :known].astype(np.float64)
    there = (panel.observed & panel.exists)[:, :known]
    shelf = exposure(panel)
    year = slice(max(known - YEAR[frequency], 0), known)
    lately = slice(max(known - quarter, 0), known)
    sold, open_ = demand[:, year], shelf[:, year]
    selling, awake = (sold > 0).sum(1), ((open_ > 0) | (sold > 0)).sum(1)
    units, squares = sold.sum(1), (sold**2).sum(1)
    mean_size = units / np.maximum(selling, 1)
    spread = np.maximum(squares / np.maximum(selling, 1) - mean_size**2, 0) / np.maximum(mean_size, 1e-12) ** 2
    priced, revenue = _revenue(panel, demand, year)
    last = last_seen(demand > 0)[:, -1]
    after = np.arange(known) > last[:, None]
    silent, before = (shelf * after).sum(1), (shelf * ~after).sum(1)
    recent_open, recent_there = shelf[:, lately].sum(1), there[:, lately].sum(1)
    frame = pl.DataFrame(
        {
            "sku": list(panel.skus),
            "age": (known - panel.launch) * days,
            "units": units,
            "observed": there[:, year].sum(1) * days,
            "open": open_.sum(1) * days,
            "rate": units / np.maximum(open_.sum(1), 1) / days,
            "deviation": _deviation(sold, there[:, year] & (open_ >= 1), units / np.maximum(open_.sum(1), 1), days),
            "selling": selling,
            "interval": awake / np.maximum(selling, 1),
            "spread": spread,
            "priced": priced,
            "revenue": revenue,
            "promoted": _promoted(panel, sold, year),
            "recent_units": demand[:, lately].sum(1),
            "recent_open": recent_open * days,
            "recent_observed": recent_there * days,
            "last_sold": np.where(last >= 0, (known - 1 - last) * days, np.nan),
            "silent": silent * days,  # days in stock since the last sale
            "sold_before": (demand > 0).sum(1) / np.maximum(before, 1) / days,  # chance of a sale on a day, till then
            "comes_back": _comes_back(demand, panel.launch, frequency),
        }
    )
    return Cells(frame, *_buckets(sold, there[:, year], frequency))


def exposure(panel: Panel) -> Numbers:
    """Share of each period in which the shelf had something to sell; 0 where nobody knows."""
    known = panel.known
    share = panel.past.column("available")[:, :known] if "available" in panel.past.names else np.float32(1)
    share = np.broadcast_to(share, (len(panel.skus), known)).astype(np.float64)
    emptied = panel.censored[:, :known] & (share >= 1)  # only an empty shelf at the period's end tells
    share = np.where(emptied, np.where(panel.demand[:, :known] > 0, 0.5, 0.0), share)
    return np.where((panel.observed & panel.exists)[:, :known], np.clip(share, 0, 1), 0.0)


def _deviation(sold: Numbers, full: npt.NDArray[np.bool_], mean: Numbers, days: float) -> Numbers:
    """Of a day's demand, from periods in stock throughout; as Poisson's where fewer than eight tell."""
    count = full.sum(1)
    first = (sold * full).sum(1) / np.maximum(count, 1)
    square = (((sold - first[:, None]) * full) ** 2).sum(1) / np.maximum(count - 1, 1)
    return np.asarray(np.sqrt(np.where(count >= 8, square, mean) / days))


def _revenue(panel: Panel, demand: Numbers, year: slice) -> tuple[Numbers, Numbers]:
    """Units whose price is known, and what they brought."""
    if not panel.has("price"):
        return np.zeros(len(panel.skus)), np.zeros(len(panel.skus))
    known = demand[:, year] * panel.column("price_known")[:, year]
    return known.sum(1), (known * panel.column("price")[:, year]).sum(1)


def _promoted(panel: Panel, sold: Numbers, year: slice) -> Numbers:
    """Share of the units that were sold on promotion or at a discount."""
    name = next((name for name in ("promotion", "discount") if panel.has(name)), None)
    if name is None:
        return np.zeros(len(sold))
    on = panel.column(name)[:, year] > 1e-6
    return np.asarray((sold * on).sum(1) / np.maximum(sold.sum(1), 1e-12))


def _comes_back(demand: Numbers, launch: npt.NDArray[np.int64], frequency: str) -> npt.NDArray[np.bool_]:
    """A year ago it had been silent as long, was on sale already, and then sold: goods of a season."""
    known, quarter = demand.shape[1], QUARTER[frequency]
    ago = known - YEAR[frequency]
    if ago < quarter:
        return np.zeros(len(demand), np.bool_)
    silent = (demand[:, ago - quarter : ago] == 0).all(1) & (launch <= ago - quarter)
    return np.asarray(silent & (demand[:, ago : ago + quarter] > 0).any(1))


def _buckets(sold: Numbers, there: npt.NDArray[np.bool_], frequency: str) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    size = BUCKET[frequency]
    count, length = YEAR[frequency] // size, sold.shape[1] // size * size
    grouped = (len(sold), length // size, size)
    units = sold[:, sold.shape[1] - length :].reshape(grouped).sum(2)
    observed = there[:, there.shape[1] - length :].reshape(grouped).sum(2)
    whole = np.where(observed > 0, units * size / np.maximum(observed, 1), 0.0)
    pad = ((0, 0), (count - grouped[1], 0))
    return np.pad(whole, pad), np.pad(observed > 0, pad)
