"""What lies on the shelves: goods that nobody buys any more, goods that last too long, capital, and its turnover."""

from __future__ import annotations

import polars as pl

from invplat.core.page.wording import number, percent, plural
from invplat.evaluate.insights.assumptions import Assumptions
from invplat.evaluate.insights.facts import Facts
from invplat.evaluate.insights.insight import Insight, Money, unknown
from invplat.evaluate.insights.wording import known_sum, lacks, money, priced, series, skus, some, total, worth
from invplat.inventory.formulas import days_of_supply, holding_cost, turnover

BY_CHANCE = 0.001  # a silence at least this likely at the pace before it is no sign of death: shops have many series
NAMELESS = "(no category)"


def _dead(facts: Facts, assumptions: Assumptions) -> pl.DataFrame:
    """In stock, long enough on sale, in stock and unsold for the days asked, and not likely so by chance or season."""
    own = pl.col("sold_before") * pl.col("silent")  # sales that the silence would have brought
    together = pl.col("sold_before").sum().over("sku") * pl.col("silent").min().over("sku")
    by_chance = (-pl.max_horizontal(own, together)).exp() >= BY_CHANCE
    never = pl.col("last_sold").is_null() & (pl.col("age") >= assumptions.dead_days)
    silent = (pl.col("silent") >= assumptions.dead_days) & ~by_chance
    old = pl.col("age") >= assumptions.dead_days
    return facts.stocked.filter((pl.col("on_hand") > 0) & old & (never | silent) & ~pl.col("comes_back"))


def dead(facts: Facts, assumptions: Assumptions) -> Insight:
    name, title = "dead", "Dead stock"
    if gone := lacks(facts, "stock") or _young(facts, assumptions):
        return unknown(name, title, gone)
    found = _dead(facts, assumptions).sort(["worth", "on_hand", "store", "sku"], descending=[True, True, False, False])
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
        ["at_stake", "excess", "store", "sku"], descending=[True, True, False, False]
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
        .sort(["worth", "store", "category"], descending=[True, False, False])
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
    times = turnover(grouped["sold_cost"].to_numpy(), grouped["mean_worth"].to_numpy())
    filled = grouped.filter(pl.Series((grouped["mean_worth"] > 0).to_list()))
    kept = pl.Series("turns", times).filter(grouped["mean_worth"] > 0)
    return filled.select(pl.lit(by).alias("by"), "name", "sold_cost", "mean_worth").with_columns(
        kept, days=pl.when(kept > 0).then(365.25 / kept)
    )


def _young(facts: Facts, assumptions: Assumptions) -> tuple[str, ...]:
    if facts.days >= assumptions.dead_days:
        return ()
    return (f"{number(facts.days)} days of history say nothing of {assumptions.dead_days} days: fewer --dead-days do",)


def _counted(facts: Facts) -> str:
    days = float(facts.stocked["counted"].to_numpy().mean())
    return f"on {facts.as_of}" if days < 0.5 else f"{number(round(days))} days before {facts.as_of} on average"


def _recent() -> pl.Expr:
    """Units a day in the last 13 weeks, where the shelf was open for two of them at least."""
    return pl.when(pl.col("recent_open") >= 14).then(pl.col("recent_units") / pl.col("recent_open")).otherwise(0.0)


def _times(turns: float) -> str:
    return f"{number(round(turns, 1))} times"


def _place(row: dict[str, object]) -> str:
    return f"{row['sku']} in {row['store']}"
