"""Businesses of several kinds as panels: shops of the benchmark data, each in the sales unit of its set.

Of each set, some businesses teach a base and the others are tenants that sign up on one day, `signs_up`: what lies
before it is history, what follows is for the test. A base knows nothing later than that day either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from forecasting.common import data_file

from invplat.data.panel import Group, Panel
from invplat.data.statics import Statics
from invplat.data.timeline import Timeline, as_day

ORIGINS = 3  # of the test
SERIES = 40  # of a tenant, at most; teachers may have more


@dataclass(frozen=True)
class Kind:
    """What all businesses of one frequency share."""

    frequency: str
    past: int
    horizon: int
    apart: int  # periods between the test's origins
    histories: tuple[int, ...]  # periods of history that tenants have

    @property
    def tested(self) -> int:
        return self.horizon + (ORIGINS - 1) * self.apart


DAILY = Kind("daily", 56, 7, 7, (28, 56, 90))
WEEKLY = Kind("weekly", 26, 4, 2, (8, 16, 26))


@dataclass(frozen=True)
class Shop:
    kind: Kind
    source: str
    name: str
    panel: Panel  # the whole time
    until: int  # periods before the test

    def history(self, periods: int | None) -> Panel:
        """The latest so many periods before the test, as if nothing had been before them; the plans of it stay."""
        first = 0 if periods is None else max(self.until - periods, 0)
        return self.panel.cut(first, self.until)


def panel_of(
    name: str,
    frequency: str,
    first: Any,
    demand: np.ndarray[Any, Any],
    skus: list[str],
    *,
    categories: list[str] | None = None,
    censored: np.ndarray[Any, Any] | None = None,
    ahead: dict[str, np.ndarray[Any, Any]] | None = None,
) -> Panel:
    """`demand`: series × periods, NaN where nobody saw it. A series begins with its first sale."""
    observed = np.isfinite(demand)
    sales = np.where(observed, np.maximum(np.nan_to_num(demand), 0), 0).astype(np.float32)
    launch = (sales > 0).argmax(axis=1)
    observed &= np.arange(sales.shape[1]) >= launch[:, None]
    short = np.zeros_like(observed) if censored is None else censored & observed
    past = {"demand": sales, "observed": observed, "censored": short}
    texts: dict[str, tuple[str | None, ...]] = {"sku": tuple(skus), "store": (name,) * len(skus)}
    if categories is not None:
        texts["category"] = tuple(categories)
    begins = as_day(first)
    length = sales.shape[1]
    timeline = replace(Timeline.covering(frequency, begins, begins, anchor=begins), length=length)
    return Panel(
        store=name,
        timeline=timeline,
        known=length,
        skus=tuple(skus),
        launch=launch.astype(np.int64),
        demand=sales,
        observed=observed,
        censored=short,
        past=Group.of(past, sales.shape, ("demand",)),
        ahead=Group.of(ahead or {}, sales.shape),
        statics=Statics((), np.zeros((len(skus), 0), np.float32), texts),
        planned=tuple(ahead or ()),
        row_share=1.0,
    )


def matrix(
    frame: pl.DataFrame, row: str, when: str, value: str, *, most: int, least: int, zero: bool, dates: list[Any]
) -> tuple[np.ndarray[Any, Any], list[str]]:
    """The best-selling series with sales in `least` periods, as series × periods; `zero`: no row means no sale."""
    chosen = (
        frame.group_by(row)
        .agg(pl.col(value).sum().alias("all"), (pl.col(value) > 0).sum().alias("times"))
        .filter(pl.col("times") >= least)
        .sort(["all", row], descending=[True, False])
        .head(most)[row]
        .to_list()
    )
    if not chosen:
        return np.zeros((0, len(dates))), []
    place = {day: number for number, day in enumerate(dates)}
    rows = {name: number for number, name in enumerate(chosen)}
    found = np.full((len(chosen), len(dates)), 0.0 if zero else np.nan)
    part = frame.filter(pl.col(row).is_in(chosen)).group_by([row, when]).agg(pl.col(value).sum())
    for name, day, sold in part.iter_rows():
        if day in place:
            found[rows[name], place[day]] = sold
    return found, [str(name) for name in chosen]


def weeks(first: Any, count: int) -> list[Any]:
    day = np.datetime64(first, "D")
    return [(day + 7 * number).item() for number in range(count)]


def iowa(most: int, series: int = SERIES) -> list[Shop]:
    """A store a business: bottles ordered in a week, of its items that sold most."""
    columns = ["Date", "Store Number", "Item Number", "Bottles Sold"]
    frame = pl.read_parquet(data_file("iowa_liquor/sales_2018_2019.parquet"), columns=columns)
    dates = weeks("2018-01-01", 104)
    counted = frame["Store Number"].value_counts().sort(["count", "Store Number"], descending=[True, False])
    names = counted["Store Number"].to_list()[5 : 5 + 4 * most : 4]  # of all sizes but the very largest
    frame = frame.filter(pl.col("Store Number").is_in(names)).with_columns(
        pl.col("Date").cast(pl.Date).dt.truncate("1w")
    )
    shops = []
    for name, part in sorted(frame.group_by("Store Number"), key=lambda pair: pair[0]):
        options: dict[str, Any] = {"most": series, "least": 10, "zero": True, "dates": dates}
        demand, skus = matrix(part, "Item Number", "Date", "Bottles Sold", **options)
        if len(skus) >= 10:
            panel = panel_of(f"iowa {name[0]}", "weekly", dates[0], demand, skus)
            shops.append(Shop(WEEKLY, "iowa", panel.store, panel, len(dates) - WEEKLY.tested))
    return shops


def vn1(most: int, series: int = SERIES) -> list[Shop]:
    """A client a business, of a warehouse and product each a series; few weeks."""
    frame = pl.read_parquet(data_file("vn1_weekly/phase1_2_sales_price.parquet"))
    frame = frame.with_columns(
        pl.col("Date").cast(pl.Date),
        (pl.col("Warehouse").cast(str) + "-" + pl.col("Product").cast(str)).alias("series"),
    )
    dates = sorted(frame["Date"].unique().to_list())
    shops = []
    for name, part in sorted(frame.group_by("Client"), key=lambda pair: pair[0]):
        demand, skus = matrix(part, "series", "Date", "Sales", most=series, least=6, zero=True, dates=dates)
        if len(skus) >= 10:
            panel = panel_of(f"vn1 {name[0]}", "weekly", dates[0], demand, skus)
            shops.append(Shop(WEEKLY, "vn1", panel.store, panel, len(dates) - WEEKLY.tested))
    return shops[:most]


def walmart(most: int, series: int = SERIES) -> list[Shop]:
    """A store a business: money a week of each department."""
    frame = pl.read_parquet(data_file("walmart_weekly/train.parquet")).with_columns(pl.col("Date").cast(pl.Date))
    dates = sorted(frame["Date"].unique().to_list())
    shops = []
    for name, part in sorted(frame.group_by("Store"), key=lambda pair: pair[0]):
        demand, skus = matrix(part, "Dept", "Date", "Weekly_Sales", most=series, least=20, zero=False, dates=dates)
        panel = panel_of(f"walmart {name[0]}", "weekly", dates[0], demand, skus)
        shops.append(Shop(WEEKLY, "walmart", panel.store, panel, len(dates) - WEEKLY.tested))
    return shops[:most]


def favorita_weekly(most: int, series: int = SERIES) -> list[Shop]:
    """A store a business, some of its items."""
    frame = pl.read_parquet(data_file("favorita_store_sales/weekly_item_21stores.parquet"))
    dates = list(range(int(frame["week_idx"].max()) + 1))  # type: ignore[arg-type]
    shops = []
    for name, part in sorted(frame.group_by("store_idx"), key=lambda pair: pair[0]):
        demand, skus = matrix(part, "product_idx", "week_idx", "sales", most=series, least=20, zero=True, dates=dates)
        panel = panel_of(f"favorita weekly {name[0]}", "weekly", "2014-05-05", demand, skus)
        shops.append(Shop(WEEKLY, "favorita weekly", panel.store, panel, len(dates) - WEEKLY.tested))
    return shops[:most]


def m5(most: int, series: int = SERIES) -> list[Shop]:
    """A store a business; prices are known ahead."""
    frame = pl.read_parquet(data_file("m5_tiny/tiny_m5.parquet"))
    frame = frame.with_columns(pl.col("date").cast(pl.Date)).filter(pl.col("date") >= pl.date(2014, 1, 1))
    dates = sorted(frame["date"].unique().to_list())
    shops = []
    for name, part in sorted(frame.group_by("store_id"), key=lambda pair: pair[0]):
        demand, skus = matrix(part, "item_id", "date", "value", most=series, least=60, zero=True, dates=dates)
        panel = panel_of(f"m5 {name[0]}", "daily", dates[0], demand, skus)
        shops.append(Shop(DAILY, "m5", panel.store, panel, len(dates) - DAILY.tested))
    return shops[:most]


def fresh(most: int, series: int = SERIES) -> list[Shop]:
    """A city a business: some series of it; a day whose shelf was empty for an hour tells only that so much sold."""
    columns = ["city_id", "store_id", "product_id", "dt", "sale_amount", "stock_hour6_22_cnt", "activity_flag"]
    frame = pl.read_parquet(data_file("freshretail/daily.parquet"), columns=columns).with_columns(
        pl.col("dt").cast(pl.Date),
        (pl.col("store_id").cast(str) + "-" + pl.col("product_id").cast(str)).alias("series"),
    )
    dates = sorted(frame["dt"].unique().to_list())
    shops = []
    for name, whole in sorted(frame.group_by("city_id"), key=lambda pair: pair[0]):
        names = sorted(whole["series"].unique().to_list())
        part = whole.filter(pl.col("series").is_in(names[:: max(len(names) // series, 1)][:series]))
        options: dict[str, Any] = {"most": series, "least": 1, "dates": dates}
        demand, skus = matrix(part, "series", "dt", "sale_amount", zero=False, **options)
        empty, order = matrix(part, "series", "dt", "stock_hour6_22_cnt", zero=True, most=10**6, least=0, dates=dates)
        plans, other = matrix(part, "series", "dt", "activity_flag", zero=True, most=10**6, least=0, dates=dates)
        short = empty[[order.index(sku) for sku in skus]] > 0
        promotion = plans[[other.index(sku) for sku in skus]]
        plan = {"promotion": promotion}
        panel = panel_of(f"fresh {name[0]}", "daily", dates[0], demand, skus, censored=short, ahead=plan)
        shops.append(Shop(DAILY, "fresh", panel.store, panel, len(dates) - DAILY.tested))
    return shops[:most]


def favorita(most: int, series: int = SERIES) -> list[Shop]:
    """A store a business, a family of products a series; promotions are planned. Only 64 days."""
    frame = pl.read_parquet(data_file("favorita_store_sales/train_2017-06-13_2017-08-15.parquet"))
    frame = frame.with_columns(pl.col("date").cast(pl.Date))
    dates = sorted(frame["date"].unique().to_list())
    shops = []
    for name, part in sorted(frame.group_by("store_nbr"), key=lambda pair: pair[0]):
        demand, skus = matrix(part, "family", "date", "sales", most=series, least=10, zero=True, dates=dates)
        plans, order = matrix(part, "family", "date", "promotion_active", most=10**6, least=0, zero=True, dates=dates)
        promotion = plans[[order.index(sku) for sku in skus]]
        panel = panel_of(f"favorita {name[0]}", "daily", dates[0], demand, skus, ahead={"promotion": promotion})
        shops.append(Shop(DAILY, "favorita", panel.store, panel, len(dates) - DAILY.tested))
    return shops[:most]


# Of each set: how it is read, businesses at most, and series of those that teach.
SETS: dict[str, tuple[Callable[..., list[Shop]], int, int, Kind]] = {
    "m5": (m5, 10, 40, DAILY),
    "fresh": (fresh, 18, 160, DAILY),
    "favorita": (favorita, 54, 40, DAILY),
    "iowa": (iowa, 40, 40, WEEKLY),
    "vn1": (vn1, 46, 40, WEEKLY),
    "walmart": (walmart, 45, 80, WEEKLY),
    "favorita weekly": (favorita_weekly, 21, 120, WEEKLY),
}
