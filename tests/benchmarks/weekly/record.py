"""The record of a weekly business: sales and in-stock flags of many series, and what each series is.

A week out of stock says nothing of demand, so a forecast of demand skips it. Knows no stock of its own, no orders.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
WEEKS = 53
ATTRIBUTES = ("Store", "Product", "ProductGroup", "Division", "Department", "DepartmentGroup", "StoreFormat", "Format")


@dataclass(frozen=True)
class Record:
    sales: Floats  # series × weeks
    seen: Flags  # the week's sales were the week's demand: nothing else is known where they were not
    monday: npt.NDArray[np.datetime64]  # of every week, and of the weeks to come
    groups: Integers  # series × attributes, codes from 0

    @property
    def known(self) -> int:
        return int(self.sales.shape[1])

    @property
    def week_of_year(self) -> Integers:
        """From 0; of every week on the calendar, those to come too."""
        return np.asarray(pd.DatetimeIndex(self.monday).isocalendar().week, np.int64) - 1

    def until(self, week: int) -> Record:
        """As it stood after that many weeks."""
        return replace(self, sales=self.sales[:, :week], seen=self.seen[:, :week])


def read(folder: Path) -> Record:
    weekly = pd.read_parquet(folder / "weekly_sales.parquet")
    keys = ["Store", "Product"]
    sales = weekly.pivot(index=keys, columns="date", values="sales").sort_index()
    seen = weekly.pivot(index=keys, columns="date", values="in_stock").sort_index()
    products = pd.read_parquet(folder / "products.parquet").set_index(keys, drop=False).loc[sales.index]
    groups = np.stack([pd.factorize(products[name], sort=True)[0] for name in ATTRIBUTES], 1).astype(np.int64)
    first = np.datetime64(weekly["date"].min(), "D")
    monday = first + 7 * np.arange(sales.shape[1] + 13)
    return Record(sales.to_numpy(np.float64), seen.to_numpy(bool), monday, groups)
