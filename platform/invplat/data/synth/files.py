"""The files of a synthetic world: what is known becomes CSV in our own column names, what is true becomes Parquet.

Appends a block of stores at a time, so that memory depends on the block and not on the business.
"""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from numpy.typing import NDArray

from invplat.data.synth.assortment import BRANDS
from invplat.data.synth.business import TYPES, Business
from invplat.data.synth.category import CATEGORIES, PROMOTIONS
from invplat.data.synth.demand import Series
from invplat.data.synth.nation import AHEAD, REGIONS, Nation
from invplat.data.synth.stockroom import Ledger

Whole = NDArray[np.int64]


class TenantFiles:
    """One tenant's folder of CSV files and its truth; counts the rows that go into each."""

    def __init__(self, folder: Path, truth: Path) -> None:
        folder.mkdir(parents=True)
        truth.mkdir(parents=True)
        self.folder = folder
        self.truth = truth
        self.rows: dict[str, int] = {}
        self._demand: pq.ParquetWriter | None = None

    def __enter__(self) -> TenantFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._demand is not None:
            self._demand.close()

    def append(self, table: str, frame: pl.DataFrame) -> None:
        text = BytesIO()
        frame.write_csv(text, include_header=table not in self.rows)
        with (self.folder / f"{table}.csv").open("ab") as file:
            file.write(text.getbuffer())  # by Python itself, whose errors say when the disk is full
        self.rows[table] = self.rows.get(table, 0) + len(frame)

    def append_truth(self, frame: pl.DataFrame) -> None:
        arrow = frame.to_arrow()
        if self._demand is None:
            self._demand = pq.ParquetWriter(self.truth / "demand.parquet", arrow.schema, compression="zstd")
        self._demand.write_table(arrow)

    def write_business(self, business: Business, nation: Nation) -> None:
        self.append("products", _products(business))
        self.append("stores", _stores(business))
        self.append("events", _events(business, nation))
        self.append("signals", _signals(business, nation))

    def write_block(self, business: Business, nation: Nation, series: Series, demand: Whole, ledger: Ledger) -> None:
        goods = business.assortment
        row, day = np.nonzero(series.open(nation.days))
        shown = {**_keys(business, series, row), "date": _dates(nation, day)}
        everything = pl.DataFrame(
            {
                **shown,
                "demand": demand[row, day],
                "lost": ledger.lost[row, day],
                "on_hand": ledger.on_hand[row, day],
                "on_order": ledger.on_order[row, day],
                "quantity": ledger.sold[row, day],
                "price": goods.charged[series.product[row], day],
                "promotion": (goods.promotion[series.product[row], day] > 0).astype(np.int64),
                "discount": goods.discount[series.product[row], day],
                "available": ledger.available[row, day],
            }
        )
        key = ["store", "sku", "date"]
        sales = everything.filter((pl.col("quantity") > 0) | (pl.col("available") == 0))
        self.append("sales", sales.select(*key, "quantity", "price", "promotion", "discount", "available"))
        self.append("stock", everything.select(*key, "on_hand", "on_order"))
        self.append_truth(everything.select(*key, "demand", "lost"))
        came = ledger.orders
        product = series.product[came.series]
        self.append(
            "receipts",
            pl.DataFrame(
                {
                    **_keys(business, series, came.series),
                    "ordered_on": _dates(nation, came.ordered),
                    "received_on": _dates(nation, came.received),
                    "quantity": came.quantity,
                    "unit_cost": goods.unit_cost[product],
                    "supplier": _named([s.name for s in business.suppliers], goods.supplier[product]),
                }
            ),
        )


def _named(names: list[str], index: Whole) -> pl.Series:
    return pl.Series(names, dtype=pl.String).gather(index)


def _dates(nation: Nation, day: Whole) -> pl.Series:
    return pl.Series((day + nation.first).astype(np.int32)).cast(pl.Date)


def _keys(business: Business, series: Series, row: Whole) -> dict[str, pl.Series]:
    store, product = series.store[row], series.product[row]
    return {"store": _named(business.stores.name, store), "sku": _named(business.assortment.sku, product)}


def _products(business: Business) -> pl.DataFrame:
    goods = business.assortment
    category = _named([c.name for c in CATEGORIES], goods.category)
    brand = _named(list(BRANDS), goods.brand)
    return pl.DataFrame(
        {
            "sku": goods.sku,
            "name": brand + " " + category + " " + pl.Series(goods.sku).str.slice(-4),
            "category": category,
            "brand": brand,
            "supplier": _named([s.name for s in business.suppliers], goods.supplier),
            "unit_cost": goods.unit_cost,
            "price": goods.price,
            "size": goods.size,
            "pack": goods.pack,
            "shelf_life": pl.Series(goods.shelf_life).replace(0, None),
        }
    )


def _stores(business: Business) -> pl.DataFrame:
    places = business.stores
    return pl.DataFrame(
        {
            "store": places.name,
            "city": places.city,
            "region": _named(list(REGIONS), places.region),
            "type": _named(list(TYPES), places.type),
            "size": places.size,
        }
    )


def _events(business: Business, nation: Nation) -> pl.DataFrame:
    """Holidays of the regions the business is in, and its campaigns a row a day; both known AHEAD of time."""
    present = {"", *(REGIONS[r] for r in business.stores.region.tolist())}
    rows: list[dict[str, Any]] = [
        {"date": h.day, "name": h.name, "store": "", "region": h.region, "kind": "holiday"}
        for h in nation.holidays
        if h.region in present
    ]
    rows += [
        {
            "date": nation.start + timedelta(days=day),
            "name": PROMOTIONS[kind].name,
            "store": "",
            "region": "",
            "kind": "campaign",
        }
        for first, length, kind in business.assortment.campaigns
        for day in range(first, min(first + length, nation.days + AHEAD))
    ]
    schema = {"date": pl.Date, "name": pl.String, "store": pl.String, "region": pl.String, "kind": pl.String}
    # null, not "": an empty text is written as two quotes, which some readers keep
    frame = pl.DataFrame(rows, schema=schema).with_columns(pl.col("store", "region").replace("", None))
    return frame.unique(["date", "name", "region"], maintain_order=True).sort("date", "name", "region")


def _signals(business: Business, nation: Nation) -> pl.DataFrame:
    dates = _dates(nation, np.arange(nation.days))
    everywhere = pl.Series([None] * nation.days, dtype=pl.String)
    parts = [
        pl.DataFrame({"date": dates, "name": name, "value": np.round(value, 2), "store": everywhere})
        for name, value in (("oil", nation.oil), ("consumer_prices", nation.consumer_prices))
    ]
    places = business.stores
    for name, region, warmer in zip(places.name, places.region.tolist(), places.warmer.tolist(), strict=True):
        felt = np.round(nation.temperature[region] + warmer, 1)
        parts.append(pl.DataFrame({"date": dates, "name": "temperature", "value": felt, "store": name}))
    return pl.concat(parts)
