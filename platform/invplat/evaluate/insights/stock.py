"""What lies on the shelves too long: goods that nobody buys any more, and goods that last for too many weeks."""

from __future__ import annotations

import polars as pl

from invplat.core.page.wording import number, percent, plural
from invplat.evaluate.insights.assumptions import Assumptions
from invplat.evaluate.insights.facts import Facts
from invplat.evaluate.insights.insight import Insight, Money, unknown
from invplat.evaluate.insights.wording import lacks, money, priced, series, skus, some, total, worth

BY_CHANCE = 0.001  # a silence at least this likely at the pace before it is no sign of death: shops have many series


def _dead(facts: Facts, assumptions: Assumptions) -> pl.DataFrame:
    """In stock, long enough on sale, in stock and unsold for the days asked, and not likely so by chance or season."""
    own = pl.col("sold_before") * pl.col("silent")  # sales that the silence would have brought
    together = pl.col("sold_before").sum().over("sku") * pl.col("silent").min().over("sku")
    by_chance = (-pl.max_horizontal(own, together)).exp() >= BY_CHANCE
    # What no till ever saw is as silent as it has been lying there.
    silent = pl.when(pl.col("observed") > 0).then("silent").otherwise("held") >= assumptions.dead_days
    old = pl.col("age") >= assumptions.dead_days
    died = old & silent & (pl.col("last_sold").is_null() | ~by_chance) & ~pl.col("comes_back")
    return facts.stocked.filter((pl.col("on_hand") > 0) & died)


def dead(facts: Facts, assumptions: Assumptions) -> Insight:
    name, title = "dead", "Dead stock"
    if gone := lacks(facts, "stock") or _young(facts, assumptions):
        return unknown(name, title, gone)
    found = _dead(facts, assumptions).sort(
        ["worth", "on_hand", "store", "sku"], descending=[True, True, False, False], nulls_last=True
    )
    rows = found.select(
        "store", "sku", "name", "category", "on_hand", "worth", days_unsold=pl.coalesce("last_sold", "age")
    )
    amount = total(found["worth"].to_list(), priced(facts))
    days = assumptions.dead_days
    sentence = f"Nothing on the shelves has lain unsold for {days} days or more."
    if len(found):
        by_store = (
            found.group_by("store", maintain_order=True)
            .agg(pl.col("worth", "on_hand").sum())
            .sort(["worth", "on_hand", "store"], descending=[True, True, False])
        )
        cost = "" if amount is None else f" They cost {money(amount)}."
        sentence = (
            f"{number(float(found['on_hand'].sum()))} units of {skus(found['sku'].n_unique())} lie in "
            f"{plural(found['store'].n_unique(), 'store')} and nobody has bought one for {days} days or more, "
            f"most in {some(by_store['store'].to_list())}.{cost}"
        )
    return Insight(
        name,
        title,
        sentence,
        Money(amount, "what the goods cost: written off unless somebody still buys them"),
        rows,
        (
            f"in stock and unsold for {days} days or more, and on sale at least as long",
            f"left out: silences that chance may bring ({percent(BY_CHANCE)} or more, at the pace before and in all "
            "stores together), and goods that were silent at this time last year and then sold",
        ),
        facts.assumed,
    )


def slow(facts: Facts, assumptions: Assumptions) -> Insight:
    name, title = "slow", "Slow stock"
    if gone := lacks(facts, "stock") or _young(facts, assumptions):
        return unknown(name, title, gone)
    limit = 7 * assumptions.slow_weeks
    living = facts.stocked.join(_dead(facts, assumptions).select("store", "sku"), on=["store", "sku"], how="anti")
    lasts = pl.min_horizontal(pl.lit(limit), pl.col("shelf_life"))
    found = (
        living.filter((pl.col("on_hand") > 0) & (pl.col("age") >= assumptions.dead_days) & (pl.col("units") > 0))
        .with_columns(rate=pl.max_horizontal("rate", _recent()))
        .with_columns(cover=pl.col("on_hand") / pl.col("rate"), lasts=lasts)
        .with_columns(excess=(pl.col("on_hand") - pl.col("rate") * pl.col("lasts")).floor())
        .filter((pl.col("cover") > pl.col("lasts")) & (pl.col("excess") >= 1))
        .with_columns(
            excess_worth=pl.col("excess") * pl.col("unit_cost"),
            reason=pl.when(pl.col("lasts") < limit).then(pl.lit("shelf life")).otherwise(pl.lit("slow")),
        )
    )
    spoils = pl.col("reason") == "shelf life"
    yearly = pl.col("excess_worth") * assumptions.holding_rate
    found = found.with_columns(at_stake=pl.when(spoils).then("excess_worth").otherwise(yearly)).sort(
        ["at_stake", "excess", "store", "sku"], descending=[True, True, False, False], nulls_last=True
    )
    rows = found.select(
        "store", "sku", "name", "on_hand", weeks_of_cover=pl.col("cover") / 7, excess="excess",
        excess_worth="excess_worth", at_stake="at_stake", reason="reason",
    )  # fmt: skip
    amount = total(found["at_stake"].to_list(), priced(facts))
    sentence = f"Nothing that sells lies there for more than {number(assumptions.slow_weeks)} weeks of sales."
    if len(found):
        excess = total(found["excess_worth"].to_list(), priced(facts))
        aged = int(found.select(spoils.sum()).item())
        sentence = (
            f"{series(len(found))} hold {number(float(found['excess'].sum()))} units"
            f"{worth(excess)} more than will sell in {number(assumptions.slow_weeks)} weeks"
            + (f" or keep till then ({number(aged)} are limited by shelf life)" if aged else "")
            + f"; the most {some([_place(row) for row in rows.head(2).to_dicts()], 2)}."
        )
    return Insight(
        name,
        title,
        sentence,
        Money(
            amount,
            f"a year of holding the excess at {percent(assumptions.holding_rate)} of its cost; "
            "all its cost where it will pass its shelf life",
            "year",
        ),
        rows,
        (
            f"more than {number(assumptions.slow_weeks)} weeks of stock, or more than the shelf life lets sell, "
            f"at the faster of the last year's and the last 13 weeks' pace; on sale for {assumptions.dead_days} days",
        ),
        facts.assumed,
    )


def _young(facts: Facts, assumptions: Assumptions) -> tuple[str, ...]:
    if facts.days >= assumptions.dead_days:
        return ()
    return (f"{number(facts.days)} days of history say nothing of {assumptions.dead_days} days: fewer --dead-days do",)


def _recent() -> pl.Expr:
    """Units a day in the last 13 weeks, where the shelf was open for two of them at least."""
    return pl.when(pl.col("recent_open") >= 14).then(pl.col("recent_units") / pl.col("recent_open")).otherwise(0.0)


def _place(row: dict[str, object]) -> str:
    return f"{row['sku']} in {row['store']}"
