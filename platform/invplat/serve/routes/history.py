"""Which series a business has, and what is known of each: sold, in stock, at what price."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from invplat.core.errors import DatasetError, Unknown
from invplat.data.assemble import build_panel
from invplat.data.dataset import Dataset
from invplat.data.panel import Panel
from invplat.serve.answered import dataset_of, frequency_of, sent
from invplat.serve.auth import Reader, TenantName
from invplat.serve.problems import Missing, missing, near, short
from invplat.serve.remembered import Remembered
from invplat.serve.routes import Service

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["data"])
MOST_PERIODS = 4000
Text = Annotated[str, Query(min_length=1, max_length=200)]
_PANELS = Remembered(6)  # stores that somebody looks at
_LISTS = Remembered(200)


class History(BaseModel):
    store: str
    sku: str
    frequency: str = Field(examples=["daily"])
    dates: list[date] = Field(description="First day of each period.")
    demand: list[float | None] = Field(description="Null where nobody knows.")
    on_hand: list[float | None] = Field(description="At a period's end; null where nobody knows.")
    price: list[float | None]
    promotion: list[bool | None]
    censored: list[bool] = Field(description="The shelf was empty for some of it: more could have been sold.")


class OneSeries(BaseModel):
    store: str
    sku: str
    name: str | None
    category: str | None


class SeriesList(BaseModel):
    count: int = Field(description="How many there are, shown or not.")
    series: list[OneSeries]


@dataclass(frozen=True)
class _Store:
    """Of a panel what is looked at."""

    panel: Panel

    def row(self, sku: str) -> int:
        if sku not in self.panel.skus:
            said = f"store {short(self.panel.store)!r} has no SKU {short(sku)!r}"
            raise Missing(said, near=near(sku, self.panel.skus))
        return self.panel.skus.index(sku)

    def values(self, name: str, row: int, periods: slice, known: str | None = None) -> list[float | None]:
        length = len(range(*periods.indices(self.panel.timeline.length)))
        if not self.panel.has(name):
            return [None] * length
        values = self.panel.column(name)[row, periods]
        if known is not None and self.panel.has(known):
            return _null(values, self.panel.column(known)[row, periods] > 0)
        return _null(values, np.ones(len(values), bool))


def _null(values: Any, known: Any) -> list[float | None]:
    rounded = np.round(values.astype(np.float64), 4).tolist()
    return [value if there else None for value, there in zip(rounded, known.tolist(), strict=True)]


@router.get("/history", summary="What is known of one series, period by period", response_model=History)
def history(
    tenant: TenantName,
    service: Service,
    caller: Reader,
    store: Text,
    sku: Text,
    periods: Annotated[int, Query(ge=1, le=MOST_PERIODS, description="The last so many.")] = 180,
) -> Response:
    dataset = dataset_of(service, tenant)
    if store not in dataset.stores:
        raise missing("store", store, dataset.stores)
    frequency = frequency_of(service, tenant, dataset)
    key = (service.storage.url, tenant, dataset.version, dataset.manifest.content_hash, store, frequency)
    found = _PANELS.get(key, lambda: _Store(_panel(dataset, store, frequency)))
    panel, row = found.panel, found.row(sku)
    which = slice(max(panel.known - periods, 0), panel.known)
    there = panel.observed[row, which] & panel.exists[row, which]
    promotion = found.values("promotion", row, which)
    return sent(
        {
            "store": store,
            "sku": sku,
            "frequency": panel.frequency,
            "dates": [day.isoformat() for day in panel.dates[which].tolist()],
            "demand": _null(panel.demand[row, which], there),
            "on_hand": found.values("on_hand", row, which, "stock_known"),
            "price": found.values("price", row, which, "price_known"),
            "promotion": [None if value is None else value > 0 for value in promotion],
            "censored": panel.censored[row, which].tolist(),
        }
    )


def _panel(dataset: Dataset, store: str, frequency: str) -> Panel:
    try:
        return build_panel(dataset, store, frequency=frequency)
    except DatasetError as error:
        raise Unknown(error.message) from error


@router.get("/series", summary="Which stores and SKUs there are", response_model=SeriesList)
def series(
    tenant: TenantName,
    service: Service,
    caller: Reader,
    search: Annotated[str, Query(max_length=200, description="Part of a store, SKU, name or category.")] = "",
    store: Annotated[str | None, Query(max_length=200)] = None,
    category: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
) -> Response:
    dataset = dataset_of(service, tenant)
    key = (service.storage.url, tenant, dataset.version, dataset.manifest.content_hash)
    rows = _LISTS.get(key, lambda: _listed(dataset))
    words = search.casefold().split()
    found = [
        row
        for row in rows
        if (store is None or row[0] == store)
        and (category is None or row[3] == category)
        and all(word in row[4] for word in words)
    ]
    names = ("store", "sku", "name", "category")
    return sent({"count": len(found), "series": [dict(zip(names, row, strict=False)) for row in found[:limit]]})


Row = tuple[str, str, str | None, str | None, str]  # store, SKU, name, category, all of it as it is searched


def _listed(dataset: Dataset) -> list[Row]:
    products = _products(dataset)
    found: list[Row] = []
    for store, table in dataset.each_store("sales", ["sku"]):
        for sku in sorted(table.column("sku").unique().to_pylist()):
            name, category = products.get(sku, (None, None))
            found.append((store, sku, name, category, _text((store, sku, name, category))))
    return found


def _products(dataset: Dataset) -> dict[str, tuple[str | None, str | None]]:
    if not dataset.has("products"):
        return {}
    table = dataset.read("products")
    columns = [
        table.column(name).to_pylist() if name in table.column_names else [None] * len(table)
        for name in ("sku", "name", "category")
    ]
    return {sku: (name, category) for sku, name, category in zip(*columns, strict=True)}


def _text(parts: Iterable[str | None]) -> str:
    return "\n".join(part.casefold() for part in parts if part)
