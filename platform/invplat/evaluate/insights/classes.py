"""ABC-XYZ: which products bring the money, and which of them sell evenly enough to be planned."""

from __future__ import annotations

import numpy as np
import polars as pl

from invplat.core.page.wording import number, percent
from invplat.evaluate.insights.assumptions import Assumptions
from invplat.evaluate.insights.facts import Facts
from invplat.evaluate.insights.insight import Insight, Money, unknown
from invplat.evaluate.insights.wording import known_sum, lacks, money, priced, skus

A, B = 0.80, 0.95  # of the revenue: the first 80 %, the next 15 %, the rest
X, Y = 0.5, 1.0  # variation of a week's (month's) sales: even, wavering, erratic
YOUNG = 8  # buckets that a variation needs; younger products have none


def classes(facts: Facts, assumptions: Assumptions) -> Insight:
    name, title = "classes", "ABC-XYZ classes"
    valued = priced(facts)
    measure = "revenue" if valued else "units"
    products = graded(facts)
    if products.is_empty() or not products["units"].sum():
        return unknown(name, title, ("nothing was sold in the last year: classes need sales",), act=False)
    holding = pl.col("worth") * assumptions.holding_rate
    rows = products.with_columns(holds_a_year=holding).sort([measure, "sku"], descending=[True, False], nulls_last=True)
    table = rows.group_by("abc", maintain_order=True).agg(
        pl.len(), pl.col("share").sum(), pl.col("worth").sum(), pl.col("holds_a_year").sum()
    )
    of = {row["abc"]: row for row in table.to_dicts()}
    first, last = of["A"], of.get("C")
    best = rows.filter((pl.col("abc") == "A") & (pl.col("xyz") == "X"))
    sentence = f"{skus(first['len'])} of {number(len(rows))} bring {percent(first['share'])} of the {measure}" + (
        "." if rows["variation"].is_null().all() else f"; {number(len(best))} of them sell evenly (AX)."
    )
    amount = None
    if last is not None:
        sentence += f" The last {number(last['len'])} (C) bring {percent(last['share'])}"
        amount = float(last["holds_a_year"]) if valued and not lacks(facts, "stock") else None
        sentence += "." if amount is None else f" and hold stock worth {money(last['worth'])}."
    return Insight(
        name,
        title,
        sentence,
        Money(
            amount,
            f"a year of holding the stock of class C, at {percent(assumptions.holding_rate)} of its cost",
            "year",
        ),
        rows.select(
            "sku", "name", "category", "class", "units", "revenue", "share", "variation", "worth", "holds_a_year"
        ),
        (
            f"A: the first {percent(A)} of a year's {measure}, B: up to {percent(B)}, C: the rest",
            f"X: sales of a {facts.bucket} vary by less than {percent(X)} of their mean, Y: {percent(Y)}, Z: more; "
            f"–: fewer than {YOUNG} {facts.bucket}s of history",
        ),
        (*lacks(facts, "stock"), *facts.assumed),
        act=False,
    )


def graded(facts: Facts) -> pl.DataFrame:
    """One row a SKU: what it brought, its ABC and its XYZ class."""
    measure = "revenue" if priced(facts) else "units"
    products = facts.series.group_by("sku", maintain_order=True).agg(
        pl.col("name", "category").first(), *known_sum("units", "revenue", "worth")
    )
    products = products.sort([measure, "sku"], descending=[True, False], nulls_last=True)
    values = products[measure].fill_null(0.0).to_numpy()
    share = values / max(values.sum(), 1e-12)
    before = np.cumsum(share) - share  # the one that crosses a border still belongs above it
    abc = np.where(values <= 0, "C", np.where(before < A - 1e-9, "A", np.where(before < B - 1e-9, "B", "C")))
    return (
        products.with_columns(share=share, abc=abc)
        .join(_variation(facts), on="sku", how="left")
        .with_columns(
            xyz=pl.when(pl.col("variation").is_null())
            .then(pl.lit("–"))
            .when(pl.col("variation") < X)
            .then(pl.lit("X"))
            .when(pl.col("variation") < Y)
            .then(pl.lit("Y"))
            .otherwise(pl.lit("Z"))
        )
        .with_columns(pl.concat_str("abc", "xyz").alias("class"))
    )


def _variation(facts: Facts) -> pl.DataFrame:
    """Deviation of a bucket's sales by their mean, from a product's first bucket on."""
    begun = np.maximum.accumulate(facts.seen, axis=1)
    count = begun.sum(1)
    mean = (facts.buckets * begun).sum(1) / np.maximum(count, 1)
    square = (((facts.buckets - mean[:, None]) * begun) ** 2).sum(1) / np.maximum(count - 1, 1)
    told = (count >= YOUNG) & (mean > 0)
    variation = np.where(told, np.sqrt(square) / np.maximum(mean, 1e-12), np.nan)
    return pl.DataFrame({"sku": list(facts.skus), "variation": variation}).with_columns(
        pl.col("variation").fill_nan(None)
    )
