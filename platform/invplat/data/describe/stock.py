"""What the shelves say: how often nothing was left, and what lies there that nobody buys.

Only stores with sales are looked at; where no sale was ever recorded, silence says nothing about a product.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from invplat.data.describe.description import DeadStock, Idle
from invplat.data.describe.running import Running

KEY = ["store", "sku"]
LISTED = 10
SHORTEST = 28  # days of history before anything is called dead


class StockTally:
    def __init__(self, start: date, end: date, products: pl.DataFrame) -> None:
        """`products` has sku, name, category and unit_cost."""
        history = (end - start).days + 1
        self.days = min(90, history // 3) if history >= SHORTEST else 0
        self.since = end - timedelta(days=self.days)
        self.products = products
        self.stores: list[pl.DataFrame] = []
        self.categories = Running(["category"], {"known": "sum", "out": "sum"})
        self.known = self.out = self.series = self.idle = 0
        self.units = self.value = self.hidden = self.sold = 0.0
        self.worst = pl.DataFrame()

    def add(self, stock: pl.DataFrame, sales: pl.DataFrame, series: pl.DataFrame) -> None:
        """Stock rows and sales rows of the same stores, and the tally's row a series of those sales."""
        if stock.is_empty():
            return
        shelves = stock.group_by(KEY).agg(
            pl.len().cast(pl.Int64).alias("known"),
            (pl.col("on_hand") <= 0).sum().cast(pl.Int64).alias("out"),
            pl.col("on_hand").sort_by("date").last(),
            pl.col("date").max().alias("counted"),
        )
        empty = stock.filter(pl.col("on_hand") <= 0).select("store", "sku", "date")
        then = sales.join(empty, on=["store", "sku", "date"], how="semi").group_by(KEY)
        facts = series.select(*KEY, "units", "periods", "last_sold").join(
            then.agg(pl.col("quantity").sum().alias("sold_out")), on=KEY, how="left"
        )
        joined = (
            shelves.join(facts, on=KEY, how="left")
            .join(self.products, on="sku", how="left")
            .with_columns(pl.col("units", "sold_out").fill_null(0.0), pl.col("periods").fill_null(0))
        )
        stocked = (pl.col("periods") - pl.col("out")).clip(1)
        usual = (pl.col("units") - pl.col("sold_out")) / stocked
        lost = (usual * pl.min_horizontal("out", "periods") - pl.col("sold_out")).clip(0)
        joined = joined.with_columns(hidden=lost, value=pl.col("on_hand") * pl.col("unit_cost"))
        self.stores.append(joined.group_by("store").agg(pl.col("known", "out").sum()))
        self.categories.add(joined.group_by("category").agg(pl.col("known", "out").sum()))
        self.known += int(joined["known"].sum())
        self.out += int(joined["out"].sum())
        self.hidden += float(joined["hidden"].sum())
        self.sold += float(joined["units"].sum())
        if self.days:
            self._idle(joined)

    def _idle(self, joined: pl.DataFrame) -> None:
        stocked = joined.filter((pl.col("on_hand") > 0) & (pl.col("counted") >= self.since))
        quiet = stocked.filter(pl.col("last_sold").is_null() | (pl.col("last_sold") <= self.since))
        self.series += len(stocked)
        self.idle += len(quiet)
        self.units += float(quiet["on_hand"].sum())
        self.value += float(quiet["value"].sum())
        columns = ["store", "sku", "name", "on_hand", "last_sold", "value"]
        both = [part for part in (self.worst, quiet.select(columns)) if len(part)]
        if both:
            order = ["value", "on_hand", *KEY]
            ordered = pl.concat(both).sort(order, descending=[True, True, False, False], nulls_last=True)
            self.worst = ordered.head(LISTED)

    def dead(self) -> DeadStock | None:
        if not self.days or not self.series:
            return None
        worst = tuple(
            Idle(
                store=row["store"],
                sku=row["sku"],
                name=row["name"] or "",
                on_hand=row["on_hand"],
                last_sold=row["last_sold"].isoformat() if row["last_sold"] else "",
                value=row["value"],
            )
            for row in self.worst.to_dicts()
        )
        value = self.value if self.value > 0 else None
        return DeadStock(self.days, self.series, self.idle, self.units, value, worst)
