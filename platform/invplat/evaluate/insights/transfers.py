"""Stores with too much beside stores with too little of the same SKU: what to move, how many, and what it saves.

A store gives no more than what it has beyond its own need until an order placed a review period from now has come; a
store gets no more than what it would else lose while the transfer looks ahead, nor more than its own need.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from invplat.core.page.wording import number, percent, plural
from invplat.evaluate.insights.assumptions import Assumptions
from invplat.evaluate.insights.facts import Facts
from invplat.evaluate.insights.insight import Insight, Money, unknown
from invplat.evaluate.insights.wording import COUNTS, lacks, money, priced, skus, some, total
from invplat.inventory.formulas import order_up_to, safety_stock

SERVICE = 0.98  # of cycles, that the need of a store that gives is counted at
GIVES_UP_TO = 0.05  # a store whose shelf is empty more of the time gives nothing
LOW = 0.5  # of its need, below which a store has too little today
YOUNG = 28  # days on sale, before which a pace is no pace
LONGEST = 365.0  # days for which holding is counted as avoided
COLUMNS = {
    "sku": pl.String,
    "from": pl.String,
    "to": pl.String,
    "move": pl.Int64,
    "saves": pl.Float64,
    "lost_sales_avoided": pl.Float64,
    "margin_avoided": pl.Float64,
    "holding_avoided": pl.Float64,
    "cost": pl.Float64,
    "from_on_hand": pl.Float64,
    "from_weeks": pl.Float64,
    "to_on_hand": pl.Float64,
    "to_weeks": pl.Float64,
    "to_empty_share": pl.Float64,
}


def transfers(facts: Facts, assumptions: Assumptions) -> Insight:
    name, title = "transfers", "Too much here, too little there"
    if gone := lacks(facts, "stock"):
        return unknown(name, title, gone)
    stores = facts.stocked["store"].n_unique()
    if stores < 2:
        return unknown(name, title, ("stock of one store only: moving goods takes two",))
    state = _state(facts, assumptions)
    lines: list[dict[str, Any]] = []
    both = state.filter((pl.col("gives").any() & pl.col("gets").any()).over("sku"))
    for _, part in both.group_by("sku", maintain_order=True):
        lines += _lines(part, assumptions)
    rows = pl.DataFrame(lines, schema=COLUMNS).sort(
        ["saves", "sku", "from", "to"], descending=[True, False, False, False], nulls_last=True
    )
    amount = total(rows["saves"].to_list(), priced(facts))
    sentence = f"No SKU lies in one of {number(stores)} stores in excess while another lacks it."
    if len(rows):
        pairs = rows.group_by("from", "to").agg(pl.col("saves").sum(), pl.col("move").sum(), pl.len())
        main = pairs.sort(["saves", "move", "from", "to"], descending=[True, True, False, False]).row(0, named=True)
        saving = f" saves {money(amount)}" if amount is not None else ""
        units = int(rows["move"].sum())
        sentence = (
            f"Moving {plural(units, 'unit')} of {skus(rows['sku'].n_unique())} from stores with too much to stores "
            f"with too little{saving or ' would meet demand now lost'}; the most from {some([main['from']])} to "
            f"{some([main['to']])} ({plural(main['len'], 'line')}, {plural(main['move'], 'unit')})."
        )
    return Insight(
        name,
        title,
        sentence,
        Money(
            amount,
            f"margin of sales that {number(assumptions.cover_weeks)} weeks would else lose, and holding at "
            f"{percent(assumptions.holding_rate)} of cost a year until the giving store would have sold it, "
            f"less {money(assumptions.transfer_cost)} a line moved",
        ),
        rows,
        (
            f"too little: shelf empty {percent(assumptions.empty_share)} of the last 13 weeks or more, and less than "
            f"{percent(LOW)} of its need today (without a history of counts: stock and orders on their way below the "
            "lead time's sales)",
            f"too much: beyond its need, which is sales and safety ({percent(SERVICE)} of cycles) over lead time and "
            f"{number(assumptions.review_days)} days of review; only lines that save more than they cost",
        ),
        facts.assumed,
    )


def _state(facts: Facts, assumptions: Assumptions) -> pl.DataFrame:
    """What each store could give of a SKU (`surplus`) and what it would lose (`short`), in units."""
    told = pl.col("recent_open") >= 14
    pace = pl.when(told).then(pl.col("recent_units") / pl.col("recent_open")).otherwise(pl.col("rate"))
    empty = (1 - pl.col("recent_open") / pl.col("recent_observed")).fill_nan(0.0).clip(0, 1)
    state = facts.stocked.with_columns(pace=pace, empty=empty).with_columns(busy=pl.max_horizontal("pace", "rate"))
    busy, lead = state["busy"].to_numpy(), state["lead"].to_numpy()
    safety = safety_stock(
        SERVICE,
        state["deviation"].to_numpy(),
        lead,
        mean=busy,
        lead_deviation=state["lead_deviation"].to_numpy(),
        review=assumptions.review_days,
    )
    need = order_up_to(busy, lead, assumptions.review_days, safety)
    history = pl.lit("sales.available" in facts.has) | (pl.col("counts") >= COUNTS)
    often = (empty >= assumptions.empty_share) & (pl.col("on_hand") < LOW * pl.col("need"))
    lost = pl.col("empty") * pl.col("pace") * 7 * assumptions.cover_weeks
    soon = pl.col("pace") * pl.col("lead") - pl.col("on_hand") - pl.col("on_order").fill_null(0.0)
    grown = pl.col("age") >= YOUNG
    return (
        state.with_columns(pl.Series("need", need))
        .with_columns(surplus=(pl.col("on_hand") - pl.col("need")).floor())
        .with_columns(short=pl.when(history).then(pl.when(often).then(lost)).otherwise(soon).fill_null(0.0).clip(0))
        .with_columns(
            gives=grown & (pl.col("surplus") >= 1) & (pl.col("empty") < GIVES_UP_TO),
            gets=grown & (pl.col("short") > 0) & (pl.col("need") - pl.col("on_hand") >= 1),
        )
        .sort("sku", "store")
    )


def _lines(part: pl.DataFrame, assumptions: Assumptions) -> list[dict[str, Any]]:
    """One SKU: who would lose most is served first, by who has most to give."""
    givers = part.filter("gives").sort(["surplus", "store"], descending=[True, False]).to_dicts()
    getters = part.filter("gets").sort(["short", "store"], descending=[True, False]).to_dicts()
    found = []
    for getter in getters:
        short, room = getter["short"], int(getter["need"] - getter["on_hand"])
        for giver in givers:
            quantity = min(int(giver["surplus"]), int(np.ceil(short)), room)
            if quantity < 1:
                continue
            line = _line(giver, getter, quantity, short, assumptions)
            if line["saves"] is not None and line["saves"] <= 0:
                continue
            found.append(line)
            giver["surplus"] -= quantity
            giver["on_hand"] -= quantity
            getter["on_hand"] += quantity
            short, room = max(short - quantity, 0.0), room - quantity
    return found


def _line(
    giver: dict[str, Any], getter: dict[str, Any], quantity: int, short: float, assumptions: Assumptions
) -> dict[str, Any]:
    sold = min(quantity, short)
    line = {
        "sku": giver["sku"],
        "from": giver["store"],
        "to": getter["store"],
        "move": quantity,
        "lost_sales_avoided": sold,
        "cost": assumptions.transfer_cost,
        "from_on_hand": giver["on_hand"],
        "from_weeks": giver["on_hand"] / giver["busy"] / 7 if giver["busy"] > 0 else None,
        "to_on_hand": getter["on_hand"],
        "to_weeks": getter["on_hand"] / getter["pace"] / 7,
        "to_empty_share": getter["empty"],
        "saves": None,
        "margin_avoided": None,
        "holding_avoided": None,
    }
    if getter["unit_cost"] is None:
        return line
    # The last units of the giver's stock: on average half of them gone, they would have waited so long.
    waits = min((giver["on_hand"] - quantity / 2) / giver["busy"], LONGEST) if giver["busy"] > 0 else LONGEST
    there = min((getter["on_hand"] + quantity / 2) / getter["pace"], LONGEST)
    holding = quantity * getter["unit_cost"] * assumptions.holding_rate * max(waits - there, 0.0) / 365.25
    margin = sold * getter["earns"]
    saves = margin + holding - assumptions.transfer_cost
    return {**line, "margin_avoided": margin, "holding_avoided": holding, "saves": saves}
