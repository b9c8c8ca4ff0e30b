"""Businesses of the synthetic world, day by day, with troubles planted in some; and the files that they would send.

What is asked for does not depend on what anybody orders. Files of a week hold what was known at its end and no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from invplat.data.synth.business import Business, make_business
from invplat.data.synth.category import CATEGORIES
from invplat.data.synth.demand import Series, draw, expected, make_series
from invplat.data.synth.nation import Nation, make_nation

FIRST = date(2024, 1, 1)  # a Monday
WEEK = 7
SHIFT, LINE, CLOSED, SLOW = "shift of demand", "new product line", "closed store", "supplier's lead time doubles"
SIGNALS = {  # any of these findings tells it
    SHIFT: ("drift", "bias", "accuracy_worse", "worse_than_naive", "coverage"),
    LINE: ("unseen_skus",),
    CLOSED: ("silent_store",),
    SLOW: ("lead_times",),
}
TIMES = 1.8  # what a shift makes of demand
NEW = (0.15, 0.5)  # share of demand that a line of new products may have
OPENING = 10  # days of the usual, with which a new product or the replay begins


@dataclass
class Trouble:
    kind: str
    tenant: str
    week: int  # of the replay, from 1
    day: date
    subject: str


@dataclass
class Shop:
    """One business. Arrays are series × days, from FIRST on."""

    name: str
    stores: list[str]
    skus: list[str]
    category: dict[str, str]
    supplier: dict[str, str]
    cost: dict[str, float]
    names: list[tuple[str, str]]
    demand: Any
    there: Any  # whether the store sells it on that day
    price: Any
    lead: Any  # of an order placed on that day, by (store, supplier)
    trouble: Trouble | None = None
    waiting: list[tuple[Any, ...]] = field(default_factory=list)  # receipts that are on their way
    sent: set[str] = field(default_factory=set)  # products that were told of

    def leads(self, day: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Of an order of each series placed on that day."""
        return np.array([self.lead[store, self.supplier[sku]][day] for store, sku in self.names])

    def write(self, folder: Path, since: int, until: int) -> list[Path]:
        """The files of the days from `since` up to `until`."""
        folder.mkdir(parents=True, exist_ok=True)
        row, at = np.nonzero(self.there[:, since:until])
        at = at + since
        days = np.array([(FIRST + timedelta(days=place)).isoformat() for place in range(until)])
        sales = {
            "store": [self.names[place][0] for place in row],
            "sku": [self.names[place][1] for place in row],
            "date": days[at],
            "quantity": self.demand[row, at],
            "price": self.price[row, at],
        }
        pl.DataFrame(sales).write_csv(folder / "sales.csv")
        files = [folder / "sales.csv"]
        fresh = [sku for sku in dict.fromkeys(sales["sku"]) if sku not in self.sent]
        if fresh:
            self.sent |= set(fresh)
            pl.DataFrame(
                {
                    "sku": fresh,
                    "category": [self.category[sku] for sku in fresh],
                    "supplier": [self.supplier[sku] for sku in fresh],
                    "unit_cost": [self.cost[sku] for sku in fresh],
                }
            ).write_csv(folder / "products.csv")
            files.append(folder / "products.csv")
        receipts = self._received(since, until)
        if receipts:
            columns = ["store", "sku", "ordered_on", "received_on", "quantity", "supplier"]
            pl.DataFrame(receipts, schema=columns, orient="row").write_csv(folder / "receipts.csv")
            files.append(folder / "receipts.csv")
        return files

    def _received(self, since: int, until: int) -> list[tuple[Any, ...]]:
        """Ordered each Monday, of what is sold then; known once it is there."""
        for ordered in range(since - since % WEEK, until, WEEK):
            if ordered < since:
                continue
            leads = self.leads(ordered)
            for row, (store, sku) in enumerate(self.names):
                if self.there[row, ordered]:
                    self.waiting.append((store, sku, ordered, ordered + int(leads[row]), 10, self.supplier[sku]))
        came = [one for one in self.waiting if one[3] < until]
        self.waiting = [one for one in self.waiting if one[3] >= until]
        told = [FIRST + timedelta(days=place) for place in range(until)]
        return [(*one[:2], told[one[2]].isoformat(), told[one[3]].isoformat(), *one[4:]) for one in came]


