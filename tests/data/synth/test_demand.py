from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
import pytest

from invplat.data.synth.business import Deviations, make_business
from invplat.data.synth.category import CATEGORIES, PATTERNS
from invplat.data.synth.demand import draw, expected, make_series
from invplat.data.synth.nation import make_nation


def profile(world: Any, tenant: str, by: pl.Expr) -> pl.DataFrame:
    """Demand by category and a part of the calendar, next to the category's own mean."""
    products = world.table(tenant, "products").select("sku", "category")
    demand = world.demand(tenant).join(products, on="sku").with_columns(by.alias("part"))
    means = demand.group_by("category", "part").agg(pl.col("demand").mean(), pl.len())
    return means.with_columns((pl.col("demand") / pl.col("demand").mean().over("category")).alias("share"))


def likeness(world: Any, by: pl.Expr) -> tuple[float, float]:
    """Mean correlation of profiles across tenants: of the same category, and of different ones."""
    profiles: dict[str, dict[str, np.ndarray[Any, Any]]] = {}
    for tenant in world.tenants:
        parts = profile(world, tenant, by).sort("part")
        profiles[tenant] = {
            str(category): group["share"].to_numpy()
            for (category,), group in parts.group_by("category")
            if group["demand"].mean() > 1
        }
    same, other = [], []
    for one, two in combinations(world.tenants, 2):
        for a in profiles[one]:
            for b in profiles[two]:
                (same if a == b else other).append(np.corrcoef(profiles[one][a], profiles[two][b])[0, 1])
    assert len(same) >= 8
    return float(np.mean(same)), float(np.mean(other))


def test_the_week_of_a_category_is_shared_by_businesses(clean: Any) -> None:
    same, other = likeness(clean, pl.col("date").dt.weekday())
    assert same > 0.8
    assert same > other + 0.1


def test_the_year_of_a_category_is_shared_by_businesses(clean: Any) -> None:
    same, other = likeness(clean, pl.col("date").dt.month())
    assert same > other + 0.2


def test_all_four_quadrants_of_demand_are_there(clean: Any) -> None:
    sizes = pl.col("demand").filter(pl.col("demand") > 0)
    found: set[tuple[bool, bool]] = set()
    for tenant in clean.tenants:
        series = (
            clean.demand(tenant)
            .group_by("store", "sku")
            .agg(
                (pl.len() / (pl.col("demand") > 0).sum()).alias("interval"),
                (sizes.std() / sizes.mean()).pow(2).alias("spread"),
            )
        )
        quadrants = series.select((pl.col("interval") >= 1.32).alias("rare"), (pl.col("spread") >= 0.49).alias("wild"))
        counts = quadrants.group_by("rare", "wild").len().filter(pl.col("len") >= 3)
        found |= set(counts.select("rare", "wild").rows())
    assert len(found) == 4


def test_nobody_sells_so_much_in_a_day_that_it_looks_like_a_typing_error(clean: Any) -> None:
    sold = pl.col("quantity").filter(pl.col("quantity") > 0)
    for tenant in clean.tenants:
        series = clean.table(tenant, "sales").group_by("store", "sku").agg(sold.max().alias("most"), sold.median())
        assert series.select((pl.col("most") / pl.col("quantity")).max()).item() < 100


@pytest.mark.parametrize("number", [1, 2, 4, 6])
def test_who_knows_the_shared_laws_forecasts_better_than_who_knows_28_days(number: int) -> None:
    """Level from 28 days for both; the course of the next 28 from the business's own weeks, or from the laws alone."""
    nation = make_nation(np.random.default_rng(0), days=700, end=date(2025, 12, 31))
    business = make_business(nation, number=number, stores=3, skus=40, seed=11)
    series = make_series(business, range(3))
    demand = draw(
        business, series, expected(business, nation, series, np.random.default_rng(1)), np.random.default_rng(2)
    )
    own, plain = business.deviations, {}
    for name in ("week", "shift", "amplitude", "elasticity", "promotion", "occasions"):
        plain[name] = np.full_like(getattr(own, name), 0.0 if name in ("week", "shift") else 1.0)
    # another seed: neither this business's ways, nor its footfall, nor the jumps of its series are known
    lawful = replace(business, deviations=Deviations(**plain))
    laws = expected(lawful, nation, series, np.random.default_rng(3))
    category = business.assortment.category[series.product]
    alone = taught = 0.0
    for cutoff in range(400, 672, 17):
        past, future = slice(cutoff - 28, cutoff), slice(cutoff, cutoff + 28)
        there = (series.first <= past.start) & (laws[:, future].min(axis=1) > 0)
        level = demand[there, past].mean(axis=1, keepdims=True)
        weeks = np.ones((len(level), 7))
        for c in np.unique(category[there]):
            seen = demand[there & (category == c), past].reshape(-1, 4, 7).sum(axis=(0, 1))
            weeks[category[there] == c] = seen / seen.mean() if seen.any() else 1.0
        ratio = laws[there, future] / laws[there, past].mean(axis=1, keepdims=True)
        alone += np.abs(demand[there, future] - level * np.tile(weeks, 4)).sum()
        taught += np.abs(demand[there, future] - level * ratio).sum()
    assert taught < 0.9 * alone


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda c: c.name)
def test_a_category_is_well_formed(category: Any) -> None:
    assert len(category.week) == 7
    assert sum(category.patterns) == pytest.approx(1.0)
    assert len(category.patterns) == len(PATTERNS)
    assert category.elasticity < 0


def test_the_draw_is_true_to_its_mean() -> None:
    nation = make_nation(np.random.default_rng(0), days=400, end=date(2025, 12, 31))
    business = make_business(nation, number=0, stores=3, skus=60, seed=2)
    series = make_series(business, range(3))
    rng = np.random.default_rng(1)
    mean = expected(business, nation, series, rng)
    demand = draw(business, series, mean, rng)
    assert demand.min() == 0
    assert not demand[mean == 0].any()
    assert demand.sum() == pytest.approx(mean.sum(), rel=0.03)


def test_price_cuts_and_holidays_move_the_mean() -> None:
    nation = make_nation(np.random.default_rng(0), days=400, end=date(2025, 12, 31))
    business = make_business(nation, number=0, stores=2, skus=60, seed=2)
    series = make_series(business, range(2))
    mean = expected(business, nation, series, np.random.default_rng(1))
    promoted = business.assortment.promotion[series.product] > 0
    relative = np.divide(mean, mean.mean(axis=1, keepdims=True))
    assert relative[promoted].mean() > 1.3 * relative[~promoted].mean()
    shut = nation.closing[business.stores.region[series.store]] > 0
    assert relative[shut].mean() < 0.5 * relative[~shut].mean()
