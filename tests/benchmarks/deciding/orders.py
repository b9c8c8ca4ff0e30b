"""The released orders, in two halves that never meet: what was known when an order was placed, and what then happened.

A policy is given the first half only; the second belongs to the replay.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]
Mask = NDArray[np.bool_]
PUBLISHED = {"OPT": "OPT_pred", "E2E-RNN": "E2E_RNN_pred", "GBM": "gbm_pred"}


@dataclass(frozen=True)
class Known:
    demand_mean: Numbers
    demand_std: Numbers
    review_period: Numbers
    vendor_vlt_mean: Numbers
    vendor_vlt_std: Numbers
    initial_stock: Numbers
    sf_rnn: Numbers  # (orders, 31): the retailer's own forecast, one column a day

    @property
    def coverage(self) -> Numbers:
        """Days that an order has to last, as far as one knows."""
        return self.review_period + self.vendor_vlt_mean


@dataclass(frozen=True)
class Happened:
    demand: tuple[Numbers, ...]  # of each order its days, of which the first `lead` come before its arrival
    vlt: Numbers

    @property
    def lead(self) -> Places:
        return np.rint(self.vlt).astype(np.int64)


@dataclass(frozen=True)
class Orders:
    sku: tuple[str, ...]
    known: Known
    happened: Happened
    published: dict[str, Numbers]  # order-up-to levels by the name of their policy


def read(path: Path) -> Orders:
    table = pl.read_parquet(path)

    def numbers(name: str) -> Any:
        return table[name].cast(pl.Float64).to_numpy()

    return Orders(
        tuple(table["SKU"].to_list()),
        Known(
            demand_mean=numbers("demand_mean"),
            demand_std=numbers("demand_std"),
            review_period=numbers("review_period"),
            vendor_vlt_mean=numbers("vendor_vlt_mean"),
            vendor_vlt_std=numbers("vendor_vlt_std"),
            initial_stock=numbers("initial_stock"),
            sf_rnn=np.stack([np.asarray(days, np.float64) for days in table["sf_rnn"].to_list()]),
        ),
        Happened(tuple(np.asarray(days, np.float64) for days in table["demand_hist"].to_list()), numbers("vlt")),
        {name: numbers(column) for name, column in PUBLISHED.items()},
    )
