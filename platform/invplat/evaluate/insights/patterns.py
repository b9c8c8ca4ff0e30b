"""How regularly each series sells: smooth, erratic, intermittent or lumpy, by the borders that `data describe` uses."""

from __future__ import annotations

import polars as pl

from invplat.core.page.wording import number, percent
from invplat.data.describe.sales import ADI_BORDER, CV2_BORDER, FEWEST
from invplat.evaluate.insights.assumptions import Assumptions
from invplat.evaluate.insights.facts import Facts
from invplat.evaluate.insights.insight import Insight, Money, unknown
from invplat.evaluate.insights.wording import lacks, money, priced, series

QUADRANTS = ("smooth", "erratic", "intermittent", "lumpy")
FEW = "few sales"


def quadrant() -> pl.Expr:
    seldom, wild = pl.col("interval") >= ADI_BORDER, pl.col("spread") >= CV2_BORDER
    return (
        pl.when(pl.col("selling") < FEWEST)
        .then(pl.lit(FEW))
        .when(~seldom & ~wild)
        .then(pl.lit("smooth"))
        .when(~seldom)
        .then(pl.lit("erratic"))
        .when(~wild)
        .then(pl.lit("intermittent"))
        .otherwise(pl.lit("lumpy"))
    )


def patterns(facts: Facts, assumptions: Assumptions) -> Insight:
    name, title = "patterns", "Demand patterns"
    sold = facts.series.filter(pl.col("observed") > 0).with_columns(pattern=quadrant())
    if not sold["units"].sum():
        return unknown(name, title, ("nothing was sold in the last year: patterns need sales",), act=False)
    rows = sold.with_columns(holds_a_year=pl.col("worth") * assumptions.holding_rate).sort(
        ["revenue", "units", "store", "sku"], descending=[True, True, False, False], nulls_last=True
    )
    counts = dict(rows.group_by("pattern", maintain_order=True).agg(pl.len()).iter_rows())
    lumpy = rows.filter(pl.col("pattern") == "lumpy")
    known = priced(facts) and not lacks(facts, "stock")
    said = ", ".join(f"{number(counts[one])} {one}" for one in (*QUADRANTS, FEW) if one in counts)
    sentence = f"{series(len(rows))}: {said}."
    if len(lumpy) and known:
        sentence += (
            f" The lumpy ones sell seldom and unevenly, and hold stock worth {money(float(lumpy['worth'].sum()))}."
        )
    return Insight(
        name,
        title,
        sentence,
        Money(
            float(lumpy["holds_a_year"].sum()) if known else None,
            f"a year of holding the stock of lumpy series, at {percent(assumptions.holding_rate)} of its cost",
            "year",
        ),
        rows.select("store", "sku", "pattern", "interval", "spread", "units", "revenue", "worth", "holds_a_year"),
        (
            f"seldom: {ADI_BORDER} periods or more from sale to sale while in stock; "
            f"uneven: squared variation of their sizes {CV2_BORDER} or more; {FEW}: fewer than {FEWEST}",
        ),
        (*lacks(facts, "stock"), *facts.assumed),
        act=False,
    )
