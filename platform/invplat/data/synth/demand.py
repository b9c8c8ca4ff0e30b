"""What customers of a business would buy on each day if the shelf were never empty.

The shared laws (category), the nation's days and the business's own ways multiply into an expected demand; the draw
around it is negative binomial, with days on which nobody asks. Knows nothing about stock.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from invplat.data.synth.business import Business
from invplat.data.synth.category import CATEGORIES, OCCASIONS, PROMOTIONS, weekly, yearly
from invplat.data.synth.nation import USUAL_OIL, Nation, persistent

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

BEST_DAY = 9.0  # a shop can only do so many times its usual trade, whatever comes together
LUCK = 5.0  # the same limit for chance
SHUT = 0.25  # what is left of a day on which most shops are shut
OIL = -0.15  # log demand by log oil price: money spent at the pump
WEEKEND = (0.0, 0.06, -0.10)  # log, by store type: city, suburb, station


@dataclass(frozen=True)
class Series:
    """The series (store × product) of some stores, as indices into the business."""

    store: Whole
    product: Whole
    first: Whole  # first day on sale
    last: Whole  # first day no longer on sale

    def __len__(self) -> int:
        return len(self.store)

    def open(self, days: int) -> NDArray[np.bool_]:
        day = np.arange(days)
        return (day >= self.first[:, None]) & (day < self.last[:, None])


def make_series(business: Business, stores: range) -> Series:
    store, product = np.nonzero(business.carried[stores.start : stores.stop])
    store = store + stores.start
    first = business.assortment.launch[product]
    last = np.minimum(business.assortment.finish[product], business.stores.closes[store])
    lived = first < last  # a product launched after its store closed never was there
    return Series(store[lived], product[lived], first[lived], last[lived])


def expected(business: Business, nation: Nation, series: Series, rng: np.random.Generator) -> Floats:
    """Mean demand, series × day."""
    by_category, by_product = _laws(business, nation), _products(business, nation)
    stores = np.unique(series.store)
    by_store = np.zeros((len(business.stores), nation.days))
    by_store[stores] = _stores(business, nation, stores, rng)
    category, region = business.assortment.category[series.product], business.stores.region[series.store]
    factor = by_category[category, region] + by_product[series.product] + by_store[series.store]
    factor += _shifts(len(series), nation.days, rng)
    level = business.assortment.level[series.product] * business.stores.factor[series.store]
    mean = (level * rng.lognormal(0.0, 0.2, len(series)))[:, None] * np.exp(np.minimum(factor, np.log(BEST_DAY)))
    alive = series.open(nation.days) & (np.arange(nation.days) < business.assortment.dead_from[series.product][:, None])
    return np.where(alive, mean, 0.0)


def draw(business: Business, series: Series, mean: Floats, rng: np.random.Generator) -> Whole:
    """Units asked for, series × day: whether anybody asks, how big a day it is, then how many units."""
    active = business.assortment.active[series.product][:, None]
    dispersion = business.assortment.dispersion[series.product][:, None]
    luck = np.minimum(rng.gamma(1.0 / dispersion, dispersion, mean.shape), LUCK)
    asked = rng.random(mean.shape) < active
    return np.where(asked, rng.poisson(mean / active * luck), 0).astype(np.int64)


def _laws(business: Business, nation: Nation) -> Floats:
    """Category × region × day: week, year, wages, holidays and weather, bent a little by the business's own ways."""
    own = business.deviations
    laws = np.empty((len(CATEGORIES), len(nation.temperature), nation.days))
    for i, category in enumerate(CATEGORIES):
        week = (weekly(category) + own.week[i])[nation.weekday]
        year = yearly(category, nation.day_of_year, amplitude=own.amplitude[i], shift=own.shift[i])
        response = np.asarray(category.occasions) * own.occasions[i]
        holidays = sum(response[o] * nation.occasions[:, o] for o in range(len(OCCASIONS)))
        weather = category.warmth * nation.unusual / 10.0
        laws[i] = week + year + category.payday * nation.payday + holidays + weather
    return np.asarray(laws + np.log(SHUT) * nation.closing)


def _products(business: Business, nation: Nation) -> Floats:
    """Product × day: growth, price, campaigns, and the way of a new product."""
    goods, own, day = business.assortment, business.deviations, np.arange(nation.days)
    traits = [CATEGORIES[c] for c in goods.category]
    elasticity = np.array([t.elasticity for t in traits]) * own.elasticity[goods.category]
    answer = np.array([t.promotion for t in traits]) * own.promotion[goods.category]
    uplift = np.array([0.0, *(p.uplift for p in PROMOTIONS)])[goods.promotion]
    real = goods.charged / goods.price[:, None] * (nation.consumer_prices[0] / nation.consumer_prices)
    log = goods.growth[:, None] * (day - nation.days / 2) / 365.25
    log += elasticity[:, None] * np.log(real) + answer[:, None] * uplift
    age = np.maximum(day - goods.launch[:, None] + 1, 0)
    ramp = np.array([t.ramp for t in traits])[:, None]
    novelty = np.array([t.novelty for t in traits])[:, None]
    young = np.log1p(-np.exp(-(age + 1) / ramp * 2.0)) + np.log1p(novelty * np.exp(-age / (3.0 * ramp)))
    fading = -np.maximum(45 - (goods.finish[:, None] - day), 0) / 30.0
    log += np.where(goods.launch[:, None] > 0, young, 0.0)
    log += np.where(goods.finish[:, None] < nation.days, fading, 0.0)
    return np.asarray(log)


def _stores(business: Business, nation: Nation, stores: Whole, rng: np.random.Generator) -> Floats:
    """Store × day: footfall that wanders, weekends by type of place, money spent on fuel."""
    footfall = persistent(rng, (len(stores), nation.days), 0.9, 0.03)
    weekend = np.array(WEEKEND)[business.stores.type[stores]][:, None] * (nation.weekday >= 5)
    return np.asarray(footfall + weekend + OIL * np.log(nation.oil / USUAL_OIL))


def _shifts(count: int, days: int, rng: np.random.Generator) -> Floats:
    """A few series jump to another level for good: a competitor opened, a shelf moved."""
    jump = np.where(rng.random(count) < 0.15, rng.normal(0.0, 0.4, count), 0.0)
    return np.where(np.arange(days) >= rng.integers(0, days, count)[:, None], jump[:, None], 0.0)