def world(tenants: int, stores: int, skus: int, before: int, weeks: int, seed: int, at: dict[str, int]) -> list[Shop]:
    """`before`: weeks of history. `at`: the week of the replay in which each trouble begins, one a business."""
    days = (before + weeks) * WEEK
    random = np.random.default_rng(seed)
    nation = make_nation(random, days=days, end=FIRST + timedelta(days=days - 1))
    kinds = [*at, *([""] * tenants)][:tenants]
    found = []
    for number, kind in enumerate(kinds):
        business = make_business(nation, number=number, stores=stores, skus=skus, seed=seed)
        found.append(_shop(business, nation, np.random.default_rng([seed, number]), kind, at, before))
    return found


def _shop(
    business: Business, nation: Nation, random: np.random.Generator, kind: str, at: dict[str, int], before: int
) -> Shop:
    goods = business.assortment
    days = nation.days
    # Only what is planted begins or ends; prices stand still and nothing is promoted, as no calendar of it is sent.
    plain = replace(
        goods,
        launch=np.zeros_like(goods.launch),
        finish=np.full_like(goods.finish, days),
        dead_from=np.full_like(goods.dead_from, days),
        promotion=np.zeros_like(goods.promotion),
        discount=np.zeros_like(goods.discount),
    )
    business = replace(business, assortment=plain)
    series = make_series(business, range(len(business.stores)))
    mean = expected(business, nation, series, random)
    names = [
        (business.stores.name[store], goods.sku[product])
        for store, product in zip(series.store.tolist(), series.product.tolist(), strict=True)
    ]
    shop = Shop(
        business.name,
        list(business.stores.name),
        list(goods.sku),
        {sku: CATEGORIES[place].name for sku, place in zip(goods.sku, goods.category.tolist(), strict=True)},
        {sku: business.suppliers[place].name for sku, place in zip(goods.sku, goods.supplier.tolist(), strict=True)},
        {sku: float(cost) for sku, cost in zip(goods.sku, goods.unit_cost.tolist(), strict=True)},
        names,
        None,
        np.ones(mean.shape, bool),
        np.round(plain.charged[series.product], 2),
        {
            (store, one.name): one.minimum
            + random.negative_binomial(1 / one.dispersion, 1 / (1 + one.dispersion * one.extra), days)
            for store in business.stores.name
            for one in business.suppliers
        },
    )
    if kind:
        week = at[kind]
        begins = (before + week - 1) * WEEK
        subject = _planted(kind, shop, series, mean, begins)
        shop.trouble = Trouble(kind, shop.name, week, FIRST + timedelta(days=begins), subject)
    shop.demand = np.where(shop.there, draw(business, series, mean, random), 0)
    return shop


def _planted(kind: str, shop: Shop, series: Series, mean: Any, begins: int) -> str:
    """In place; what it befalls."""
    if kind == SHIFT:
        mean[:, begins:] *= TIMES
        return "everything"
    if kind == LINE:
        label = _line([shop.category[sku] for _, sku in shop.names], mean)
        rows = np.array([shop.category[sku] == label for _, sku in shop.names])
        shop.there[rows, :begins] = False
        return label
    if kind == CLOSED:
        store = shop.stores[-1]
        shop.there[np.array([name[0] == store for name in shop.names]), begins:] = False
        return store
    by = {
        name: mean[[shop.supplier[sku] == name for _, sku in shop.names]].sum() for name in set(shop.supplier.values())
    }
    steady = {name: sold for name, sold in by.items() if 2 <= _usual(shop, name) <= 8}
    chosen = max(steady or by, key=lambda name: by[name])
    for key in [key for key in shop.lead if key[1] == chosen]:
        shop.lead[key][begins:] *= 2
    return chosen


def _line(labels: Sequence[str], mean: Any) -> str:
    whole = mean.sum()
    shares = {label: mean[[one == label for one in labels]].sum() / whole for label in sorted(set(labels))}
    fit = [label for label, share in shares.items() if NEW[0] <= share <= NEW[1]]
    return min(fit or shares, key=lambda label: abs(shares[label] - 0.3))


def _usual(shop: Shop, supplier: str) -> float:
    return float(np.mean([values.mean() for key, values in shop.lead.items() if key[1] == supplier]))
