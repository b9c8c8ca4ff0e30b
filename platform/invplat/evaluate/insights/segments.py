"""Products that sell alike: k-means groups, as many as fit best, and those that DBSCAN finds unlike any others.

Features are free of scale save the level itself, so groups mean how a product sells and not what it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from invplat.core.page.wording import number, percent, plural
from invplat.evaluate.insights.assumptions import Assumptions
from invplat.evaluate.insights.cells import Numbers
from invplat.evaluate.insights.facts import Facts
from invplat.evaluate.insights.insight import Insight, Money, unknown
from invplat.evaluate.insights.wording import known_sum, lacks, priced, skus, some

FEWEST = 12  # products, below which groups say nothing
MOST = 8  # groups
JUDGED = 2_000  # products that the silhouette is taken on
NEIGHBOURS = 5  # of a dense point
STRANGE = 0.95  # share of products whose neighbours are near; the rest may be strange
FEATURES = ("pace", "regularity", "unevenness", "trend", "promoted")
WORDS = {  # of a centre that lies far below or far above the middle
    "pace": ("slow", "fast"),
    "regularity": ("seldom", "steady"),
    "unevenness": ("even", "uneven"),
    "trend": ("falling", "growing"),
    "promoted": ("little promoted", "promoted"),
}


def segments(facts: Facts, assumptions: Assumptions) -> Insight:
    name, title = "segments", "Groups of products that sell alike"
    products = _products(facts)
    if len(products) < FEWEST:
        need = f"{skus(len(products))} sold often enough: groups need {FEWEST} or more"
        return unknown(name, title, (need,), act=False)
    points, spread = _scaled(products)
    group, fit = _kmeans(points)
    strange = _strange(points)
    labels = _named(points, group, spread)
    products = products.with_columns(
        segment=pl.Series([labels[one] for one in group.tolist()]), unlike_others=pl.Series(strange)
    ).with_columns(holds_a_year=pl.col("worth") * assumptions.holding_rate)
    known = priced(facts) and not lacks(facts, "stock")
    measure = "revenue" if priced(facts) else "units"
    brought = float(products[measure].sum())
    sizes = (
        products.group_by("segment", maintain_order=True)
        .agg(pl.len(), pl.col(measure).sum())
        .sort([measure, "segment"], descending=True, nulls_last=True)
    )
    parts = [f"{number(row[1])} {row[0]} ({percent(_share(row[2], brought))})" for row in sizes.iter_rows()]
    odd = products.filter("unlike_others").sort([measure, "sku"], descending=[True, False], nulls_last=True)
    sentence = f"{skus(len(products))} sell in {plural(len(sizes), 'way')} (share of {measure}): {'; '.join(parts)}."
    if len(odd):
        sentence += f" {number(len(odd))} unlike any others: {some(odd['sku'].to_list())}."
    rows = products.sort([measure, "sku"], descending=[True, False], nulls_last=True).select(
        "sku", "name", "category", "segment", "unlike_others", "units", "revenue", *FEATURES, "worth", "holds_a_year"
    )
    return Insight(
        name,
        title,
        sentence,
        Money(
            float(odd["holds_a_year"].sum()) if known else None,
            f"a year of holding the stock of those unlike others, at {percent(assumptions.holding_rate)} of its cost",
            "year",
        ),
        rows,
        (
            f"by {', '.join(FEATURES)} over a year; k-means into as many groups of 2 to {MOST} as part best "
            f"(silhouette {fit:.2f}); unlike others: noise of DBSCAN with {NEIGHBOURS} neighbours",
        ),
        (*lacks(facts, "stock"), *facts.assumed),
        act=False,
    )


def _products(facts: Facts) -> pl.DataFrame:
    """Those with eight buckets of history and three with sales; features over all stores together."""
    begun = np.maximum.accumulate(facts.seen, axis=1)
    count, selling = begun.sum(1), (facts.buckets > 0).sum(1)
    mean = facts.buckets.sum(1) / np.maximum(count, 1)
    square = (((facts.buckets - mean[:, None]) * begun) ** 2).sum(1) / np.maximum(count - 1, 1)
    steps = np.arange(facts.buckets.shape[1]) * begun
    middle = steps.sum(1) / np.maximum(count, 1)
    away = (np.arange(facts.buckets.shape[1]) - middle[:, None]) * begun
    slope = (away * facts.buckets).sum(1) / np.maximum((away**2).sum(1), 1e-12)
    known = pl.DataFrame(
        {
            "sku": list(facts.skus),
            "pace": mean,
            "unevenness": np.sqrt(square) / np.maximum(mean, 1e-12),
            "trend": np.clip(slope * count / np.maximum(mean, 1e-12), -2, 2),  # change over its life, in means
            "enough": (count >= 8) & (selling >= 3) & (mean > 0),
        }
    )
    sums = facts.series.group_by("sku", maintain_order=True).agg(
        pl.col("name", "category").first(),
        *known_sum("units", "revenue", "worth"),
        regularity=pl.col("selling").sum() / (pl.col("selling") * pl.col("interval")).sum().clip(1e-12),
        promoted=(pl.col("promoted") * pl.col("units")).sum() / pl.col("units").sum().clip(1e-12),
    )
    return known.filter("enough").drop("enough").join(sums, on="sku").sort("sku")


def _scaled(products: pl.DataFrame) -> tuple[Numbers, Numbers]:
    """Features on one scale: logs where they span sizes, then less the middle, by the spread; constants stay 0."""
    raw = products.select(FEATURES).to_numpy().astype(np.float64)
    raw[:, 0] = np.log(np.maximum(raw[:, 0], 1e-9))
    raw[:, 2] = np.log(np.maximum(raw[:, 2], 1e-3))
    spread = raw.std(0)
    centred = raw - raw.mean(0)
    return np.clip(np.where(spread > 1e-9, centred / np.maximum(spread, 1e-9), 0.0), -4, 4), spread


def _kmeans(points: Numbers) -> tuple[np.ndarray[Any, np.dtype[np.int64]], float]:
    """As many groups as the silhouette likes best; every draw from one seed."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(0)
    judged = rng.permutation(len(points))[:JUDGED]
    different = len(np.unique(points[judged].round(9), axis=0))
    best, group = -1.0, np.zeros(len(points), np.int64)
    for count in range(2, min(MOST, different - 1) + 1):
        with threadpool_limits(1):  # so few points are a hundred times slower with threads that wait for each other
            labels = KMeans(count, n_init=4, random_state=0).fit_predict(points)
        if len(np.unique(labels[judged])) < 2:
            continue
        fit = float(silhouette_score(points[judged], labels[judged]))
        if fit > best:
            best, group = fit, labels.astype(np.int64)
    return group, max(best, 0.0)


def _strange(points: Numbers) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Noise of DBSCAN, its reach set where all but one in twenty have their neighbours, and half as much again."""
    from sklearn.cluster import DBSCAN
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(points))).fit(points)
    reach = float(np.quantile(nearest.kneighbors(points)[0][:, -1], STRANGE)) * 1.5
    if reach <= 0:
        return np.zeros(len(points), np.bool_)
    return np.asarray(DBSCAN(eps=reach, min_samples=NEIGHBOURS).fit_predict(points) < 0)


def _named(points: Numbers, group: np.ndarray[Any, np.dtype[np.int64]], spread: Numbers) -> dict[int, str]:
    """Words for what sets each group apart most; the same words twice get a number."""
    names: dict[int, str] = {}
    for one in np.unique(group).tolist():
        centre = np.where(spread > 1e-9, points[group == one].mean(0), 0.0)
        order = np.argsort(-np.abs(centre), kind="stable")[:2]
        words = [WORDS[FEATURES[place]][int(centre[place] > 0)] for place in order if abs(centre[place]) > 0.3]
        name = ", ".join(words) or "ordinary"
        same = sum(other == name or other.startswith(f"{name} (") for other in names.values())
        names[one] = f"{name} ({same + 1})" if same else name
    return names


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0
