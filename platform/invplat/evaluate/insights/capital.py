"""Capital tied up in stock, where it lies, and how often a year it turns, by category and by store."""

from __future__ import annotations

import polars as pl

from invplat.core.page.wording import number, percent, plural
from invplat.evaluate.insights.assumptions import Assumptions
from invplat.evaluate.insights.facts import Facts
from invplat.evaluate.insights.insight import Insight, Money, unknown
from invplat.evaluate.insights.wording import known_sum, lacks, money, some
from invplat.inventory.formulas import days_of_supply, holding_cost, turnover

NAMELESS = "(no category)"


def capital(facts: Facts, assumptions: Assumptions) -> Insight:
    name, title = "capital", "Capital tied up in stock"
    if gone := lacks(facts, "stock", "money"):
        return unknown(name, title, gone, act=False)
    held = facts.stocked.with_columns(pl.col("category").fill_null(NAMELESS))
    rows = (
        held.group_by("store", "category", maintain_order=True)
        .agg(
            pl.len().alias("series"),
            *known_sum("on_hand", "worth"),
            (pl.col("sold_cost").sum() * facts.yearly).alias("sold_cost"),
        )
        .with_columns(share=pl.col("worth") / pl.col("worth").sum().clip(1e-12))
        .with_columns(sold_share=pl.col("sold_cost") / pl.col("sold_cost").sum().clip(1e-12))
        .sort(["worth", "store", "category"], descending=[True, False, False], nulls_last=True)
    )
    tied, sold = float(rows["worth"].sum()), float(rows["sold_cost"].sum())
    yearly = float(holding_cost(tied, 1.0, assumptions.holding_rate))
    days = float(days_of_supply(tied, sold / 365.25))
    stores = (
        rows.group_by("store", maintain_order=True)
        .agg(pl.col("worth").sum())
        .sort(["worth", "store"], descending=[True, False])
    )
    lasting = f"enough for {number(round(days))} days of sales" if sold > 0 else "and nothing of it sells"
    first = stores.row(0)
    sentence = (
        f"{money(tied)} lie in stock in {plural(len(stores), 'store')}, {lasting}; the most in store "
        f"{some([first[0]])}: {money(first[1])}. Holding it costs {money(yearly)} a year."
    )
    return Insight(
        name,
        title,
        sentence,
        Money(yearly, f"a year of holding it, at {percent(assumptions.holding_rate)} of its cost", "year"),
        rows,
        (f"units at cost, as last counted: {_counted(facts)}",),
        (*lacks(facts, "products.category"), *facts.assumed),
        act=False,
    )


def turns(facts: Facts, assumptions: Assumptions) -> Insight:
    name, title = "turnover", "Turnover by category and store"
    if gone := lacks(facts, "stock", "money"):
        return unknown(name, title, gone, act=False)
    held = facts.stocked.with_columns(pl.col("category").fill_null(NAMELESS)).filter(pl.col("mean_worth").is_not_null())
    parts = [_turned(held, by, facts.yearly) for by in ("category", "store")]
    # What a slow group would set free at half the pace that its peers, in the middle, turn at.
    parts = [
        part.with_columns(middle=pl.col("turns").median()).with_columns(
            too_much=(pl.col("mean_worth") - pl.col("sold_cost") / (pl.col("middle") / 2).clip(1e-12)).clip(0)
        )
        for part in parts
    ]
    rows = pl.concat(parts).with_columns(costs=pl.col("too_much") * assumptions.holding_rate).drop("middle")
    rows = rows.sort(["by", "turns", "name"])
    worst = rows.filter(pl.col("by") == "category")["costs"].sum()
    sold, mean = float(held["sold_cost"].sum()) * facts.yearly, float(held["mean_worth"].sum())
    overall = float(turnover(sold, mean)) if mean > 0 else 0.0
    groups = parts[0].sort(["turns", "name"])
    sentence = f"Stock turns {number(round(overall, 1))} times a year over all."
    if len(groups) > 1:
        slowest, fastest = groups.row(0, named=True), groups.row(-1, named=True)
        sentence = (
            f"{sentence[:-1]}: {some([fastest['name']])} {_times(fastest['turns'])}, "
            f"{some([slowest['name']])} only {_times(slowest['turns'])}."
        )
    return Insight(
        name,
        title,
        sentence,
        Money(
            float(worst),
            "a year of holding what categories slower than half the middle one hold beyond that pace, "
            f"at {percent(assumptions.holding_rate)} of its cost",
            "year",
        ),
        rows,
        ("cost of a year's sales by the mean worth of the counts of that year",),
        (*lacks(facts, "products.category"), *facts.assumed),
        act=False,
    )


def _turned(held: pl.DataFrame, by: str, yearly: float) -> pl.DataFrame:
    grouped = held.group_by(pl.col(by).alias("name"), maintain_order=True).agg(
        (pl.col("sold_cost").sum() * yearly).alias("sold_cost"), pl.col("mean_worth").sum()
    )
    grouped = grouped.filter(pl.col("mean_worth") > 0)
    times = pl.Series("turns", turnover(grouped["sold_cost"].to_numpy(), grouped["mean_worth"].to_numpy()))
    return grouped.select(pl.lit(by).alias("by"), "name", "sold_cost", "mean_worth").with_columns(
        times, days=pl.when(times > 0).then(365.25 / times)
    )


def _counted(facts: Facts) -> str:
    days = float(facts.stocked["counted"].to_numpy().mean())
    return f"on {facts.as_of}" if days < 0.5 else f"{number(round(days))} days before {facts.as_of} on average"


def _times(turns: float) -> str:
    return f"{number(round(turns, 1))} times"
