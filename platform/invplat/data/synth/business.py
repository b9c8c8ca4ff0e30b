"""One tenant of a synthetic world: its stores, suppliers, assortment, habits, and what is wrong with it on purpose.

Drawn from a seed and a number of its own, so it is the same business however many others there are.
Knows nothing about what a day brings (demand), what is on the shelf (stockroom) or files.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from invplat.data.synth.assortment import QUIET, Assortment, make_assortment
from invplat.data.synth.category import CATEGORIES, PATTERNS
from invplat.data.synth.nation import CITIES, REGIONS, Nation

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

SMALLEST, LARGEST = 0.3, 60.0  # median units a day of a series, from the smallest business to the largest
GOLDEN = 0.6180339887498949  # neighbouring tenants land far apart on the scale
TYPES = ("city", "suburb", "station")
OVERSTOCKED, STARVED, HOARDED = 5.0, 0.3, 6.0  # what planted mistakes do to an order-up-to level


@dataclass(frozen=True)
class Supplier:
    """Lead time = minimum + a negative binomial number of days, so its mean and spread are known exactly."""

    name: str
    minimum: int
    extra: float  # mean of the random days
    dispersion: float
    reliable: bool

    @property
    def mean(self) -> float:
        return self.minimum + self.extra

    @property
    def deviation(self) -> float:
        return float(np.sqrt(self.extra + self.dispersion * self.extra**2))

    def truth(self) -> dict[str, Any]:
        known = {"supplier": self.name, "minimum": self.minimum, "extra": self.extra, "dispersion": self.dispersion}
        return {**known, "mean": self.mean, "deviation": self.deviation, "reliable": self.reliable}


@dataclass(frozen=True)
class Stores:
    name: list[str]
    region: Whole  # index into REGIONS
    city: list[str]
    type: Whole  # index into TYPES
    size: Whole
    factor: Floats  # how much it sells next to an average store of the business
    warmer: Floats  # °C above its region
    closes: Whole  # first day on which it no longer exists

    def __len__(self) -> int:
        return len(self.name)


@dataclass(frozen=True)
class Deviations:
    """How the business differs from the laws of the nation; small, so that the laws remain worth learning."""

    week: Floats  # category × weekday, log
    amplitude: Floats  # category
    shift: Floats  # category, days
    elasticity: Floats  # category, a factor
    promotion: Floats  # category, a factor
    occasions: Floats  # category, a factor


@dataclass(frozen=True)
class Business:
    name: str
    scale: float
    assortment: Assortment
    stores: Stores
    suppliers: tuple[Supplier, ...]
    deviations: Deviations
    carried: NDArray[np.bool_]  # store × product
    ordering: Floats  # store × product: 1, or what a planted mistake makes of the order-up-to level
    safety: float  # how carefully it orders
    insights: tuple[dict[str, Any], ...]

    def traits(self) -> dict[str, Any]:
        mix = np.bincount(self.assortment.category, minlength=len(CATEGORIES))
        patterns = np.bincount(self.assortment.pattern, minlength=len(PATTERNS))
        return {
            "scale": round(self.scale, 3),
            "safety": round(self.safety, 3),
            "categories": {c.name: int(n) for c, n in zip(CATEGORIES, mix, strict=True) if n},
            "patterns": {p: int(n) for p, n in zip(PATTERNS, patterns, strict=True)},
            "gaps": "zero",  # a till writes no line for what nobody bought
            "insights": list(self.insights),
        }


def make_business(nation: Nation, *, number: int, stores: int, skus: int, seed: int) -> Business:
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1, number)))
    offset = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,))).random()
    scale = SMALLEST * (LARGEST / SMALLEST) ** ((offset + number * GOLDEN) % 1.0)
    suppliers = _suppliers(rng, min(int(rng.integers(3, 7)), skus))
    assortment = make_assortment(rng, nation, skus=skus, scale=scale, suppliers=len(suppliers))
    places = _stores(rng, stores, nation.days)
    carried = _carried(rng, assortment, places)
    ordering, insights = _mistakes(rng, nation, assortment, places, carried, suppliers)
    return Business(
        name=f"tenant-{number:04d}",
        scale=scale,
        assortment=assortment,
        stores=places,
        suppliers=suppliers,
        deviations=_deviations(rng),
        carried=carried,
        ordering=ordering,
        safety=float(rng.uniform(0.5, 1.8)),
        insights=insights,
    )


def _suppliers(rng: np.random.Generator, count: int) -> tuple[Supplier, ...]:
    late = int(rng.integers(0, count))
    return tuple(
        Supplier(
            name=f"SUP-{i + 1:02d}",
            minimum=int(rng.integers(1, 6)),
            extra=float(np.round(rng.uniform(7, 11) if i == late else rng.uniform(0.5, 3), 2)),
            dispersion=float(np.round(rng.uniform(0.7, 1.0) if i == late else rng.uniform(0.02, 0.2), 3)),
            reliable=i != late,
        )
        for i in range(count)
    )


def _stores(rng: np.random.Generator, count: int, days: int) -> Stores:
    home = int(rng.integers(0, len(REGIONS)))
    region = np.where(rng.random(count) < 0.5, home, rng.integers(0, len(REGIONS), count))
    kind = rng.choice(len(TYPES), size=count, p=[0.4, 0.45, 0.15])
    factor = rng.lognormal(0.0, 0.35, count) * np.array([1.0, 1.15, 0.7])[kind]
    closes = np.full(count, days)
    if count >= 4 and days >= 360 and rng.random() < 0.5:
        closes[rng.integers(0, count)] = rng.integers(days * 2 // 3, days - 30)
    return Stores(
        name=[f"S{i + 1:03d}" for i in range(count)],
        region=region.astype(np.int64),
        city=[CITIES[REGIONS[r]][int(rng.integers(0, 3))] for r in region],
        type=kind,
        size=np.round(factor * rng.uniform(250, 450, count)).astype(np.int64),
        factor=factor / np.median(factor),
        warmer=np.round(rng.normal(0.0, 1.0, count), 1),
        closes=closes.astype(np.int64),
    )


def _carried(rng: np.random.Generator, assortment: Assortment, stores: Stores) -> NDArray[np.bool_]:
    """Larger stores carry more; every product is somewhere and every store has something."""
    share = np.clip(0.85 + 0.15 * np.log(stores.factor), 0.6, 1.0)
    carried = np.asarray(rng.random((len(stores), len(assortment))) < share[:, None])
    carried[rng.integers(0, len(stores), len(assortment)), np.arange(len(assortment))] = True
    carried[np.arange(len(stores)), rng.integers(0, len(assortment), len(stores))] = True
    return carried


def _deviations(rng: np.random.Generator) -> Deviations:
    count = len(CATEGORIES)
    return Deviations(
        week=rng.normal(0.0, 0.05, (count, 7)),
        amplitude=rng.lognormal(0.0, 0.15, count),
        shift=rng.normal(0.0, 6.0, count),
        elasticity=rng.lognormal(0.0, 0.12, count),
        promotion=rng.lognormal(0.0, 0.12, count),
        occasions=rng.lognormal(0.0, 0.15, count),
    )


def _mistakes(
    rng: np.random.Generator,
    nation: Nation,
    assortment: Assortment,
    stores: Stores,
    carried: NDArray[np.bool_],
    suppliers: tuple[Supplier, ...],
) -> tuple[Floats, tuple[dict[str, Any], ...]]:
    """Planted insights: what a good analyst should find in the files, and how much ordering goes wrong for it."""
    ordering = np.ones(carried.shape)
    insights: list[dict[str, Any]] = [
        {"kind": "unreliable_supplier", "supplier": s.name, "mean": s.mean, "deviation": s.deviation}
        for s in suppliers
        if not s.reliable
    ]
    lasting = stores.closes == nation.days
    for k in np.flatnonzero(assortment.dead_from < nation.days):
        ordering[:, k] = HOARDED
        since = str(nation.start + timedelta(days=int(assortment.dead_from[k])))
        where = [stores.name[s] for s in np.flatnonzero(carried[:, k] & lasting)]
        if where:
            insights.append({"kind": "dead_stock", "sku": assortment.sku[k], "stores": where, "since": since})
    if nation.days < 2 * QUIET or np.count_nonzero(lasting) < 2:
        return ordering, tuple(insights)
    full, empty = sorted(rng.choice(np.flatnonzero(lasting), 2, replace=False).tolist())
    settled = (assortment.launch == 0) & (assortment.finish == nation.days) & (assortment.dead_from == nation.days)
    shared = settled & carried[full] & carried[empty] & (assortment.pattern == 0)
    # the best sellers, because a shelf that is empty half the time only shows where somebody asks every day
    best = np.argsort(-np.where(shared, assortment.level, -1.0), kind="stable")[: max(1, len(assortment) // 15)]
    for k in best[shared[best]]:
        ordering[full, k], ordering[empty, k] = OVERSTOCKED, STARVED
        pair = {"too_much": stores.name[full], "too_little": stores.name[empty]}
        insights.append({"kind": "imbalance", "sku": assortment.sku[k], **pair})
    return ordering, tuple(insights)
