"""Lead times that have changed: what came lately from a supplier took longer, or less long, than before.

Lines of one order travel together and count once.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl

from invplat.core.page.wording import plural
from invplat.monitor.change import changed_at, ks, ks_chance
from invplat.monitor.facts import Facts
from invplat.monitor.finding import HIGH, MEDIUM, Finding

LATELY = 91  # days looked at for a change
LEAST_NOW, LEAST_BEFORE = 6, 15  # orders
CHANCE = 0.005  # of all suppliers together
DAYS, TIMES = 2.0, 1.35  # a change of less is of no consequence
NOBODY = "(no supplier named)"


def changes(facts: Facts) -> list[Finding]:
    orders = _orders(facts)
    if not len(orders):
        return []
    found = []
    parts = sorted(orders.partition_by("supplier", as_dict=True).items())
    for (supplier,), mine in parts:
        one = _changed(facts, str(supplier), mine.sort("received_on", "ordered_on"), len(parts))
        if one is not None:
            found.append(one)
    return found


def _orders(facts: Facts) -> pl.DataFrame:
    if not facts.dataset.has("receipts"):
        return pl.DataFrame()
    names = [name for name in ("ordered_on", "received_on", "supplier") if name in facts.dataset.columns("receipts")]
    rows = pl.DataFrame(pl.from_arrow(facts.dataset.read("receipts", columns=["store", "sku", *names])))
    if "supplier" not in rows.columns:
        rows = rows.with_columns(pl.lit(None, pl.String).alias("supplier"))
    if facts.dataset.has("products") and "supplier" in facts.dataset.columns("products"):
        owners = pl.DataFrame(pl.from_arrow(facts.dataset.read("products", columns=["sku", "supplier"])))
        owners = owners.rename({"supplier": "owner"})
        rows = rows.join(owners, on="sku", how="left").with_columns(pl.coalesce("supplier", "owner").alias("supplier"))
    rows = rows.with_columns(pl.col("supplier").fill_null(NOBODY), pl.col("ordered_on", "received_on").cast(pl.Date))
    rows = rows.filter((pl.col("received_on") <= facts.today) & (pl.col("received_on") >= pl.col("ordered_on")))
    return rows.select("supplier", "store", "ordered_on", "received_on").unique()


def _changed(facts: Facts, supplier: str, orders: pl.DataFrame, tests: int) -> Finding | None:
    """Parted where the lead times change most, by the day that goods came: what is still on its way is not known."""
    days = (orders["received_on"] - orders["ordered_on"]).dt.total_days().to_numpy().astype(np.float64)
    received = orders["received_on"].to_list()
    # A year is enough, and an old change that everybody lives with is not told for ever.
    cut = np.array([day > facts.end - timedelta(days=LATELY + 365) for day in received], bool)
    days, received = days[cut], [day for day, kept in zip(received, cut.tolist(), strict=True) if kept]
    if len(days) < LEAST_NOW + LEAST_BEFORE:
        return None
    at = changed_at(days)
    before, now = days[:at], days[at:]
    if len(now) < LEAST_NOW or len(before) < LEAST_BEFORE or received[at] <= facts.end - timedelta(days=LATELY):
        return None
    was, become = float(np.mean(before)), float(np.mean(now))
    times = max(become, 0.5) / max(was, 0.5)
    # The place was chosen to differ most, so chance is multiplied by how many there were.
    chance = ks_chance(ks(before, now), len(before), len(now)) * tests * max(len(days) / LEAST_NOW, 1)
    if abs(become - was) < DAYS or 1 / TIMES < times < TIMES or chance > CHANCE:
        return None
    longer = become > was
    return Finding(
        "lead_times",
        HIGH if longer and times > 1.8 else MEDIUM,
        str(received[at] - timedelta(days=round(become)) if longer else received[at] - timedelta(days=round(was))),
        f"What {supplier} sends takes {become:.1f} days, where it took {was:.1f} ({plural(len(now), 'order')}).",
        "order earlier or raise safety stock; models that foresee lead times need newer receipts"
        if longer
        else "safety stock can be lowered; models that foresee lead times need newer receipts",
        supplier,
        {"days": become, "days_before": was, "orders": len(now)},
    )
