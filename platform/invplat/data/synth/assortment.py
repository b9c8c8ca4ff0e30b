"""What one business sells: its products, their lives, prices and campaigns.

Arrays over products (and days); knows nothing about stores, stock or how many units are sold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from invplat.data.synth.category import CATEGORIES, PATTERNS, PROMOTIONS
from invplat.data.synth.nation import AHEAD, Nation

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Campaign = tuple[int, int, int]  # first day, length, index into PROMOTIONS

BRANDS = ("Alder", "Birch", "Cedar", "Damson", "Elder", "Fern", "Gorse", "Hazel")
QUIET = 90  # days without a sale that make stock dead
ACTIVE = {"smooth": (1.0, 1.0), "erratic": (1.0, 1.0), "intermittent": (0.30, 0.60), "lumpy": (0.25, 0.55)}
DISPERSION = {"smooth": (0.01, 0.06), "erratic": (0.50, 0.85), "intermittent": (0.01, 0.06), "lumpy": (0.55, 0.90)}
PACKS = np.array([1, 6, 12, 24])


@dataclass(frozen=True)
class Assortment:
    sku: list[str]
    category: Whole  # index into CATEGORIES
    brand: Whole
    supplier: Whole
    pattern: Whole  # index into PATTERNS
    active: Floats  # share of days on which anybody wants it
    dispersion: Floats  # variance beyond Poisson, in squared means
    level: Floats  # units a day in a store of average size, before everything else
    growth: Floats  # log a year
    launch: Whole  # first day on sale; 0 when it was there before
    finish: Whole  # first day no longer listed
    dead_from: Whole  # first day on which nobody wants it any more; beyond the end for the living
    pack: Whole
    price: Floats  # at the first day
    unit_cost: Floats
    size: Floats
    shelf_life: Whole
    regular: Floats  # product × day
    discount: Floats  # product × day, share off
    promotion: Whole  # product × day: 0, or 1 + index into PROMOTIONS
    campaigns: tuple[Campaign, ...]  # some are still to come

    def __len__(self) -> int:
        return len(self.sku)

    @property
    def charged(self) -> Floats:
        """The price at the till, product × day."""
        return np.maximum(np.round(self.regular * (1.0 - self.discount), 2), 0.05)


def make_assortment(rng: np.random.Generator, nation: Nation, *, skus: int, scale: float, suppliers: int) -> Assortment:
    days = nation.days
    category = _mix(rng, skus)
    traits = [CATEGORIES[c] for c in category]
    pattern = np.array([rng.choice(len(PATTERNS), p=t.patterns) for t in traits])
    launch, finish, dead_from = _lives(rng, skus, days)
    rare = np.where(pattern >= PATTERNS.index("intermittent"), 0.35, 1.0)
    level = np.array([t.pace for t in traits]) ** 0.7 * rng.lognormal(0.0, 0.7, skus) * rare
    level *= scale / np.median(level)
    price = np.round(np.array([t.price for t in traits]) * rng.lognormal(0.0, 0.35, skus), 1) + 0.09
    campaigns, discount, promotion = _campaigns(rng, skus, days)
    numbers = dict.fromkeys(category.tolist(), 0)
    names = []
    for c in category.tolist():
        numbers[c] += 1
        names.append(f"{CATEGORIES[c].name[:3].upper()}-{numbers[c]:04d}")
    active = np.array([rng.uniform(*ACTIVE[PATTERNS[p]]) for p in pattern])
    return Assortment(
        sku=names,
        category=category,
        brand=rng.integers(0, len(BRANDS), skus),
        supplier=_supplied(rng, category, suppliers),
        pattern=pattern,
        active=active,
        dispersion=np.array([rng.uniform(*DISPERSION[PATTERNS[p]]) for p in pattern]),
        level=level,
        growth=rng.normal(0.0, 0.12, skus) + rng.normal(0.02, 0.06),
        launch=launch,
        finish=finish,
        dead_from=dead_from,
        pack=PACKS[np.searchsorted(PACKS[1:], level * 2.0)],
        price=price,
        unit_cost=np.round(price * rng.uniform(0.5, 0.78, skus), 2),
        size=np.array([t.size for t in traits]) * rng.choice([0.5, 1.0, 2.0], skus, p=[0.25, 0.5, 0.25]),
        shelf_life=np.array([t.shelf_life for t in traits]),
        regular=_regular(rng, nation, price),
        discount=discount,
        promotion=promotion,
        campaigns=campaigns,
    )


def _mix(rng: np.random.Generator, skus: int) -> Whole:
    """Each business trades in some of the categories, a few of them heavily; every one chosen gets a product."""
    chosen = rng.choice(len(CATEGORIES), size=min(int(rng.integers(5, 10)), skus), replace=False)
    weights = rng.dirichlet(np.full(len(chosen), 1.5))
    rest = rng.choice(chosen, size=skus - len(chosen), p=weights)
    return np.sort(np.concatenate([chosen, rest])).astype(np.int64)


def _lives(rng: np.random.Generator, skus: int, days: int) -> tuple[Whole, Whole, Whole]:
    """Launches, ends of listing and deaths; never two of them for one product."""
    launch, finish, dead_from = np.zeros(skus, np.int64), np.full(skus, days), np.full(skus, days)
    order = rng.permutation(skus)
    new, gone = round(skus * 0.10), round(skus * 0.06)
    dead = min(max(1, round(skus * 0.04)), skus // 8) if days >= 2 * QUIET + 60 else 0
    if days >= 120:
        launch[order[:new]] = rng.integers(days // 4, days - 45, new)
        finish[order[new : new + gone]] = rng.integers(days // 2, days - 20, gone)
    dying = order[new + gone : new + gone + dead]
    dead_from[dying] = days - QUIET - rng.integers(1, 60, dead)
    return launch, finish, dead_from


def _supplied(rng: np.random.Generator, category: Whole, suppliers: int) -> Whole:
    """A category mostly comes from one house, so that a supplier's habits show; every supplier has something."""
    home = rng.integers(0, suppliers, len(CATEGORIES))
    own = np.where(rng.random(len(category)) < 0.75, home[category], rng.integers(0, suppliers, len(category)))
    own[rng.permutation(len(category))[:suppliers]] = np.arange(suppliers)
    return own.astype(np.int64)


