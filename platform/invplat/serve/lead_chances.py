"""Chances of each lead time, a series: from the receipts that were in by a day, of the closest level that tells enough.

Days become the model's periods so that the mean is kept: ten days are one week with a chance of 4/7 and two with 3/7.
Knows nothing of demand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from invplat.evaluate.insights.assumptions import Assumptions
from invplat.evaluate.insights.cells import DAYS

LEVELS = ("series", "product", "supplier", "store", "business", "assumed")  # from the closest to the widest
KEYS: dict[str, list[str]] = {
    "series": ["store", "sku"],
    "product": ["sku"],
    "supplier": ["supplier"],
    "store": ["store"],
    "business": ["all"],
}
ENOUGH = 5  # deliveries; a level with fewer gives way to a wider one that has as many
LATEST = 200  # deliveries that count
LONGEST = 366  # days; what took longer counts as this


@dataclass(frozen=True, eq=False)
class LeadChances:
    table: npt.NDArray[np.float32]  # distinct ones × lead times of 0, 1, 2, … periods
    row: npt.NDArray[np.int32]  # of the table, a series
    level: npt.NDArray[np.int8]  # place in LEVELS, a series


def lead_chances(receipts: pl.DataFrame, asked: pl.DataFrame, frequency: str) -> LeadChances:
    """`receipts`: store, sku, supplier and days of what had come, the oldest first; `asked`: store, sku, supplier."""
    row = np.full(len(asked), -1, np.int32)
    level = np.full(len(asked), len(LEVELS) - 1, np.int8)
    asked = asked.with_columns(all=pl.lit(0))
    receipts = receipts.with_columns(all=pl.lit(0))
    tables: list[npt.NDArray[np.float32]] = []
    groups = [_groups(receipts, KEYS[name]) for name in LEVELS[:-1]]
    for least in (ENOUGH, 1):
        for place, name in enumerate(LEVELS[:-1]):
            found = asked.join(groups[place], on=KEYS[name], how="left", maintain_order="left")
            there = (found["heard"].fill_null(0).to_numpy() >= least) & (row < 0)
            if not there.any():
                continue
            used, inverse = np.unique(found["group"].fill_null(-1).to_numpy()[there], return_inverse=True)
            chosen = groups[place].filter(pl.col("group").is_in(used.tolist())).sort("group")
            row[there] = inverse + sum(map(len, tables))
            level[there] = place
            tables.append(_shares(chosen["days"], frequency))
    if (row < 0).any():
        row[row < 0] = sum(map(len, tables))
        tables.append(_shares(pl.Series([[float(assumed_days(frequency))]]), frequency))
    width = max((part.shape[1] for part in tables), default=1)
    padded = [np.pad(part, ((0, 0), (0, width - part.shape[1]))) for part in tables]
    table = np.concatenate(padded) if padded else np.zeros((0, width), np.float32)
    return LeadChances(table, row, level)


def assumed_days(frequency: str) -> float:
    """Where no receipt tells: whole periods, one at least."""
    return max(round(Assumptions().lead_days / DAYS[frequency]), 1) * DAYS[frequency]


def split(periods: float) -> npt.NDArray[np.float32]:
    """A lead time between two whole ones: one of them or the other, so that it is right on average."""
    low = int(np.floor(periods + 1e-9))
    part = max(periods - low, 0.0)
    found = np.zeros(low + (2 if part > 1e-9 else 1), np.float32)
    found[low:] = [1 - part, part] if part > 1e-9 else [1.0]
    return found


def _groups(receipts: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    return (
        receipts.drop_nulls(keys)
        .group_by(keys, maintain_order=True)
        .agg(pl.len().alias("heard"), pl.col("days").tail(LATEST))
        .with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("group"))
    )


def _shares(days: pl.Series, frequency: str) -> npt.NDArray[np.float32]:
    """Lists of days become chances of whole periods, a row a list."""
    count = days.list.len().to_numpy()
    flat = np.clip(days.explode().cast(pl.Float64).to_numpy(), 0, LONGEST) / DAYS[frequency]
    group = np.repeat(np.arange(len(count)), count)
    low = np.floor(flat + 1e-9).astype(np.int64)
    part = np.maximum(flat - low, 0.0)
    part[part < 1e-9] = 0.0
    width = int(low.max()) + 1 + int((part > 0).any())
    found = np.zeros((len(count), width))
    np.add.at(found, (group, low), (1 - part) / count[group])
    high = part > 0
    np.add.at(found, (group[high], low[high] + 1), part[high] / count[group[high]])
    return found.astype(np.float32)
