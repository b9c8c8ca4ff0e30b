"""Troubles in the forecasts that were given last: nothing where something sells, far above any history, no numbers."""

from __future__ import annotations

import numpy as np
import polars as pl

from invplat.core.page.wording import plural
from invplat.monitor.facts import Facts
from invplat.monitor.finding import HIGH, MEDIUM, Finding, listed
from invplat.monitor.silence import Unknown

SELLS = {"daily": 28, "weekly": 4, "monthly": 3}  # periods that say whether something sells
UNITS = 10.0  # sold in them: of less, a forecast of nothing is a good one
NOTHING = 1e-3  # of what is usual
FAR = 4.0  # times the most that was ever sold in a period
LEAST = 5.0  # units above it


def troubles(facts: Facts, rows: pl.DataFrame, unknown: Unknown | None = None) -> list[Finding]:
    """`rows`: forecasts that wait for what comes, of which the newest of each series are looked at. In a store that
    is in `unknown` at the end, nothing sells any more."""
    if not len(rows):
        return []
    newest = rows.filter(pl.col("as_of") == pl.col("as_of").max().over("store", "sku"))
    newest = newest.sort("made").unique(["store", "sku", "date"], keep="last", maintain_order=True)
    said = newest.group_by("store", "sku").agg(
        pl.col("mean").mean().alias("level"),
        pl.col("mean").max().alias("most"),
        (~pl.col("mean").is_finite() | (pl.col("mean") < 0)).any().alias("broken"),
        pl.col("as_of").max().alias("as_of"),
    )
    place = {name: row for row, name in enumerate(facts.names)}
    lately = facts.demand[:, -SELLS[facts.frequency] :]
    sold = np.nan_to_num(lately).sum(axis=1)
    usual = sold / np.maximum(np.isfinite(lately).sum(axis=1), 1)
    highest = facts.sold.max(axis=1)
    known = facts.sold.astype(bool).sum(axis=1)
    silent = {name for name, gaps in (unknown or {}).items() if any(end >= facts.dates[-1] for _, end in gaps)}
    nothing, far, broken = [], [], []
    as_of = str(said["as_of"].max())
    for store, sku, level, most, bad, _ in said.sort("store", "sku").iter_rows():
        row = place.get((store, sku))
        name = f"{store} / {sku}"
        if bad or level is None:
            broken.append(name)
        elif row is not None and store not in silent and sold[row] >= UNITS and level <= NOTHING * usual[row]:
            nothing.append(name)
        elif row is not None and known[row] >= 20 and most > FAR * highest[row] and most > highest[row] + LEAST:
            far.append(name)
    found = []
    for kind, names, what, remedy in (
        ("broken_forecast", broken, "have forecasts that are no numbers, or below zero", "serve the model before it"),
        ("zero_forecast", nothing, "sell, and nothing is forecast", "look at their data; fine-tune the model"),
        (
            "huge_forecast",
            far,
            f"are forecast above {FAR:.0f} times the most that they ever sold",
            "look at their data",
        ),
    ):
        if names:
            share = len(names) / len(said)
            found.append(
                Finding(
                    kind,
                    HIGH if share > 0.2 or kind == "broken_forecast" else MEDIUM,
                    as_of,
                    f"{plural(len(names), 'series', 'series')} {what}: {listed(names)}.",
                    remedy,
                    "",
                    {"series": len(names), "share": share},
                )
            )
    return found
