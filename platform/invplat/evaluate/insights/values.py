"""Costs, prices and lead times for every series: from the files where they tell, assumed where they don't, and said.

The first that is known counts: cost from products, from receipts, from the price; price from sales, from products, from
the cost. Lead times are the supplier's, else those of all, else assumed.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from invplat.core.page.wording import number, percent, plural
from invplat.evaluate.insights.assumptions import Assumptions

NUMBERS = (
    "age", "units", "observed", "open", "rate", "deviation", "selling", "interval", "spread", "priced", "revenue",
    "promoted", "recent_units", "recent_open", "recent_observed", "last_sold", "silent", "sold_before", "on_hand",
    "on_order", "mean_stock", "counts", "counted", "first_counted", "held", "first_received",
)  # fmt: skip
COUNTS = ("units", "observed", "open", "rate", "deviation", "selling", "priced", "revenue", "promoted")
RECENT = ("recent_units", "recent_open", "recent_observed", "silent", "sold_before", "counts")


def valued(
    raw: pl.DataFrame,
    products: pl.DataFrame,
    costs: pl.DataFrame | None,
    deliveries: pl.DataFrame,
    assumptions: Assumptions,
    days: float,
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The series with everything that money is counted from, and sentences on what was assumed."""
    frame = _complete(raw).join(products.rename({"price": "listed_price"}), on="sku", how="left")
    paid = pl.DataFrame(schema={"sku": pl.String, "paid": pl.Float64})
    if costs is not None:
        paid = costs.select("sku", paid=pl.col("cost") / pl.col("units"))
    frame = frame.join(paid, on="sku", how="left").with_columns(
        pl.col("last_sold", "paid").fill_nan(None), supplier=pl.coalesce("supplier", "from")
    )
    own = pl.when(pl.col("priced") > 0).then(pl.col("revenue") / pl.col("priced"))
    everywhere = pl.col("revenue").sum().over("sku") / pl.col("priced").sum().over("sku")
    frame = frame.with_columns(known_cost=pl.coalesce("unit_cost", "paid")).with_columns(
        known_price=pl.coalesce(own, everywhere.fill_nan(None), "listed_price")
    )
    less = 1 - assumptions.margin
    frame = frame.with_columns(
        unit_cost=pl.coalesce("known_cost", pl.col("known_price") * less),
        price=pl.coalesce("known_price", pl.col("known_cost") / less),
    ).with_columns(
        earns=(pl.col("price") - pl.col("unit_cost")).clip(0),
        revenue=pl.col("units") * pl.col("price"),
        sold_cost=pl.col("units") * pl.col("unit_cost"),
        worth=pl.col("on_hand") * pl.col("unit_cost"),
        mean_worth=pl.col("mean_stock") * pl.col("unit_cost"),
    )
    frame = frame.join(_lead_times(deliveries, assumptions), on="supplier", how="left")
    mean, deviation, told = _all_leads(deliveries, assumptions)
    frame = frame.with_columns(pl.col("lead").fill_null(mean), pl.col("lead_deviation").fill_null(deviation))
    frame = frame.drop("from", "listed_price", "paid").sort("store", "sku")
    return frame, (*_assumed(frame, assumptions), *told, *_short(days))


def _complete(raw: pl.DataFrame) -> pl.DataFrame:
    """Every column, whether or not any store had it; what only lies on a shelf sold nothing."""
    texts = [
        (pl.col(name) if name in raw.columns else pl.lit(None)).cast(pl.String).alias(name)
        for name in ("store", "sku", "from")
    ]
    numbers = [(pl.col(name) if name in raw.columns else pl.lit(None)).cast(pl.Float64).alias(name) for name in NUMBERS]
    flag = (pl.col("comes_back") if "comes_back" in raw.columns else pl.lit(None)).cast(pl.Boolean).fill_null(False)
    frame = raw.select(*texts, *numbers, flag.alias("comes_back")) if len(raw.columns) else _none(texts, numbers, flag)
    return frame.with_columns(pl.col(*COUNTS, *RECENT).fill_null(0.0))


def _none(texts: list[pl.Expr], numbers: list[pl.Expr], flag: pl.Expr) -> pl.DataFrame:
    return pl.select(*texts, *numbers, flag.alias("comes_back")).clear()


def _lead_times(deliveries: pl.DataFrame, assumptions: Assumptions) -> pl.DataFrame:
    days, count = pl.col("days"), pl.col("deliveries")
    mean = (days * count).sum() / count.sum()
    return (
        deliveries.filter(pl.col("supplier") != "")
        .group_by("supplier", maintain_order=True)
        .agg(
            mean.alias("lead"),
            (((days - mean) ** 2 * count).sum() / count.sum()).sqrt().alias("lead_deviation"),
            count.sum().alias("heard"),
        )
        .filter(pl.col("heard") >= min(5, assumptions.deliveries))
        .select("supplier", "lead", "lead_deviation")
    )


def _all_leads(deliveries: pl.DataFrame, assumptions: Assumptions) -> tuple[float, float, tuple[str, ...]]:
    days, counts = deliveries["days"].to_numpy(), deliveries["deliveries"].to_numpy()
    if not counts.sum():
        said = f"no receipts tell lead times: {number(assumptions.lead_days)} days assumed"
        return assumptions.lead_days, 0.0, (said,)
    mean = float((days * counts).sum() / counts.sum())
    return mean, float(np.sqrt(((days - mean) ** 2 * counts).sum() / counts.sum())), ()


def _assumed(frame: pl.DataFrame, assumptions: Assumptions) -> tuple[str, ...]:
    sold = frame.filter((pl.col("units") > 0) | (pl.col("on_hand") > 0))
    nothing = int(sold["unit_cost"].is_null().sum())
    no_cost = int(sold["known_cost"].is_null().sum()) - nothing
    no_price = int(sold["known_price"].is_null().sum()) - nothing
    said = []
    if nothing:
        said.append(
            f"{plural(nothing, 'series', 'series')} with neither price nor cost count in units only: "
            "give products a unit_cost, or sales a price"
        )
    if no_cost:
        said.append(
            f"no cost is known of {plural(no_cost, 'series', 'series')}: counted at {percent(1 - assumptions.margin)} "
            "of the price; give products a unit_cost"
        )
    if no_price:
        said.append(
            f"no price is known of {plural(no_price, 'series', 'series')}: counted as cost and a margin of "
            f"{percent(assumptions.margin)} of the price; give sales a price"
        )
    return tuple(said)


def _short(days: float) -> tuple[str, ...]:
    return (
        (f"only {number(round(days))} days of history; a year's figures are scaled up from them",) if days < 330 else ()
    )
