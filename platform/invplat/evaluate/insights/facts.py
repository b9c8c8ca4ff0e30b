"""What all insights are drawn from: one row a series, gathered store by store, and nothing dated after the as-of day.

Memory grows with the number of series, not with the length of their history. Knows where figures come from, not what
they mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from invplat.core.errors import DatasetError
from invplat.data.assemble import build_panel
from invplat.data.dataset import Dataset
from invplat.data.describe.running import Running
from invplat.data.timeline import as_day
from invplat.evaluate.insights.assumptions import Assumptions
from invplat.evaluate.insights.cells import BUCKET, DAYS, QUARTER, YEAR, Numbers, cells
from invplat.evaluate.insights.shelves import shelves
from invplat.evaluate.insights.values import valued

SILENT = {"daily": 28, "weekly": 28, "monthly": 92}  # days without a sale or a count: the store is closed
COUNTED = 28  # days by which a series' last count may lie before its store's: later it left the shelf
OLD = 35  # days after which a count says nothing of today
SALES = ("store", "sku", "date", "quantity", "price", "promotion", "discount", "available")
PRODUCTS = {
    "sku": pl.String,
    "name": pl.String,
    "category": pl.String,
    "supplier": pl.String,
    "unit_cost": pl.Float64,
    "price": pl.Float64,
    "shelf_life": pl.Float64,
}
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Facts:
    tenant: str
    as_of: date
    frequency: str
    days: float  # of history that a year's figures rest on, at most a year
    series: pl.DataFrame  # a row a series of an open store
    skus: tuple[str, ...]
    buckets: Numbers  # SKU × bucket of the last year, all stores together
    seen: np.ndarray[Any, np.dtype[np.bool_]]
    bucket: str  # "week" or "month"
    deliveries: pl.DataFrame  # supplier, days, deliveries, units
    waiting: pl.DataFrame  # supplier, orders that had not come by the as-of day
    closed: tuple[str, ...]  # stores left out
    has: frozenset[str]  # what there is: tables, and columns as "table.column"
    assumed: tuple[str, ...]  # what had to be assumed of costs and prices

    @property
    def yearly(self) -> float:
        """What the figures of the last year are multiplied with to cover a whole one."""
        return 365.25 / self.days if self.days else 0.0

    @property
    def yearly_sales(self) -> float:
        return float(self.series["revenue"].sum()) * self.yearly

    @property
    def stocked(self) -> pl.DataFrame:
        """Series whose stock is known on the as-of day."""
        return self.series.filter(pl.col("on_hand").is_not_null())


def read_facts(dataset: Dataset, as_of: Any, assumptions: Assumptions, progress: Progress | None = None) -> Facts:
    manifest = dataset.manifest
    if not manifest.end:
        raise DatasetError(f"the dataset of {dataset.tenant} has no sales", hint="ingest sales first")
    end = date.fromisoformat(manifest.end) if as_of is None else _day(as_of)
    begun = date.fromisoformat(manifest.start)
    if end < begun:
        raise DatasetError(f"sales begin on {begun}, after the as-of day {end}", hint=f"choose a day from {begun} on")
    end = min(end, date.fromisoformat(manifest.end))
    gathering = _Gathering(dataset, end)
    for number, store in enumerate(dataset.stores):
        gathering.add(store)
        if progress is not None:
            progress(number + 1, len(dataset.stores))
    return gathering.facts(begun, assumptions)


def _day(value: Any) -> date:
    found: date = np.datetime64(as_day(value), "D").item()
    return found


@dataclass
class _Gathering:
    dataset: Dataset
    end: date
    series: list[pl.DataFrame] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    place: dict[str, int] = field(default_factory=dict)  # SKU → row of `buckets`

    def __post_init__(self) -> None:
        frequency = self.dataset.frequency
        self.width = YEAR[frequency] // BUCKET[frequency]
        self.buckets = np.zeros((0, self.width))
        self.seen = np.zeros((0, self.width), np.bool_)
        self.start = self.end - timedelta(days=round((YEAR[frequency] + QUARTER[frequency]) * DAYS[frequency]) - 1)
        self.narrow = _narrow(self.dataset)
        files = self.dataset.manifest.tables["sales"].files
        self.opened = {file.store for file in files if file.start and date.fromisoformat(file.start) <= self.end}
        self.costs = Running(["sku"], {"cost": "sum", "units": "sum"})
        self.deliveries = Running(["supplier", "days"], {"deliveries": "sum", "units": "sum"})
        self.waiting = Running(["supplier"], {"waiting": "sum"})
        self.products = _columns(self.dataset.read("products", columns=list(PRODUCTS)), PRODUCTS).unique(
            "sku", keep="first", maintain_order=True
        )

    def add(self, store: str) -> None:
        if store not in self.opened:
            return  # not yet
        panel = build_panel(self.narrow, store, start=self.start, end=self.end, planned=())
        found = cells(panel)
        counts = shelves(self.dataset, store, self.end)
        came = self._receipts(store)
        frame = found.series.join(counts, on="sku", how="full", coalesce=True)
        frame = frame.join(came, on="sku", how="left").with_columns(pl.lit(store).alias("store"))
        silent = SILENT[self.dataset.frequency]
        sold, counted = frame["last_sold"].fill_nan(None).min(), counts["counted"].min()
        ages = [pl.col(name) for name in ("age", "first_counted", "first_received")]
        frame = frame.with_columns(pl.max_horizontal(ages).alias("age"), pl.col("comes_back").fill_null(False))
        if isinstance(sold, float) and sold > silent and not (isinstance(counted, float) and counted <= silent):
            self.closed.append(store)
            return
        here = float(counted) if isinstance(counted, float) else 0.0
        gone = (pl.col("counted") > here + COUNTED) | pl.lit(here > OLD)
        frame = frame.with_columns(
            *(pl.when(~gone).then(pl.col(name)).alias(name) for name in ("on_hand", "on_order", "mean_stock"))
        )
        self.series.append(frame)
        self._add_buckets(panel.skus, found.buckets, found.seen)

    def facts(self, begun: date, assumptions: Assumptions) -> Facts:
        none = pl.DataFrame(
            schema={"supplier": pl.String, "days": pl.Int64, "deliveries": pl.Int64, "units": pl.Float64}
        )
        waiting = pl.DataFrame(schema={"supplier": pl.String, "waiting": pl.Int64})
        deliveries = self.deliveries.frame()
        history = (self.end - begun).days + DAYS[self.dataset.frequency]
        days = min(history, YEAR[self.dataset.frequency] * DAYS[self.dataset.frequency])
        has = frozenset(
            {name for name in self.dataset.manifest.tables if self._rows(name)}
            | {f"{name}.{column}" for name in self.dataset.manifest.tables for column in self.dataset.columns(name)}
        )
        raw = pl.concat(self.series, how="diagonal_relaxed") if self.series else pl.DataFrame()
        deliveries = none if deliveries is None else deliveries
        series, assumed = valued(raw, self.products, self.costs.frame(), deliveries, assumptions, days)
        open_ = self.waiting.frame()
        return Facts(
            tenant=self.dataset.tenant,
            as_of=self.end,
            frequency=self.dataset.frequency,
            days=days,
            series=series,
            skus=tuple(self.place),
            buckets=self.buckets,
            seen=self.seen,
            bucket="month" if self.dataset.frequency == "monthly" else "week",
            deliveries=deliveries,
            waiting=waiting if open_ is None else open_,
            closed=tuple(self.closed),
            has=has,
            assumed=assumed,
        )

    def _rows(self, table: str) -> bool:
        return any(file.rows for file in self.dataset.manifest.tables[table].files)

    def _receipts(self, store: str) -> pl.DataFrame:
        """Adds to what is known of suppliers and costs; returns when each SKU first came."""
        kinds = {
            "sku": pl.String,
            "ordered_on": pl.Date,
            "received_on": pl.Date,
            "quantity": pl.Float64,
            "unit_cost": pl.Float64,
            "supplier": pl.String,
        }
        rows = _columns(self.dataset.read("receipts", store, list(kinds)), kinds)
        rows = rows.filter(pl.col("ordered_on") <= self.end)
        if rows.is_empty():
            return pl.DataFrame(schema={"sku": pl.String, "first_received": pl.Float64, "from": pl.String})
        listed = self.products.select("sku", listed="supplier")
        rows = rows.join(listed, on="sku", how="left").with_columns(
            supplier=pl.coalesce("supplier", "listed").fill_null(""), came=pl.col("received_on") <= self.end
        )
        since = self.end - timedelta(days=round(YEAR["daily"]))
        lately = rows.filter(pl.col("ordered_on") > since)
        came = lately.filter("came")
        # Lines of one order that arrive on one day are one delivery: they were late together, or not at all.
        trips = came.group_by("supplier", "ordered_on", "received_on", maintain_order=True).agg(
            pl.col("quantity").sum()
        )
        days = (pl.col("received_on") - pl.col("ordered_on")).dt.total_days().cast(pl.Int64).alias("days")
        self.deliveries.add(
            trips.group_by("supplier", days, maintain_order=True).agg(
                pl.len().cast(pl.Int64).alias("deliveries"), pl.col("quantity").sum().alias("units")
            )
        )
        late = lately.filter(~pl.col("came"))
        self.waiting.add(late.group_by("supplier", maintain_order=True).agg(pl.len().cast(pl.Int64).alias("waiting")))
        paid = came.filter(pl.col("unit_cost") > 0)
        worth = (pl.col("quantity") * pl.col("unit_cost")).sum().alias("cost")
        self.costs.add(paid.group_by("sku", maintain_order=True).agg(worth, pl.col("quantity").sum().alias("units")))
        return (
            rows.filter("came")
            .group_by("sku", maintain_order=True)
            .agg(
                self._ago(pl.col("received_on").min()).alias("first_received"),
                pl.col("supplier").last().replace("", None).alias("from"),
            )
        )

    def _ago(self, day: pl.Expr) -> pl.Expr:
        return (pl.lit(self.end) - day).dt.total_days().cast(pl.Float64)

    def _add_buckets(self, skus: tuple[str, ...], buckets: Numbers, seen: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
        at = np.array([self.place.setdefault(sku, len(self.place)) for sku in skus], np.int64)
        more = len(self.place) - len(self.buckets)
        if more:
            self.buckets = np.pad(self.buckets, ((0, more), (0, 0)))
            self.seen = np.pad(self.seen, ((0, more), (0, 0)))
        self.buckets[at] += buckets
        self.seen[at] |= seen


def _narrow(dataset: Dataset) -> Dataset:
    """The dataset as if it had no more than a panel needs here: stock tells of empty shelves only where sales don't."""
    tables = {"sales": dataset.manifest.tables["sales"]}
    tables["sales"] = replace(tables["sales"], columns=tuple(one for one in SALES if one in tables["sales"].columns))
    if dataset.has("stock") and "available" not in tables["sales"].columns:
        tables["stock"] = replace(dataset.manifest.tables["stock"], columns=("store", "sku", "date", "on_hand"))
    return Dataset(dataset.storage, replace(dataset.manifest, tables=tables))


def _columns(table: Any, kinds: dict[str, Any]) -> pl.DataFrame:
    """The columns asked for, of their kinds; unknown throughout where the table lacks them."""
    found = pl.from_arrow(table)
    frame = found if isinstance(found, pl.DataFrame) else pl.DataFrame()
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name) for name, kind in kinds.items()
    )
