"""From tallies to what is said: sorted, cut to what a page can hold, the rest summed up as one."""

from __future__ import annotations

import numpy as np
import polars as pl

from invplat.data.describe.bins import Bins
from invplat.data.describe.description import (
    NO_CATEGORY,
    Bubble,
    Coverage,
    CoverageRow,
    Demand,
    Group,
    Histogram,
    Line,
    Pareto,
    Product,
    Promotion,
    Returns,
    Series,
    Stockouts,
    StoreFigures,
    Uplift,
)
from invplat.data.describe.sales import LEVELS, SalesTally, cell_centre
from invplat.data.describe.stock import StockTally

SHOWN_STORES = 40
SHOWN_CATEGORIES = 8
SHOWN_GROUPS = 12
SHOWN_PRODUCTS = 10
FEWEST_BARS = 6
CURVE = 60  # points of the Pareto curve


def stores(tally: SalesTally) -> tuple[StoreFigures, ...]:
    """Biggest first."""
    if not tally.stores:
        return ()
    ordered = pl.concat(tally.stores).sort(["units", "store"], descending=[True, False])
    return tuple(
        StoreFigures(
            row["store"], row["series"], row["rows"], row["units"], row["first"].isoformat(), row["last"].isoformat()
        )
        for row in ordered.to_dicts()
    )


def coverage(tally: SalesTally, by_store: tuple[StoreFigures, ...]) -> Coverage:
    bins = tally.bins
    if not by_store:
        return Coverage(bins.unit, (), ())
    place = {store.store: number for number, store in enumerate(by_store)}
    shares = np.zeros((len(by_store), len(bins)), np.float32)
    for part in tally.coverage:
        at = [place[name] for name in part["store"].to_list()]
        shares[at, part["bin"].to_numpy()] = part["share"].to_numpy()
    single = min(len(by_store), SHOWN_STORES)
    rows = [CoverageRow(by_store[i].store, 1, _values(shares[i])) for i in range(single)]
    if len(by_store) > single:
        rest = len(by_store) - single
        rows.append(CoverageRow(f"{rest:,} more, on average", rest, _values(shares[single:].mean(axis=0))))
    return Coverage(bins.unit, tuple(day.isoformat() for day in bins.starts()), tuple(rows))


def demand(tally: SalesTally, *, named: bool) -> Demand:
    bins, lines, dates = tally.bins, tally.lines.frame(), tally.dates.frame()
    if lines is None or dates is None:
        return Demand(bins.unit, (), (), (), (), ())
    periods = np.maximum(bins.periods(tally.frequency), 1)
    total = _spread(lines, len(bins)) / periods
    categories: list[Line] = []
    if named:
        filled = lines.with_columns(pl.col("category").fill_null(NO_CATEGORY))
        sizes = filled.group_by("category").agg(pl.col("units").sum())
        order = sizes.sort(["units", "category"], descending=[True, False])["category"].to_list()
        for name in order[:SHOWN_CATEGORIES]:
            values = _spread(filled.filter(pl.col("category") == name), len(bins))
            categories.append(Line(name, 1, float(values.sum()), _values(values / periods)))
        if others := order[SHOWN_CATEGORIES:]:
            values = _spread(filled.filter(pl.col("category").is_in(others)), len(bins))
            label = f"{len(others):,} smaller categories" if len(others) > 1 else others[0]
            categories.append(Line(label, len(others), float(values.sum()), _values(values / periods)))
    starts = tuple(day.isoformat() for day in bins.starts())
    weekdays, months = _habits(dates, bins, tally.frequency)
    return Demand(bins.unit, starts, _values(total), tuple(categories), weekdays, months)


def _habits(
    dates: pl.DataFrame, bins: Bins, frequency: str
) -> tuple[tuple[float | None, ...], tuple[float | None, ...]]:
    """Mean units a period by weekday and by month of the year, days without any sale counted too."""
    step = {"daily": "1d", "weekly": "1w", "monthly": "1mo"}.get(frequency, "1d")
    first = bins.start.replace(day=1) if frequency == "monthly" else bins.start
    calendar = pl.DataFrame({"date": pl.date_range(first, bins.end, step, eager=True)})
    found = []
    for part, size in ((pl.col("date").dt.weekday(), 7), (pl.col("date").dt.month(), 12)):
        sold = dates.group_by(part.alias("part")).agg(pl.col("units").sum())
        days = calendar.group_by(part.alias("part")).agg(pl.len().alias("days"))
        means = {row[0]: row[1] / row[2] for row in days.join(sold, on="part").select("part", "units", "days").rows()}
        found.append(tuple(means.get(number + 1) for number in range(size)))
    return (found[0] if frequency == "daily" else ()), found[1]


def how_series_sell(tally: SalesTally) -> Series:
    used = np.flatnonzero(tally.levels)
    low, high = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 0)
    while 0 < high - low < FEWEST_BARS:  # one lonely bar shows nothing of how narrow it is
        low, high = max(low - 1, 0), min(high + 1, len(tally.levels))
    levels = Histogram(LEVELS[low : high + 1] if high else (), tuple(int(n) for n in tally.levels[low:high]))
    bubbles = [Bubble(*cell_centre(cell), count) for cell, count in sorted(tally.cells.items())]
    count = {name: int(value) for name, value in tally.totals.items()}
    return Series(
        levels=levels,
        classes=dict(tally.classes),
        bubbles=tuple(bubbles),
        seldom=count.get("seldom", 0),
        periods=count.get("periods", 0),
        rows=count.get("rows", 0),
        selling=count.get("selling", 0),
        whole_units=count.get("whole", 0) / max(count.get("rows", 0), 1),
    )


