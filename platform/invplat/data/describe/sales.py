"""What sales say, gathered some stores at a time. Keeps a row a store, SKU, category or date, not a row a series.

Only the ratios of promotions are kept series by series, as a median needs them all.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import polars as pl

from invplat.data.describe.bins import Bins, period_number
from invplat.data.describe.running import Running

READ = ("store", "sku", "date", "quantity", "outlier", "returned", "price", "promotion", "discount", "available")
NUMBERS = ("quantity", "returned", "price", "promotion", "discount", "available")
KEY = ["store", "sku"]
# Syntetos, Boylan and Croston's borders between smooth, erratic, intermittent and lumpy demand
ADI_BORDER, CV2_BORDER = 1.32, 0.49
# Cells of the ADI × CV² picture begin at the borders, so no cell lies on two sides of one.
ADI_STEP, CV2_STEP, CELLS = float(np.log10(ADI_BORDER)), 0.15, 17
FEWEST = 3  # sales that a series needs before anything is said of its regularity
BOTH_SIDES = 5  # rows with and without promotion that a comparison needs
LEVELS = tuple(float(f"{digit}e{power}") for power in range(-3, 7) for digit in (1, 2, 5))
SUMS = ("rows", "units", "returned", "known", "out", "empty", "hidden", "in_stock_units")


class SalesTally:
    def __init__(self, bins: Bins, frequency: str, gaps: str, promotion: str, products: pl.DataFrame) -> None:
        """`promotion` names the column that tells it; `products` has sku and category, both without gaps."""
        self.bins, self.frequency, self.gaps, self.promotion, self.products = bins, frequency, gaps, promotion, products
        self.stores: list[pl.DataFrame] = []
        self.coverage: list[pl.DataFrame] = []
        self.skus = Running(["sku"], {"units": "sum", "revenue": "sum", "stores": "sum"})
        self.categories = Running(["category"], dict.fromkeys(SUMS, "sum"))
        self.lines = Running(["category", "bin"], {"units": "sum"})
        self.dates = Running(["date"], {"units": "sum"})
        self.uplifts: list[pl.DataFrame] = []
        self.levels = np.zeros(len(LEVELS) - 1, np.int64)
        self.cells: Counter[tuple[int, int]] = Counter()
        self.classes = dict.fromkeys(("smooth", "erratic", "intermittent", "lumpy", "few_sales"), 0)
        self.totals: dict[str, float] = {}

    def add(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Take in all rows of some stores; returns one row a series of them."""
        # One typing error of a thousand would drown every line: outliers show in their own count only.
        usual = pl.when("outlier").then(0.0).otherwise("quantity").alias("quantity")
        rows = rows.with_columns(usual, self.bins.expression("date").alias("bin"))
        series = self._series(rows)
        self._over_time(rows, series)
        self._by_series(series)
        return series

    def _series(self, rows: pl.DataFrame) -> pl.DataFrame:
        usual = (pl.col("quantity") > 0) & ~pl.col("outlier")
        quantity, available, price = pl.col("quantity"), pl.col("available"), pl.col("price")
        on, full = pl.col(self.promotion) > 1e-6, available >= 1 - 1e-9
        off = on.not_()
        prepared = rows.lazy().with_columns(
            selling=usual,
            sold=pl.when(usual).then(quantity).otherwise(0.0),
            last_sold=pl.when(quantity > 0).then(pl.col("date")),
            period=period_number("date", self.frequency),
            revenue=quantity * price,
            promoted=on,
            promoted_units=pl.when(on).then(quantity),
            plain=off,
            plain_units=pl.when(off).then(quantity),
            full=full,
            full_units=pl.when(full).then(quantity),
            empty=available <= 1e-9,
            idle=(available <= 1e-9) & (quantity == 0),
            whole=quantity == quantity.round(),
        )
        counted = ("selling", "promoted", "plain", "full", "empty", "idle", "whole", "outlier")
        summed = ("revenue", "promoted_units", "plain_units", "full_units", "returned")
        found = prepared.group_by(KEY).agg(
            pl.len().cast(pl.Int64).alias("rows"),
            quantity.sum().alias("units"),
            pl.col("sold").sum(),
            (pl.col("sold") ** 2).sum().alias("square"),
            pl.col("date").min().alias("first"),
            pl.col("date").max().alias("last"),
            pl.col("last_sold").max(),
            (pl.col("period").max() - pl.col("period").min() + 1).cast(pl.Int64).alias("span"),
            *[pl.col(name).sum().cast(pl.Int64) for name in counted],
            *[pl.col(name).sum() for name in summed],
            (pl.col("returned") > 0).sum().cast(pl.Int64).alias("returning"),
            price.count().cast(pl.Int64).alias("priced"),
            (price.max() > price.min() * 1.001).fill_null(False).alias("changing"),
            available.count().cast(pl.Int64).alias("known"),
            (1 - available.clip(0, 1)).sum().alias("short"),
        )
        spans = pl.max_horizontal("span", "rows") if self.gaps == "zero" else pl.col("rows")
        rate = pl.when(pl.col("full") >= FEWEST).then(pl.col("full_units") / pl.col("full"))
        return (
            found.with_columns(
                periods=spans,
                out=pl.col("known") - pl.col("full"),
                hidden=(rate * pl.col("short")).fill_null(0.0),
                in_stock_units=pl.when(pl.col("known") > 0).then(pl.col("units")).otherwise(0.0),
                absent=(pl.col("span") - pl.col("rows")).clip(0),
            )
            .join(self.products.lazy(), on="sku", how="left")
            .collect()
        )

    def _over_time(self, rows: pl.DataFrame, series: pl.DataFrame) -> None:
        cells = rows.group_by("store", "sku", "bin").agg(pl.col("quantity").sum().alias("units"))
        sizes = series.group_by("store").agg(pl.len().alias("series"))
        present = cells.group_by("store", "bin").agg(pl.len().alias("present")).join(sizes, on="store")
        self.coverage.append(present.select("store", "bin", share=pl.col("present") / pl.col("series")))
        by_sku = cells.group_by("sku", "bin").agg(pl.col("units").sum()).join(self.products, on="sku", how="left")
        self.lines.add(by_sku.group_by("category", "bin").agg(pl.col("units").sum()))
        self.dates.add(rows.group_by("date").agg(pl.col("quantity").sum().alias("units")))

    def _by_series(self, series: pl.DataFrame) -> None:
        self.stores.append(
            series.group_by("store").agg(
                pl.len().alias("series"),
                *[pl.col(name).sum() for name in SUMS],
                pl.col("first").min(),
                pl.col("last").max(),
            )
        )
        self.categories.add(series.group_by("category").agg([pl.col(name).sum() for name in SUMS]))
        in_store = pl.len().cast(pl.Int64).alias("stores")
        self.skus.add(series.group_by("sku").agg(pl.col("units").sum(), pl.col("revenue").sum(), in_store))
        self._regularity(series)
        compared = series.filter(
            (pl.col("promoted") >= BOTH_SIDES) & (pl.col("plain") >= BOTH_SIDES) & (pl.col("plain_units") > 0)
        )
        ratio = (pl.col("promoted_units") / pl.col("promoted")) / (pl.col("plain_units") / pl.col("plain"))
        self.uplifts.append(compared.select("category", ratio=ratio.cast(pl.Float32)))
        self._total(series)

    def _regularity(self, series: pl.DataFrame) -> None:
        sold, selling = series["sold"].to_numpy(), series["selling"].to_numpy()
        periods = series["periods"].to_numpy()
        levels = sold / np.maximum(periods, 1)
        borders = np.clip(levels[levels > 0], LEVELS[0], LEVELS[-1])
        self.levels += np.histogram(borders, LEVELS)[0]
        enough = selling >= FEWEST
        mean = sold[enough] / selling[enough]
        spread = np.maximum(series["square"].to_numpy()[enough] / selling[enough] - mean**2, 0) / mean**2
        awake = np.maximum((periods - series["idle"].to_numpy())[enough], selling[enough])
        interval = awake / selling[enough]
        seldom, wild = interval >= ADI_BORDER, spread >= CV2_BORDER
        for name, which in (
            ("smooth", ~seldom & ~wild),
            ("erratic", ~seldom & wild),
            ("intermittent", seldom & ~wild),
            ("lumpy", seldom & wild),
            ("few_sales", ~enough),
        ):
            self.classes[name] += int(which.sum())
        across = np.clip(np.floor(np.log10(interval) / ADI_STEP), 0, CELLS - 1).astype(int)
        logs = np.log10(np.maximum(spread, 1e-9)) - np.log10(CV2_BORDER)
        up = np.clip(np.floor(logs / CV2_STEP), -CELLS, CELLS // 2).astype(int)
        self.cells.update(zip(across.tolist(), up.tolist(), strict=True))
        self._add("seldom", float((2 * selling < np.maximum(periods - series["idle"].to_numpy(), 1)).sum()))

    def _total(self, series: pl.DataFrame) -> None:
        sums = series.select(
            pl.len().alias("series"),
            *[pl.col(name).sum() for name in SUMS],
            *[pl.col(name).sum() for name in ("selling", "periods", "absent", "outlier", "whole", "revenue", "priced")],
            *[pl.col(name).sum() for name in ("changing", "promoted", "plain", "returning")],
            (pl.col("absent") > 0).sum().alias("with_gaps"),
            (pl.col("priced") > 0).sum().alias("with_price"),
        ).row(0, named=True)
        for name, value in sums.items():
            self._add(name, float(value))

    def _add(self, name: str, value: float) -> None:
        self.totals[name] = self.totals.get(name, 0.0) + value


def cell_centre(cell: tuple[int, int]) -> tuple[float, float]:
    """ADI and CV² in the middle of a cell of the picture."""
    return 10 ** ((cell[0] + 0.5) * ADI_STEP), CV2_BORDER * 10 ** ((cell[1] + 0.5) * CV2_STEP)


def complete(table: Any) -> pl.DataFrame:
    """Rows as polars, with every column that the tally asks for; what the dataset lacks is unknown throughout."""
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    numbers = [
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(pl.Float64).alias(name) for name in NUMBERS
    ]
    outlier = pl.col("outlier").cast(pl.Boolean).fill_null(False) if "outlier" in frame.columns else pl.lit(False)
    names = [pl.col(name).cast(pl.String) for name in KEY]
    return frame.select(*names, pl.col("date").cast(pl.Date), *numbers, outlier.alias("outlier"))
