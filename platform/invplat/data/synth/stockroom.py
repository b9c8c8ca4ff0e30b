"""What a business's shelves do with the demand: orders, deliveries, sales, and what could not be sold.

An (s, S) rule with review days, fed by what the business itself saw, so its mistakes feed on themselves as they do in
life. All series advance together, a day at a time. Knows nothing about why demand is what it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from invplat.data.synth.business import Business
from invplat.data.synth.demand import Series

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

REVIEWS = np.array([1, 2, 3, 7])  # days between looks at the shelf
MEMORY = 0.06  # weight of the newest day in what the business believes it sells
WIND_DOWN = 30  # days before the end of a listing when ordering stops


@dataclass(frozen=True)
class Orders:
    """One row a delivery that came, opening deliveries of launched products included."""

    series: Whole
    ordered: Whole  # day; may lie before the first day
    received: Whole
    quantity: Whole


@dataclass(frozen=True)
class Ledger:
    """Series × day. Conservation: on_hand today = on_hand yesterday + received today - sold today."""

    sold: Whole
    lost: Whole
    on_hand: Whole  # at the day's end
    on_order: Whole
    available: Floats  # share of the day in stock
    orders: Orders


@dataclass(frozen=True)
class Habits:
    """How each series is ordered."""

    review: Whole
    offset: Whole
    pack: Whole
    cover: Floats  # days that an order is meant to last
    target: Floats  # planted mistakes: 1 is none
    safety: float
    minimum: Whole  # of the lead time
    extra: Floats
    dispersion: Floats

    @property
    def lead(self) -> Floats:
        return self.minimum + self.extra


def make_habits(business: Business, series: Series, rng: np.random.Generator) -> Habits:
    goods = business.assortment
    fresh = (goods.shelf_life[series.product] > 0) & (goods.shelf_life[series.product] <= 14)
    review = np.where(fresh, REVIEWS[rng.integers(0, 2, len(series))], REVIEWS[rng.integers(1, 4, len(series))])
    supplier = goods.supplier[series.product]
    return Habits(
        review=review,
        offset=rng.integers(0, 7, len(series)),
        pack=goods.pack[series.product],
        cover=np.where(fresh, 2.0, rng.uniform(5.0, 14.0, len(series))),
        target=business.ordering[series.store, series.product],
        safety=business.safety,
        minimum=np.array([s.minimum for s in business.suppliers])[supplier],
        extra=np.array([s.extra for s in business.suppliers])[supplier],
        dispersion=np.array([s.dispersion for s in business.suppliers])[supplier],
    )


def run(business: Business, series: Series, mean: Floats, demand: Whole, rng: np.random.Generator) -> Ledger:
    """Live through every day; `mean` only seeds what the business believes on its first day."""
    count, days = demand.shape
    habits = make_habits(business, series, rng)
    asked = np.ascontiguousarray(demand.T)
    opened, until = series.open(days).T, _until(business, series, days)
    belief = _first_belief(series, mean) * rng.lognormal(0.0, 0.2, count)
    opening = np.maximum(_levels(habits, belief)[1], 1).astype(np.int64)
    launched = series.first > 0
    hand, underway = np.where(launched, 0, opening), np.zeros(count, np.int64)
    arriving = np.zeros((days, count), np.int64)
    placed = [_launches(habits, series, opening, launched, rng)]
    arriving[series.first[launched], np.flatnonzero(launched)] = opening[launched]
    sold, on_hand, on_order = np.zeros_like(arriving), np.zeros_like(arriving), np.zeros_like(arriving)
    for day in range(days):
        arrived = arriving[day]
        stocked = hand + arrived
        gone = np.minimum(asked[day], stocked)
        hand = stocked - gone
        underway -= np.where(series.first == day, 0, arrived)  # an opening delivery was never underway
        belief = np.where(opened[day] & (stocked > 0), belief + MEMORY * (gone - belief), belief)
        due = opened[day] & (day < until) & ((day + habits.offset) % habits.review == 0)
        low, high = _levels(habits, belief)
        position = hand + underway
        who = np.flatnonzero(due & (position <= low))
        if len(who):
            packs = np.ceil((high[who] - position[who]) / habits.pack[who])
            quantity = np.maximum(packs, 1).astype(np.int64) * habits.pack[who]
            comes = day + _leads(habits, who, rng)
            underway[who] += quantity
            soon = comes < days
            np.add.at(arriving, (comes[soon], who[soon]), quantity[soon])
            placed.append(np.stack([who, np.full(len(who), day), comes, quantity]))
        sold[day], on_hand[day], on_order[day] = gone, hand, underway
    rows = np.concatenate(placed, axis=1)
    rows = rows[:, rows[2] < np.minimum(series.last[rows[0]], days)]
    rows = rows[:, np.lexsort((rows[2], rows[1], rows[0]))]
    lost = asked - sold
    return Ledger(
        sold=sold.T,
        lost=lost.T,
        on_hand=on_hand.T,
        on_order=on_order.T,
        available=_available(asked, sold, on_hand).T,
        orders=Orders(*rows),
    )


def _levels(habits: Habits, belief: Floats) -> tuple[Floats, Floats]:
    """Order at or below the first, up to the second."""
    exposed = belief * (habits.lead + habits.review)
    low = (exposed + habits.safety * np.sqrt(exposed + 1.0)) * habits.target
    return low, np.ceil(low + np.maximum(belief * habits.cover * habits.target, 1.0))


def _leads(habits: Habits, who: Whole, rng: np.random.Generator) -> Whole:
    shape = 1.0 / habits.dispersion[who]
    return habits.minimum[who] + rng.negative_binomial(shape, shape / (shape + habits.extra[who]))


def _launches(
    habits: Habits, series: Series, opening: Whole, launched: NDArray[np.bool_], rng: np.random.Generator
) -> Whole:
    """The delivery with which a new product comes into a store, as columns of (series, ordered, received, quantity)."""
    who = np.flatnonzero(launched)
    comes = series.first[who]
    return np.stack([who, comes - _leads(habits, who, rng), comes, opening[who]])


def _until(business: Business, series: Series, days: int) -> Whole:
    """The first day on which nothing is ordered any more."""
    winding_down = np.where(series.last < days, series.last - WIND_DOWN, days)
    return np.minimum(winding_down, business.assortment.dead_from[series.product])


def _first_belief(series: Series, mean: Floats) -> Floats:
    """About what sells in the first four weeks on sale."""
    day = np.arange(mean.shape[1])
    early = (day >= series.first[:, None]) & (day < series.first[:, None] + 28)
    return np.asarray((mean * early).sum(axis=1) / early.sum(axis=1))


def _available(asked: Whole, sold: Whole, on_hand: Whole) -> Floats:
    """1 in stock all day, 0 never; between them the share of customers served before the shelf was empty."""
    short = asked > sold
    share = np.clip(np.round(sold / np.maximum(asked, 1), 4), 0.0001, 0.9999)
    empty = (sold == 0) & (on_hand == 0)
    return np.where(empty, 0.0, np.where(short, share, 1.0))
