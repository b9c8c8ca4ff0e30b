"""Suppliers whose deliveries can't be counted on, and the safety stock that it takes to live with them.

Lines of one order that come to one store on one day are one delivery. A supplier is judged against his own usual lead
time: slow is not unreliable. Nobody is judged on a handful of deliveries.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from invplat.core.page.wording import number, percent, plural
from invplat.evaluate.insights.assumptions import Assumptions
from invplat.evaluate.insights.facts import Facts
from invplat.evaluate.insights.insight import Insight, Money, unknown
from invplat.evaluate.insights.wording import lacks, money, priced, some, total
from invplat.inventory.formulas import safety_stock

LATER, DAYS_LATER = 0.5, 3  # more than both beyond the usual lead time, as a share of it and in days, is late
WAVERS = 2.0  # times as much as the middle one of the others, from which a supplier stands out
SURE = 1.96  # deviations of a share's own uncertainty
SERVICE = 0.95  # that safety stock is counted at


def suppliers(facts: Facts, assumptions: Assumptions) -> Insight:
    name, title = "suppliers", "Suppliers' reliability"
    if gone := lacks(facts, "receipts") or lacks(facts, "suppliers"):
        return unknown(name, title, gone)
    rows = _judged(facts, assumptions)
    rows = rows.join(facts.waiting, on="supplier", how="left").with_columns(pl.col("waiting").fill_null(0))
    rows = rows.join(_costs(facts, rows, assumptions), on="supplier", how="left")
    if not priced(facts):
        rows = rows.with_columns(pl.lit(None, pl.Float64).alias("costs_a_year"))
    judged = pl.col("deliveries") >= assumptions.deliveries
    rows = rows.sort(
        ["unreliable", judged, "costs_a_year", "late_share", "supplier"],
        descending=[True, True, True, True, False],
        nulls_last=True,
    ).with_columns(
        verdict=pl.when("unreliable")
        .then(pl.lit("unreliable"))
        .when(~judged)
        .then(pl.lit("too few"))
        .when(pl.col("surely_late") > assumptions.late_share)
        .then(pl.lit("like others"))
        .otherwise(pl.lit("reliable"))
    )
    bad = rows.filter("unreliable")
    amount = total(bad["costs_a_year"].to_list(), priced(facts))
    young = int((rows["deliveries"] < assumptions.deliveries).sum())
    sentence = f"{plural(len(rows) - young, 'supplier')} judged, none of them unreliable."
    if len(bad):
        worst = bad.row(0, named=True)
        whose = "" if len(bad) == 1 else f" of {some([worst['supplier']])}"
        costs = "" if amount is None else f" The safety stock for that costs {money(amount)} a year."
        sentence = (
            f"{some(bad['supplier'].to_list())} can't be counted on: {percent(worst['late_share'])} of "
            f"{number(worst['deliveries'])} deliveries{whose} came late, usually after {number(worst['usual'])} days, "
            f"one in ten after {number(worst['slow'])} or more.{costs}"
        )
    lacking = list(facts.assumed)
    if young:
        lacking.append(
            f"{plural(young, 'supplier')} with fewer than {assumptions.deliveries} deliveries in a year: not judged"
        )
    return Insight(
        name,
        title,
        sentence,
        Money(
            amount,
            f"a year of holding the safety stock ({percent(SERVICE)} of cycles) that their wavering takes beyond "
            f"their peers', at {percent(assumptions.holding_rate)} of its cost",
            "year",
        ),
        rows,
        (
            f"late: more than {DAYS_LATER} days and {percent(LATER)} beyond the supplier's own usual lead time; "
            f"unreliable: surely (95 %) late more than {percent(assumptions.late_share)} of the time on "
            f"{assumptions.deliveries} deliveries or more in the last year, and wavering {number(WAVERS)} times as "
            "much as the middle one of two others or more",
        ),
        tuple(lacking),
    )


def _judged(facts: Facts, assumptions: Assumptions) -> pl.DataFrame:
    found = []
    for supplier, part in facts.deliveries.filter(pl.col("supplier") != "").group_by("supplier", maintain_order=True):
        ordered = part.sort("days")
        days, counts = ordered["days"].to_numpy(), ordered["deliveries"].to_numpy()
        number_of, reached = int(counts.sum()), np.cumsum(counts)
        usual = float(days[np.searchsorted(reached, 0.5 * number_of)])
        late = float(counts[days > usual + max(DAYS_LATER, LATER * usual)].sum()) / number_of
        mean = float((days * counts).sum()) / number_of
        found.append(
            {
                "supplier": str(supplier[0]),
                "deliveries": number_of,
                "usual": usual,
                "mean": mean,
                "deviation": float(np.sqrt((counts * (days - mean) ** 2).sum() / number_of)),
                "slow": float(days[np.searchsorted(reached, 0.9 * number_of)]),
                "late_share": late,
                "surely_late": _lower(late, number_of),
            }
        )
    frame = pl.DataFrame(found).sort("supplier")
    enough = pl.col("deliveries") >= assumptions.deliveries
    beside = _beside(frame, assumptions.deliveries)
    often = pl.col("surely_late") > assumptions.late_share
    return frame.with_columns(beside_others=pl.Series(beside, dtype=pl.Float64)).with_columns(
        unreliable=enough & often & (pl.col("beside_others").fill_null(WAVERS) >= WAVERS)
    )


def _beside(frame: pl.DataFrame, deliveries: int) -> list[float | None]:
    """How much each wavers by the middle one of the others; None where fewer than two others can be judged."""
    told = [row["deviation"] if row["deliveries"] >= deliveries else None for row in frame.iter_rows(named=True)]
    found: list[float | None] = []
    for place, own in enumerate(told):
        others = [one for other, one in enumerate(told) if other != place and one is not None]
        known = own is not None and len(others) >= 2
        found.append(own / max(float(np.median(others)), 0.5) if known and own is not None else None)
    return found


def _lower(share: float, count: int) -> float:
    """The least that a share seen in so many cases is likely to be (Wilson)."""
    middle = share + SURE**2 / (2 * count)
    width = SURE * float(np.sqrt(share * (1 - share) / count + SURE**2 / (4 * count**2)))
    return max((middle - width) / (1 + SURE**2 / count), 0.0)


def _costs(facts: Facts, judged: pl.DataFrame, assumptions: Assumptions) -> pl.DataFrame:
    """Safety stock for the lead times as they are, less that for lead times that waver as the reliable ones' do."""
    peers = judged.filter(~pl.col("unreliable") & (pl.col("deliveries") >= assumptions.deliveries))
    steady = float(peers.select((pl.col("deviation") / pl.col("mean").clip(1.0)).median()).item() or 0.0)
    kept = facts.series.filter((pl.col("rate") > 0) & (pl.col("recent_units") > 0))
    kept = kept.join(judged.select("supplier", "mean", wavers="deviation"), on="supplier", maintain_order="left")
    rate, deviation, lead = (kept[name].to_numpy() for name in ("rate", "deviation", "mean"))
    stocks = [
        safety_stock(SERVICE, deviation, lead, mean=rate, lead_deviation=wobble, review=assumptions.review_days)
        for wobble in (kept["wavers"].to_numpy(), np.minimum(kept["wavers"].to_numpy(), steady * lead))
    ]
    extra = pl.Series("extra_units", stocks[0] - stocks[1])
    return (
        kept.with_columns(extra)
        .group_by("supplier", maintain_order=True)
        .agg(
            pl.len().alias("series"),
            pl.col("extra_units").sum(),
            (pl.col("extra_units") * pl.col("unit_cost")).sum().alias("extra_worth"),
        )
        .with_columns(costs_a_year=pl.col("extra_worth") * assumptions.holding_rate)
    )
