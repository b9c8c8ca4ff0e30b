"""What is said of a dataset: figures only, frozen, ready for JSON. Knows neither how they come about nor how they look.

A *period* is a day, a week or a month, whichever one row of sales covers. Shares run from 0 to 1; None is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from math import isfinite
from typing import Any

from invplat.data.manifest import Counts, SourceRecord

NO_CATEGORY = "(no category)"


@dataclass(frozen=True)
class TableFigures:
    name: str
    about: str
    counts: Counts
    rows: int  # in this version's files
    columns: tuple[str, ...]


@dataclass(frozen=True)
class StoreFigures:
    store: str
    series: int
    rows: int
    units: float
    first: str
    last: str


@dataclass(frozen=True)
class CoverageRow:
    """Share of a store's series with a row, bin by bin; several stores averaged where they are too many to list."""

    label: str
    stores: int
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Coverage:
    unit: str  # of a bin: day, week, month, quarter, year
    starts: tuple[str, ...]
    rows: tuple[CoverageRow, ...]


@dataclass(frozen=True)
class Line:
    """Units a period, bin by bin."""

    label: str
    members: int  # categories in it
    units: float
    values: tuple[float, ...]


@dataclass(frozen=True)
class Demand:
    unit: str
    starts: tuple[str, ...]
    total: tuple[float, ...]
    categories: tuple[Line, ...]  # empty where products have none
    weekdays: tuple[float | None, ...]  # mean units, Monday first; empty unless daily
    months: tuple[float | None, ...]  # mean units a period, January first; None: a month that no date falls in


@dataclass(frozen=True)
class Histogram:
    edges: tuple[float, ...]  # one more than counts
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Bubble:
    adi: float
    cv2: float
    series: int


@dataclass(frozen=True)
class Series:
    """How the series sell: their level, and how regular they are."""

    levels: Histogram  # mean units a period
    classes: dict[str, int]  # smooth, erratic, intermittent, lumpy, few_sales
    bubbles: tuple[Bubble, ...]
    seldom: int  # series that sell in fewer than half of their periods
    periods: int  # periods of all series
    rows: int
    selling: int  # rows with a sale
    whole_units: float  # share of rows whose quantity is a whole number


@dataclass(frozen=True)
class Group:
    """A part of the whole (store, category, supplier …) and how much of it is concerned."""

    name: str
    of: float
    concerned: float

    @property
    def share(self) -> float:
        return self.concerned / self.of if self.of else 0.0


@dataclass(frozen=True)
class Stockouts:
    source: str  # "available" (column of sales) or "stock" (table)
    known: int  # series-periods whose availability is known
    out: int  # of these, not in stock all the time
    empty: int  # of these, not in stock at all
    sold: float
    hidden: float | None  # units that were probably wanted
    stores: tuple[Group, ...]
    stores_in_all: int
    categories: tuple[Group, ...]


@dataclass(frozen=True)
class Returns:
    rows: int
    units: float
    sold: float
    categories: tuple[Group, ...]


@dataclass(frozen=True)
class Prices:
    rows: int  # with a price
    rows_in_all: int
    revenue: float
    changing: int  # series whose price changed at least once
    series: int


@dataclass(frozen=True)
class Uplift:
    category: str
    series: int
    median: float  # units on promotion / units without, series by series


@dataclass(frozen=True)
class Promotion:
    source: str  # "promotion" or "discount"
    rows: int
    known: int
    series: int  # with enough periods of both kinds to compare
    uplift: float | None
    categories: tuple[Uplift, ...]


@dataclass(frozen=True)
class Supplier:
    name: str
    receipts: int
    units: float
    mean: float
    deviation: float
    p90: float


@dataclass(frozen=True)
class LeadTimes:
    receipts: int
    mean: float
    deviation: float
    p90: float
    days: Histogram
    suppliers: tuple[Supplier, ...]
    suppliers_in_all: int
    named: bool


@dataclass(frozen=True)
class Product:
    sku: str
    name: str
    category: str
    value: float
    stores: int


@dataclass(frozen=True)
class Pareto:
    measure: str  # "units" or "revenue"
    skus: int
    value: float
    curve: tuple[tuple[float, float], ...]  # share of SKUs → share of the measure
    a: int  # SKUs that bring the first 80 %
    b: int  # and the next 15 %
    c: int
    top: tuple[Product, ...]


@dataclass(frozen=True)
class Idle:
    store: str
    sku: str
    name: str
    on_hand: float
    last_sold: str  # empty: never
    value: float | None


@dataclass(frozen=True)
class DeadStock:
    days: int  # nothing sold for so long
    series: int  # with stock at the end
    idle: int
    units: float
    value: float | None
    worst: tuple[Idle, ...]


@dataclass(frozen=True)
class Example:
    value: str
    file: str
    row: int | None
    where: str  # store, SKU and date, as far as known


@dataclass(frozen=True)
class Trouble:
    """What one rule did to one column of one table."""

    rule: str
    says: str
    table: str
    column: str
    count: int
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True)
class Gaps:
    meaning: str  # "zero" or "missing": what a period without a row says
    periods: int
    absent: int
    series: int  # with at least one


@dataclass(frozen=True)
class Absent:
    table: str
    column: str  # empty: the whole table
    costs: str


@dataclass(frozen=True)
class Description:
    tenant: str
    version: int
    parent: int | None
    created: str
    code: str
    mapping: str
    frequency: str
    start: str
    end: str
    stores: int
    series: int
    skus: int
    units: float
    counts: Counts
    tables: tuple[TableFigures, ...]
    sources: tuple[SourceRecord, ...]
    notes: tuple[str, ...]
    by_store: tuple[StoreFigures, ...]
    coverage: Coverage
    demand: Demand
    how_series_sell: Series
    stockouts: Stockouts | None
    returns: Returns | None
    prices: Prices | None
    promotion: Promotion | None
    lead_times: LeadTimes | None
    pareto: Pareto
    dead_stock: DeadStock | None
    outliers: int
    quarantined: tuple[Trouble, ...]
    repaired: tuple[Trouble, ...]
    merged: tuple[Trouble, ...]
    gaps: Gaps
    extras: tuple[str, ...]  # the business's own columns of sales
    absent: tuple[Absent, ...]

    @property
    def period(self) -> str:
        return {"daily": "day", "weekly": "week", "monthly": "month"}.get(self.frequency, "period")

    def to_dict(self) -> dict[str, Any]:
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    if isinstance(value, date):
        return value.isoformat()
    return value
