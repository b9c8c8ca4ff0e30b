"""Series whose forecasts of late were badly off: what came lies outside what was said, far and too often for chance.

Of each period the newest word that was given before it counts. Knows no service and writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from invplat.data.dataset import Dataset
from invplat.evaluate.given import Doubles, read_cells, with_actuals
from invplat.registry.database import Database
from invplat.registry.parts import PREDICTED, Part

LATELY = {"daily": 28, "weekly": 56, "monthly": 124}  # days
LEAST = 4  # periods, of fewer nothing can be said
FAR = 0.3  # of what was expected, that the sum is off
UNITS = 3.0  # that it is off at least
CHANCE = 1e-3  # that so many periods lie outside by chance
Numbers = np.ndarray[tuple[Any, ...], np.dtype[Any]]
ROWS = 3_000_000  # of the journal that are read, the newest first


@dataclass(frozen=True)
class Miss:
    store: str
    sku: str
    periods: int
    expected: float  # units, in these periods together
    sold: float
    outside: int  # periods that lie outside the outermost quantiles

    @property
    def off(self) -> float:
        """What came more than expected, as a share of that; below 0: less."""
        return self.sold / max(self.expected, 1e-9) - 1


def misses(database: Database, dataset: Dataset) -> list[Miss]:
    """The farthest off first, in units."""
    end = date.fromisoformat(dataset.manifest.end)
    first = end - timedelta(days=LATELY.get(dataset.frequency, 28) - 1)
    parts = PREDICTED.of_tenant(database, dataset.tenant, first=first.isoformat(), last=end.isoformat())
    rows = read_cells(dataset.storage, _newest(parts), first, end)
    if not len(rows):
        return []
    rows = rows.sort("as_of").unique(["store", "sku", "date"], keep="last", maintain_order=True)
    known = with_actuals(dataset, rows, end).filter(pl.col("actual").is_finite())
    levels = sorted((name for name in known.columns if name.startswith("q")), key=lambda name: float(name[1:]))
    if len(levels) < 2:
        return []
    low, high = pl.col(levels[0]), pl.col(levels[-1])
    each = known.group_by("store", "sku").agg(
        pl.len().alias("periods"),
        pl.col("mean").sum().alias("expected"),
        pl.col("actual").sum().alias("sold"),
        ((pl.col("actual") < low) | (pl.col("actual") > high)).sum().alias("outside"),
    )
    promised = 1 - (float(levels[-1][1:]) - float(levels[0][1:]))
    gap = (pl.col("sold") - pl.col("expected")).abs()
    wide = each.filter((pl.col("periods") >= LEAST) & (gap >= UNITS) & (gap >= FAR * pl.col("expected")))
    chance = _at_least(wide["outside"].to_numpy(), wide["periods"].to_numpy(), promised)
    found = wide.filter(pl.Series(chance <= CHANCE, dtype=pl.Boolean))
    return [Miss(**row) for row in found.sort(gap, "store", "sku", descending=[True, False, False]).to_dicts()]


def _newest(parts: Sequence[Part]) -> list[Part]:
    found: list[Part] = []
    rows = 0
    for part in reversed(parts):
        rows += part.rows
        if found and rows > ROWS:
            break
        found.append(part)
    return found[::-1]


def _at_least(outside: Numbers, periods: Numbers, share: float) -> Doubles:
    """The chance of as many of them or more."""
    from scipy.stats import binom

    return np.asarray(binom.sf(outside - 1, periods, share), np.float64)
