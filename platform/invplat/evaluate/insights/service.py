"""What a point of service level costs: the stock that it takes, and the sales that it saves, class by class.

Demand until an order placed a review period from now has come is taken as a gamma with the mean and the deviation that
were seen: never below zero, and nearly normal where demand is even.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from scipy import special

from invplat.core.page.wording import number, percent
from invplat.evaluate.insights.assumptions import Assumptions
from invplat.evaluate.insights.cells import Numbers
from invplat.evaluate.insights.classes import graded
from invplat.evaluate.insights.facts import Facts
from invplat.evaluate.insights.insight import Insight, Money, unknown
from invplat.evaluate.insights.wording import lacks, money
from invplat.inventory.formulas import deviation_over

LEVELS = (0.80, 0.85, *(point / 100 for point in range(90, 100)))
ASKED = 0.95  # the point above this is the one that is told
MANY = 20_000  # series; of more, evenly chosen ones stand for all


def service(facts: Facts, assumptions: Assumptions) -> Insight:
    name, title = "service", "What a point of service costs"
    if gone := lacks(facts, "money"):
        return unknown(name, title, gone, act=False)
    selling = facts.series.filter(
        (pl.col("recent_units") > 0) & (pl.col("rate") > 0) & pl.col("unit_cost").is_not_null()
    )
    if selling.is_empty():
        return unknown(name, title, ("nothing sold in the last 13 weeks: service needs demand",), act=False)
    selling = selling.join(graded(facts).select("sku", "abc"), on="sku").sort("store", "sku")
    step = -(-len(selling) // MANY)
    chosen = selling.gather_every(step)
    rows = _curve(chosen, len(selling) / len(chosen), assumptions)
    whole = {row["level"]: row for row in rows.filter(pl.col("class") == "all").to_dicts()}
    now, more = whole[ASKED], whole[round(ASKED + 0.01, 2)]
    pays = {name: _pays(rows.filter(pl.col("class") == name)) for name in ("A", "B", "C")}
    said = ", ".join(f"{percent(level)} in class {name}" for name, level in pays.items() if level is not None)
    if len(set(pays.values())) == 1 and said:
        said = f"{percent(pays['A'] or 0.0)} in every class"
    further = f" A further point pays for itself up to {said}." if said else ""
    costs, brings = more["holding_a_year"] - now["holding_a_year"], now["lost_a_year"] - more["lost_a_year"]
    sentence = (
        f"From {percent(ASKED)} to {percent(ASKED + 0.01)} of cycles without a stockout costs {money(costs)} a year of "
        f"holding and saves {money(brings)} of margin.{further}"
    )
    thresholds = [
        f"order-up-to levels every {number(assumptions.review_days)} days; demand over lead time and review is gamma "
        "with the mean and deviation seen in stock; a shortage loses its margin",
    ]
    if step > 1:
        thresholds.append(f"counted on {number(len(chosen))} of {number(len(selling))} series and scaled up")
    return Insight(
        name,
        title,
        sentence,
        Money(
            costs,
            f"a year of holding what the point takes, at {percent(assumptions.holding_rate)} of its cost",
            "year",
        ),
        rows,
        tuple(thresholds),
        (*lacks(facts, "receipts"), *facts.assumed),
        act=False,
    )


def _curve(chosen: pl.DataFrame, factor: float, assumptions: Assumptions) -> pl.DataFrame:
    lengths = chosen["lead"].to_numpy() + assumptions.review_days
    mean = chosen["rate"].to_numpy() * lengths
    spread = deviation_over(
        lengths, chosen["deviation"].to_numpy(), chosen["rate"].to_numpy(), chosen["lead_deviation"]
    )
    spread = np.maximum(spread, 1e-3 * mean)  # a demand without any deviation has no gamma
    shape, scale = (mean / spread) ** 2, spread**2 / mean
    cost = chosen["unit_cost"].to_numpy() * factor
    earns = chosen["earns"].to_numpy() * factor
    cycles = 365.25 / max(assumptions.review_days, 1.0)
    classes = chosen["abc"].to_numpy()
    rows: list[dict[str, Any]] = []
    for level in LEVELS:
        stock = special.gammaincinv(shape, level) * scale
        short = gamma_loss(stock, shape, scale)
        left = stock - mean + short
        for name in ("all", "A", "B", "C"):
            here = np.ones(len(classes), np.bool_) if name == "all" else classes == name
            if here.any():
                rows.append(
                    {
                        "class": name,
                        "level": level,
                        "safety_worth": float((left * cost)[here].sum()),
                        "holding_a_year": float((left * cost)[here].sum()) * assumptions.holding_rate,
                        "lost_a_year": float((short * earns)[here].sum()) * cycles,
                    }
                )
    frame = pl.DataFrame(rows).sort("class", "level", descending=[True, False])
    points = (pl.col("level") - pl.col("level").shift(1).over("class")) * 100
    return frame.with_columns(
        point_costs=(pl.col("holding_a_year") - pl.col("holding_a_year").shift(1).over("class")) / points,
        point_saves=(pl.col("lost_a_year").shift(1).over("class") - pl.col("lost_a_year")) / points,
    )


def gamma_loss(stock: Numbers, shape: Numbers, scale: Numbers) -> Numbers:
    """What gamma demand is expected to lack with that stock: E[D; D > x] is the mean by a gamma of one shape more."""
    x = stock / scale
    above, beyond = special.gammaincc(shape + 1, x), special.gammaincc(shape, x)
    return np.asarray(np.maximum(shape * scale * above - stock * beyond, 0.0))


def _pays(rows: pl.DataFrame) -> float | None:
    """The highest level whose last point saves more than it costs."""
    paying = rows.filter(pl.col("point_saves") >= pl.col("point_costs"))
    return float(paying["level"].max()) if len(paying) else None  # type: ignore[arg-type]
