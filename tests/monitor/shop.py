"""A made-up business whose demand is known, with forecasts by what is true of it; and troubles to be planted in it.

Every figure is drawn from the seed. What the forecasts believe is the law before the trouble, as a model's would be.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import poisson

from invplat.core.settings import load_settings
from invplat.monitor.look import Look, look
from invplat.registry.database import Database, open_database
from invplat.registry.parts import PREDICTED, Part
from invplat.registry.rows import new_id
from invplat.storage import Storage, open_storage
from tests.transfer.firms import typed

TENANT = "shop"
FIRST = date(2024, 1, 1)  # a Monday
DAYS = 364
END = FIRST + timedelta(days=DAYS - 1)
STORES = ("A", "B", "C")
CATEGORIES = ("drinks", "snacks")
EACH = 6  # SKUs of a category
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
HORIZON = 7


@dataclass
class World:
    """Series × days. A trouble changes it from a day on."""

    names: list[tuple[str, str]]
    categories: dict[str, str]
    law: Any  # the mean that forecasts believe
    truth: Any  # the mean that people buy by
    price: Any
    lead: Any = field(default_factory=lambda: np.full(DAYS, 5))  # of an order placed that day
    gone: Any = None  # cells without any row
    seed: int = 0

    def rows(self, part: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Of a store or a category."""
        return np.flatnonzero([part in (store, self.categories[sku]) for store, sku in self.names])


def day(place: int) -> date:
    return FIRST + timedelta(days=place)


def world(seed: int = 0) -> World:
    random = np.random.default_rng(seed)
    skus = {f"{category[:2].upper()}-{number}": category for category in CATEGORIES for number in range(EACH)}
    names = [(store, sku) for store in STORES for sku in skus]
    week = 1 + 0.5 * (np.arange(DAYS) % 7 >= 5)
    season = 1 + 0.1 * np.sin(2 * np.pi * np.arange(DAYS) / 365)
    law = random.uniform(4, 15, (len(names), 1)) * week * season
    price = np.repeat(random.uniform(2, 9, (len(names), 1)).round(2), DAYS, axis=1)
    return World(names, skus, law, law.copy(), price, gone=np.zeros(law.shape, bool), seed=seed)


def demand_of(made: World) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.random.default_rng(made.seed + 1000).poisson(made.truth)


def write(made: World, folder: Path, until: int = DAYS, since: int = 0) -> Path:
    """As the business would send it: a line for each day that something was on the shelf, even if nothing sold."""
    folder.mkdir(parents=True, exist_ok=True)
    demand = demand_of(made)
    row, at = np.nonzero(~made.gone[:, since:until])
    at = at + since
    days = np.array([day(place).isoformat() for place in range(DAYS)])
    stores, skus = (np.array([name[place] for name in made.names]) for place in (0, 1))
    sales = pl.DataFrame(
        {
            "store": stores[row],
            "sku": skus[row],
            "date": days[at],
            "quantity": demand[row, at],
            "price": made.price[row, at].round(2),
        }
    )
    sales.write_csv(folder / "sales.csv")
    pl.DataFrame({"sku": list(made.categories), "category": list(made.categories.values())}).write_csv(
        folder / "products.csv"
    )
    random = np.random.default_rng(made.seed + 7)
    receipts = []
    for ordered in range(since, until, 3):
        for store in STORES:
            received = ordered + int(made.lead[ordered] + random.integers(-1, 2))
            if received < until:
                receipts.append((store, skus[0], days[ordered], days[received], 10, "Ash"))
    columns = ["store", "sku", "ordered_on", "received_on", "quantity", "supplier"]
    pl.DataFrame(receipts, schema=columns, orient="row").write_csv(folder / "receipts.csv")
    return folder


@dataclass
class Shop:
    home: Path
    database: Database
    storage: Storage

    def add(self, made: World, tenant: str = TENANT, until: int = DAYS) -> None:
        files = write(made, self.home / f"files-{tenant}-{until}", until)
        typed(self.home, "tenant", "add", tenant, "--data", files, "--mapping", "generic")

    def append(self, made: World, since: int, until: int, tenant: str = TENANT) -> None:
        files = write(made, self.home / f"files-{tenant}-{since}-{until}", until, since)
        typed(self.home, "data", "append", "--tenant", tenant, "--mapping", "generic", files / "sales.csv")

    def predict(
        self,
        made: World,
        as_ofs: range,
        tenant: str = TENANT,
        model: str = "m1",
        change: Callable[[Any, Any], tuple[Any, Any]] | None = None,
    ) -> None:
        """What is believed on these days of the next week, as the journal writes it; `change`: mean and quantiles."""
        parts = []
        for as_of in as_ofs:
            law = np.stack([made.law[:, min(as_of + step, DAYS - 1)] for step in range(1, HORIZON + 1)], axis=1)
            quantiles = poisson.ppf(np.array(LEVELS)[None, None], law[:, :, None])
            if change is not None:
                law, quantiles = change(law, quantiles)
            parts.append(self.part(tenant, model, made.names, as_of, law, quantiles))
        PREDICTED.add(self.database, parts)

    def part(self, tenant: str, model: str, names: Any, as_of: int, mean: Any, quantiles: Any) -> Part:
        periods = mean.shape[1]
        dates = [day(as_of + step) for step in range(1, periods + 1)]
        table = pl.DataFrame(
            {
                "store": np.repeat([store for store, _ in names], periods),
                "sku": np.repeat([sku for _, sku in names], periods),
                "as_of": [day(as_of)] * (len(names) * periods),
                "date": dates * len(names),
                "mean": mean.reshape(-1).astype(np.float32),
                **{f"q{one:g}": quantiles[:, :, at].reshape(-1) for at, one in enumerate(LEVELS)},
            }
        )
        sink = io.BytesIO()
        table.write_parquet(sink)
        key = f"tenants/{tenant}/predictions/{new_id()}.parquet"
        self.storage.write(key, sink.getvalue())
        return Part(tenant, key, len(table), dates[0].isoformat(), dates[-1].isoformat(), model)

    def look(self, tenant: str = TENANT, today: date = END) -> Look:
        return look(self.database, self.storage, tenant, today=today)


@contextmanager
def shop_in(home: Path) -> Iterator[Shop]:
    settings = load_settings({"home": str(home)}, {})
    with closing(open_database(settings.database_url)) as database:
        yield Shop(home, database, open_storage(settings.storage_url))


def kinds(made: Look) -> set[str]:
    return {finding.kind for finding in made.findings}