def sold_stockouts(tally: SalesTally, categories: pl.DataFrame | None) -> Stockouts | None:
    """From the share of each period that a product was available."""
    sums = tally.totals
    if not sums.get("known"):
        return None
    return Stockouts(
        source="available",
        known=int(sums["known"]),
        out=int(sums["out"]),
        empty=int(sums["empty"]),
        sold=sums["in_stock_units"],
        hidden=sums["hidden"],
        stores=_groups(pl.concat(tally.stores), "store", "known", "out"),
        stores_in_all=sum(len(part) for part in tally.stores),
        categories=_groups(categories, "category", "known", "out"),
    )


def stocked_stockouts(shelves: StockTally, *, named: bool) -> Stockouts | None:
    """From the stock that was left at the end of each period."""
    if not shelves.known:
        return None
    return Stockouts(
        source="stock",
        known=shelves.known,
        out=shelves.out,
        empty=shelves.out,
        sold=shelves.sold,
        hidden=shelves.hidden,
        stores=_groups(pl.concat(shelves.stores), "store", "known", "out"),
        stores_in_all=sum(len(part) for part in shelves.stores),
        categories=_groups(shelves.categories.frame() if named else None, "category", "known", "out"),
    )


def returns(tally: SalesTally, categories: pl.DataFrame | None) -> Returns | None:
    sums = tally.totals
    if not sums.get("returned"):
        return None
    groups = _groups(categories, "category", "units", "returned")
    return Returns(int(sums["returning"]), sums["returned"], sums["units"], groups)


def promotion(tally: SalesTally, *, named: bool) -> Promotion | None:
    sums = tally.totals
    known = int(sums.get("promoted", 0) + sums.get("plain", 0))
    if not known:
        return None
    ratios = pl.concat(tally.uplifts)
    categories: list[Uplift] = []
    if named:
        medians = ratios.group_by(pl.col("category").fill_null(NO_CATEGORY)).agg(
            pl.len().alias("series"), pl.col("ratio").median().alias("median")
        )
        ordered = medians.sort(["series", "category"], descending=[True, False]).head(SHOWN_GROUPS)
        categories = [Uplift(row[0], row[1], float(row[2])) for row in ordered.sort("median", descending=True).rows()]
    overall = ratios["ratio"].median()
    return Promotion(
        source=tally.promotion,
        rows=int(sums["promoted"]),
        known=known,
        series=len(ratios),
        uplift=float(overall) if isinstance(overall, float) else None,
        categories=tuple(categories),
    )


def pareto(tally: SalesTally, products: pl.DataFrame, *, by_revenue: bool) -> Pareto:
    measure = "revenue" if by_revenue else "units"
    found = tally.skus.frame()
    if found is None or not len(found):
        return Pareto(measure, 0, 0.0, (), 0, 0, 0, ())
    ordered = found.sort([measure, "sku"], descending=[True, False])
    values = np.maximum(ordered[measure].to_numpy(), 0)
    total = float(values.sum())
    reached = np.cumsum(values) / total if total else np.zeros(len(values))
    a = int(np.searchsorted(reached, 0.8)) + 1 if total else 0
    b = int(np.searchsorted(reached, 0.95)) + 1 - a if total else 0
    at = np.unique(np.linspace(1, len(values), min(CURVE, len(values))).round().astype(int))
    curve = ((0.0, 0.0), *((float(n) / len(values), float(min(reached[n - 1], 1.0))) for n in at))
    best = ordered.head(SHOWN_PRODUCTS).join(products, on="sku", how="left", maintain_order="left")
    top = tuple(
        Product(row["sku"], row["name"] or "", row["category"] or "", row[measure], row["stores"])
        for row in best.to_dicts()
    )
    a = min(a, len(values))
    b = max(min(b, len(values) - a), 0)
    return Pareto(measure, len(values), total, curve, a, b, len(values) - a - b, top)


def _groups(frame: pl.DataFrame | None, name: str, of: str, concerned: str) -> tuple[Group, ...]:
    """The largest shares, where there is anything to have a share of."""
    if frame is None:
        return ()
    share = (pl.col(concerned) / pl.col(of)).alias("share")
    ordered = frame.filter(pl.col(of) > 0).with_columns(share).sort(["share", name], descending=[True, False])
    rows = ordered.head(SHOWN_GROUPS).select(pl.col(name).fill_null(NO_CATEGORY), of, concerned).rows()
    return tuple(Group(str(row[0]), float(row[1]), float(row[2])) for row in rows)


def _spread(lines: pl.DataFrame, size: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = np.bincount(lines["bin"].to_numpy(), weights=lines["units"].to_numpy(), minlength=size)
    return np.asarray(values, np.float64)


def _values(array: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in array)