def _regular(rng: np.random.Generator, nation: Nation, price: Floats) -> Floats:
    """Prices that follow consumer prices, but only at the few moments when somebody rewrites the label."""
    relabelled = rng.random((len(price), nation.days)) < 1.5 / 365.25
    relabelled[:, 0] = True
    last = np.maximum.accumulate(np.where(relabelled, np.arange(nation.days), 0), axis=1)
    mood = np.where(relabelled, rng.normal(0.0, 0.05, relabelled.shape), 0.0)
    mood[:, 0] = 0.0
    drift = nation.consumer_prices[last] / nation.consumer_prices[0]
    labels = price[:, None] * drift * np.exp(np.take_along_axis(mood, last, axis=1))
    return np.asarray(np.maximum(np.round(labels, 2), 0.1))


def _campaigns(rng: np.random.Generator, skus: int, days: int) -> tuple[tuple[Campaign, ...], Floats, Whole]:
    """Campaigns every few weeks, planned to AHEAD days beyond the end; a later one takes a product over."""
    campaigns = []
    discount, promotion = np.zeros((skus, days)), np.zeros((skus, days), np.int64)
    day = int(rng.integers(0, 21))
    while day < days + AHEAD:
        kind = int(rng.choice(len(PROMOTIONS), p=[0.55, 0.3, 0.15]))
        length = int(rng.choice([7, 10, 14]))
        members = np.flatnonzero(rng.random(skus) < rng.uniform(0.15, 0.35))
        span = slice(day, min(day + length, days))
        if day < days:
            discount[members, span] = rng.choice(PROMOTIONS[kind].depths, len(members))[:, None]
            promotion[members, span] = kind + 1
        campaigns.append((day, length, kind))
        day += int(rng.integers(14, 30))
    return tuple(campaigns), discount, promotion
