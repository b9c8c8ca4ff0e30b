"""Sales that empty shelves cost: for how long each series had nothing to sell, and what would have sold meanwhile."""

from __future__ import annotations

import polars as pl

from invplat.core.page.wording import number, percent
from invplat.evaluate.insights.assumptions import Assumptions
from invplat.evaluate.insights.facts import Facts
from invplat.evaluate.insights.insight import Insight, Money, unknown
from invplat.evaluate.insights.wording import lacks, money, priced, series, some, total

FEWEST = 0.02  # of the time on sale; shorter gaps are no news
SEEN = 28  # days in stock that tell a pace


def stockouts(facts: Facts, assumptions: Assumptions) -> Insight:
    name, title = "stockouts", "Sales lost to empty shelves"
    if gone := lacks(facts, "availability"):
        return unknown(name, title, gone)
    empty = pl.col("observed") - pl.col("open")
    living = facts.series.filter((pl.col("open") >= SEEN) & (pl.col("units") > 0))
    rows = (
        living.with_columns(days_empty=empty, empty_share=empty / pl.col("observed"))
        .filter(pl.col("empty_share") >= FEWEST)
        .with_columns(lost_a_year=pl.col("days_empty") * pl.col("rate") * facts.yearly)
        .with_columns(margin_a_year=pl.col("lost_a_year") * pl.col("earns"))
        .sort(["margin_a_year", "lost_a_year", "store", "sku"], descending=[True, True, False, False], nulls_last=True)
        .select("store", "sku", "name", "category", "days_empty", "empty_share", "lost_a_year", "margin_a_year")
    )
    amount = total(rows["margin_a_year"].to_list(), priced(facts))
    observed = float(living["observed"].sum())
    share = float(living.select(empty.sum()).item()) / observed if observed else 0.0
    sentence = f"Shelves were empty {percent(share)} of the time on sale."
    if len(rows):
        lost = float(rows["lost_a_year"].sum())
        what = f"{number(lost)} units a year"
        what += f" that would have earned {money(amount)}" if amount is not None else ""
        worst = [f"{row['sku']} in {row['store']}" for row in rows.head(2).to_dicts()]
        sentence = (
            f"Shelves were empty {percent(share)} of the time on sale; in {series(len(rows))} that lost about "
            f"{what}, most with {some(worst, 2)}."
        )
    return Insight(
        name,
        title,
        sentence,
        Money(amount, "margin (price less cost) of what would have sold at the pace in stock", "year"),
        rows,
        (
            f"empty for {percent(FEWEST)} of the last year's days on sale or more, in stock for {SEEN} days or more; "
            "a day that sold out counts as the part of it that was served, or half where that is not known",
        ),
        facts.assumed,
    )
