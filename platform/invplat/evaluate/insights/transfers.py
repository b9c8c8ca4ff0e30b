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
FRESH = 14  # days; older counts say nothing of what can be moved today
COLUMNS = {
    "sku": pl.String,
    "from": pl.String,
    "to": pl.String,
    "move": pl.Int64,
    "pays": pl.Boolean,
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
    if bool((facts.stocked["counted"] > FRESH).all()):
        need = f"stock was last counted more than {FRESH} days before: moving goods takes a fresh count"
        return unknown(name, title, (need,))
    state = _state(facts, assumptions)
    lines: list[dict[str, Any]] = []
    both = state.filter((pl.col("gives").any() & pl.col("gets").any()).over("sku"))
    for _, part in both.group_by("sku", maintain_order=True):
        lines += _lines(part, assumptions)
    rows = pl.DataFrame(lines, schema=COLUMNS).sort(
        ["saves", "sku", "from", "to"], descending=[True, False, False, False], nulls_last=True
    )
    amount = total(rows.filter("pays")["saves"].to_list(), priced(facts))
    return Insight(
        name,
        title,
        _sentence(rows, stores, amount, assumptions),
        Money(
            amount,
            f"margin of sales that {number(assumptions.cover_weeks)} weeks (or the shelf life) would else lose, and "
            f"holding at {percent(assumptions.holding_rate)} of cost a year until the giving store would have sold it, "
            f"less {money(assumptions.transfer_cost)} a line moved",
        ),
        rows,
        (
            f"too little: shelf empty {percent(assumptions.empty_share)} of the last 13 weeks or more (or of the year, "
            f"and half as much lately), and less than {percent(LOW)} of its need today; without a history of counts: "
            "stock and orders on their way below the lead time's sales",
            f"too much: beyond its need, which is sales and safety ({percent(SERVICE)} of cycles) over lead time and "
            f"{number(assumptions.review_days)} days of review; a line pays that saves more than it costs",
        ),
        facts.assumed,
    )


def _sentence(rows: pl.DataFrame, stores: int, amount: float | None, assumptions: Assumptions) -> str:
    moved = rows.filter("pays")
    left = len(rows) - len(moved)
    if not len(rows):
        return f"No SKU lies in one of {number(stores)} stores in excess while another lacks it."
    if not len(moved):
        cost = money(assumptions.transfer_cost)
        return f"{plural(left, 'imbalance')} between stores, none of them worth the {cost} of moving goods."
    pairs = moved.group_by("from", "to", maintain_order=True).agg(pl.col("saves", "move").sum(), pl.len())
    main = pairs.sort(["saves", "move", "from", "to"], descending=[True, True, False, False]).row(0, named=True)
    saving = " would meet demand that is lost now" if amount is None else f" saves {money(amount)}"
    more = f" {plural(left, 'more imbalance')} would not be worth moving." if left else ""
    return (
        f"Moving {plural(int(moved['move'].sum()), 'unit')} of {skus(moved['sku'].n_unique())} from stores with too "
        f"much to stores with too little{saving}; the most from {some([main['from']])} to {some([main['to']])} "
        f"({plural(main['len'], 'line')}, {plural(main['move'], 'unit')}).{more}"
    )


def _state(facts: Facts, assumptions: Assumptions) -> pl.DataFrame:
    """What each store could give of a SKU (`surplus`) and what it would lose (`short`), in units."""
    told = pl.col("recent_open") >= 14
    pace = pl.when(told).then(pl.col("recent_units") / pl.col("recent_open")).otherwise(pl.col("rate"))
    empty = (1 - pl.col("recent_open") / pl.col("recent_observed")).fill_nan(0.0).clip(0, 1)
    year_empty = (1 - pl.col("open") / pl.col("observed")).fill_nan(0.0).clip(0, 1)
    state = facts.stocked.with_columns(pace=pace, empty=empty, year_empty=year_empty)
    paces, lead = state["pace"].to_numpy(), state["lead"].to_numpy()
    safety = safety_stock(
        SERVICE,
        state["deviation"].to_numpy(),
        lead,
        mean=paces,
        lead_deviation=state["lead_deviation"].to_numpy(),
        review=assumptions.review_days,
    )
    need = order_up_to(paces, lead, assumptions.review_days, safety)
    history = pl.lit("sales.available" in facts.has) | (pl.col("counts") >= COUNTS)
    most, least = pl.max_horizontal("empty", "year_empty"), pl.col("empty")
    lately = (most >= assumptions.empty_share) & (least >= assumptions.empty_share / 2)
    often = lately & (pl.col("on_hand") < LOW * pl.col("need"))
    keeps = pl.min_horizontal(pl.lit(7 * assumptions.cover_weeks), "shelf_life")  # what is moved must sell before
    lost = pl.col("empty") * pl.col("pace") * keeps
    soon = pl.col("pace") * pl.col("lead") - pl.col("on_hand") - pl.col("on_order").fill_null(0.0)
    grown = (pl.col("age") >= YOUNG) & (pl.col("counted") <= FRESH)
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
            if not line["pays"]:
                found += [line] if short == getter["short"] else []  # an imbalance, though moving one lot is no use
                break
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
        "from_weeks": giver["on_hand"] / giver["pace"] / 7 if giver["pace"] > 0 else None,
        "to_on_hand": getter["on_hand"],
        "to_weeks": getter["on_hand"] / getter["pace"] / 7,
        "to_empty_share": getter["empty"],
        "pays": True,
        "saves": None,
        "margin_avoided": None,
        "holding_avoided": None,
    }
    if getter["unit_cost"] is None:
        return line
    # The last units of the giver's stock: on average half of them gone, they would have waited so long.
    waits = min((giver["on_hand"] - quantity / 2) / giver["pace"], LONGEST) if giver["pace"] > 0 else LONGEST
    there = min((getter["on_hand"] + quantity / 2) / getter["pace"], LONGEST)
    holding = quantity * getter["unit_cost"] * assumptions.holding_rate * max(waits - there, 0.0) / 365.25
    margin = sold * getter["earns"]
    saves = margin + holding - assumptions.transfer_cost
    return {**line, "pays": saves > 0, "margin_avoided": margin, "holding_avoided": holding, "saves": saves}
