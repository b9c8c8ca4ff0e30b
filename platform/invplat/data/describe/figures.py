"""A dataset in figures: read some stores at a time, tallied, and put into a `Description`.

Knows where figures come from; how they are worded and drawn is told in `findings`, `terminal` and `page`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import polars as pl

from invplat.data.dataset import Dataset
from invplat.data.describe import receipts, troubles
from invplat.data.describe.assemble import (
    coverage,
    demand,
    how_series_sell,
    pareto,
    promotion,
    returns,
    sold_stockouts,
    stocked_stockouts,
    stores,
)
from invplat.data.describe.bins import Bins
from invplat.data.describe.description import Description, Gaps, Prices, TableFigures
from invplat.data.describe.sales import READ, SalesTally, complete
from invplat.data.describe.stock import StockTally
from invplat.data.tables import SALES, TABLES

BATCH = 400_000  # rows read at a time; a bigger store is read whole, as that is how it is kept
BINS = 120  # what fits in a picture

Progress = Callable[[int, int], None]


def describe(dataset: Dataset, progress: Progress | None = None) -> Description:
    """All figures of a dataset. `progress` is told how many stores are done, and of how many."""
    manifest = dataset.manifest
    products = _products(dataset)
    start = date.fromisoformat(manifest.start) if manifest.start else date(1970, 1, 1)
    end = date.fromisoformat(manifest.end) if manifest.end else start
    bins = Bins.over(start, end, manifest.frequency, BINS)
    promoting = "discount" if "promotion" not in dataset.columns("sales") else "promotion"
    tally = SalesTally(bins, manifest.frequency, manifest.gaps, promoting, products.select("sku", "category"))
    shelves = StockTally(start, end, products.select("sku", "name", "category", "unit_cost"))
    done, total = 0, len(dataset.stores)
    for names, rows in _batches(dataset):
        series = tally.add(rows)
        if dataset.has("stock"):
            shelves.add(_stock(dataset, names), rows, series)
        done += len(names)
        if progress is not None:
            progress(done, total)
    sums = tally.totals
    units, revenue = sums.get("units", 0.0), sums.get("revenue", 0.0)
    count = {name: int(value) for name, value in sums.items()}
    rows_in_all = count.get("rows", 0)
    categories = tally.categories.frame() if "category" in dataset.columns("products") else None
    by_store = stores(tally)
    priced = count.get("priced", 0)
    return Description(
        tenant=dataset.tenant,
        version=dataset.version,
        parent=manifest.parent,
        created=manifest.created,
        code=manifest.code,
        mapping=manifest.mapping,
        frequency=manifest.frequency,
        start=manifest.start,
        end=manifest.end,
        stores=len(by_store),
        series=count.get("series", 0),
        skus=_length(tally.skus.frame()),
        units=units,
        counts=manifest.counts,
        tables=_tables(dataset),
        sources=manifest.sources,
        notes=manifest.notes,
        by_store=by_store,
        coverage=coverage(tally, by_store),
        demand=demand(tally, named=categories is not None),
        how_series_sell=how_series_sell(tally),
        stockouts=sold_stockouts(tally, categories) or stocked_stockouts(shelves, named=categories is not None),
        returns=returns(tally, categories),
        prices=Prices(priced, rows_in_all, revenue, count["changing"], count["with_price"]) if priced else None,
        promotion=promotion(tally, named=categories is not None),
        lead_times=receipts.lead_times(dataset, products) if dataset.has("receipts") else None,
        pareto=pareto(tally, products, by_revenue=priced >= 0.9 * rows_in_all and revenue > 0),
        dead_stock=shelves.dead(),
        outliers=count.get("outlier", 0),
        quarantined=troubles.quarantined(dataset),
        repaired=troubles.repaired(dataset),
        merged=troubles.merged(dataset),
        gaps=Gaps(
            manifest.gaps, rows_in_all + count.get("absent", 0), count.get("absent", 0), count.get("with_gaps", 0)
        ),
        extras=tuple(name for name in dataset.columns("sales") if SALES.column(name) is None and name != "outlier"),
        absent=troubles.absent(dataset),
    )


def _batches(dataset: Dataset) -> Iterator[tuple[list[str], pl.DataFrame]]:
    """Stores together until there are rows enough: thousands of small stores cost no more than a few big ones."""
    sizes: dict[str, int] = {}
    for file in dataset.manifest.tables["sales"].files:
        sizes[file.store] = sizes.get(file.store, 0) + file.rows
    names: list[str] = []
    rows = 0
    for store in sorted(sizes):
        if names and rows + sizes[store] > BATCH:
            yield names, _sales(dataset, names)
            names, rows = [], 0
        names.append(store)
        rows += sizes[store]
    if rows:
        yield names, _sales(dataset, names)


def _sales(dataset: Dataset, names: list[str]) -> pl.DataFrame:
    return pl.concat([complete(dataset.read("sales", store, READ)) for store in names])


def _stock(dataset: Dataset, names: list[str]) -> pl.DataFrame:
    parts = []
    for store in names:
        part = pl.from_arrow(dataset.read("stock", store, ("store", "sku", "date", "on_hand")))
        if isinstance(part, pl.DataFrame) and len(part):
            kinds = {"store": pl.String, "sku": pl.String, "date": pl.Date, "on_hand": pl.Float64}
            parts.append(part.select([pl.col(name).cast(kind) for name, kind in kinds.items()]))
    return pl.concat(parts) if parts else pl.DataFrame()


def _products(dataset: Dataset) -> pl.DataFrame:
    """One row a SKU with everything that figures are grouped or valued by; unknown where products lack it."""
    kinds = {"sku": pl.String, "name": pl.String, "category": pl.String, "supplier": pl.String, "unit_cost": pl.Float64}
    found = pl.from_arrow(dataset.read("products", columns=list(kinds)))
    frame = found if isinstance(found, pl.DataFrame) else pl.DataFrame()
    columns = [
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name) for name, kind in kinds.items()
    ]
    return frame.select(columns).unique("sku", keep="first", maintain_order=True)


def _tables(dataset: Dataset) -> tuple[TableFigures, ...]:
    records = dataset.manifest.tables
    return tuple(
        TableFigures(
            name,
            TABLES[name].about,
            records[name].counts,
            sum(f.rows for f in records[name].files),
            records[name].columns,
        )
        for name in TABLES
        if name in records
    )


def _length(frame: pl.DataFrame | None) -> int:
    return 0 if frame is None else len(frame)
