"""Predictions held against what came: each cell (store, SKU, period, step of the horizon) of each model once.

Where one cell was predicted several times, the newest word that was given before the period counts. What is hidden or
was cut short by an empty shelf is no actual, and is counted apart. Knows no findings and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from typing import Any

import numpy as np
import polars as pl

from invplat.core.errors import DatasetError, InvplatError
from invplat.data.assemble import build_panel
from invplat.data.panel import Panel
from invplat.data.timeline import as_day
from invplat.evaluate.metrics import pinball_losses
from invplat.evaluate.naive import certain
from invplat.evaluate.references import SEASON
from invplat.monitor.facts import Facts
from invplat.monitor.silence import Unknown
from invplat.registry.parts import Part
from invplat.storage import Storage

CELL = ("model", "store", "sku", "as_of", "date")
SEASONS = 4  # that the naive looks back, as `evaluate.naive` does
GAPS = ((3, "daily"), (10, "weekly"), (40, "monthly"))  # days from one period to the next, at most
COUNTED, CENSORED, HIDDEN, WAITING = "counted", "censored", "hidden", "waiting"
GONE, LATE, BROKEN = "gone", "late", "broken"
STATES = {
    COUNTED: "held against what came",
    CENSORED: "left out: the shelf was empty, so demand is not known",
    HIDDEN: "left out: nobody knows what was sold",
    WAITING: "not yet due, or not yet in the data",
    GONE: "of a store or SKU that the data do not have",
    LATE: "said after the fact, which is no forecast",
    BROKEN: "that are no numbers",
}


@dataclass
class Matched:
    cells: pl.DataFrame  # of those counted
    states: dict[str, int] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)  # ids of parts that have cells which are not yet due
    unreadable: dict[str, str] = field(default_factory=dict)  # id → why
    unpredicted: int = 0  # series that sold lately and of which nothing was said


def read_parts(storage: Storage, parts: Sequence[Part], unreadable: dict[str, str]) -> pl.DataFrame:
    """All rows, with the part and model that each is of, the step of its horizon, and its levels as one text."""
    found = []
    for part in parts:
        try:
            rows = pl.read_parquet(BytesIO(storage.read(part.key)))
            rows = rows.with_columns(
                pl.col("store").cast(pl.String),
                pl.col("sku").cast(pl.String),
                pl.col("as_of").cast(pl.Date),
                pl.col("date").cast(pl.Date),
                pl.col("mean").cast(pl.Float64),
            )
        except (InvplatError, OSError, pl.exceptions.PolarsError, ValueError) as error:
            unreadable[part.id] = f"{part.key}: {type(error).__name__}"
            continue
        levels = [name for name in rows.columns if name.startswith("q") and _number(name[1:])]
        rows = rows.with_columns(
            pl.lit(part.id).alias("part"),
            pl.lit(part.made).alias("made"),
            pl.lit(part.model or "").alias("model"),
            pl.lit(",".join(name[1:] for name in levels)).alias("levels"),
            pl.col("date").rank("dense").over("as_of").cast(pl.Int32).alias("step"),
            *(pl.col(name).cast(pl.Float64) for name in levels),
        )
        found.append(rows)
    return pl.concat(found, how="diagonal") if found else pl.DataFrame()


def _number(text: str) -> bool:
    try:
        return 0 < float(text) < 1
    except ValueError:
        return False


def match(
    facts: Facts, rows: pl.DataFrame, before: pl.DataFrame | None = None, unknown: Unknown | None = None
) -> Matched:
    """`rows` as `read_parts` makes them; cells of `before` have been counted already. In `unknown`
    stretches of a store nobody knows what was sold."""
    if not len(rows):
        return Matched(pl.DataFrame())
    late = rows.filter(pl.col("as_of") >= pl.col("date"))
    numbers = [name for name in rows.columns if name == "mean" or (name[0] == "q" and _number(name[1:]))]
    # A level that another model has and this one has not is null, and no trouble.
    fit = pl.all_horizontal(pl.col(name).is_finite().fill_null(name != "mean") for name in numbers)
    broken = rows.filter((pl.col("as_of") < pl.col("date")) & ~fit)
    good = rows.filter((pl.col("as_of") < pl.col("date")) & fit)
    good = good.sort("made", "part").unique(CELL, keep="last", maintain_order=True)
    good = good.sort("as_of", maintain_order=True).unique(
        ["model", "store", "sku", "date", "step"], keep="last", maintain_order=True
    )
    if before is not None and len(before):
        good = good.join(before.select(CELL), on=list(CELL), how="anti")
    pieces, states, waiting = [], dict.fromkeys(STATES, 0), set()
    states[LATE], states[BROKEN] = len(late), len(broken)
    for frequency, of_it in _by_frequency(good):
        panels = panels_of(facts, frequency)
        for (store,), part in of_it.partition_by("store", as_dict=True).items():
            gaps = (unknown or {}).get(str(store), [])
            answered = _answered(part, panels.get(str(store)), SEASON[frequency], gaps)
            for state, number in answered["state"].value_counts().iter_rows():
                states[state] += number
            waiting |= set(answered.filter(pl.col("state") == WAITING)["part"].unique().to_list())
            pieces.append(answered.filter(pl.col("state") == COUNTED))
    cells = pl.concat(pieces, how="diagonal") if pieces else pl.DataFrame()
    return Matched(_judged(cells) if len(cells) else cells, states, waiting, {}, _unpredicted(facts, rows))


def counted(facts: Facts, rows: pl.DataFrame, frequency: str) -> pl.DataFrame:
    """Of rows of store, sku, as_of and date those that came whole, with what came and what the naive would say."""
    panels = panels_of(facts, frequency)
    parts = rows.partition_by("store", as_dict=True).items()
    found = [_answered(part, panels.get(str(store)), SEASON[frequency], []) for (store,), part in parts]
    whole = pl.concat(found) if found else rows.clear()
    return whole.filter(pl.col("state") == COUNTED) if len(whole) else whole


def _by_frequency(rows: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """By how far the first period lies from the day that the model knew last."""
    if not len(rows):
        return []
    gap = rows.group_by("part").agg((pl.col("date") - pl.col("as_of")).dt.total_days().min().alias("gap"))
    rows = rows.join(gap, on="part").with_columns(
        pl.when(pl.col("gap") <= GAPS[0][0])
        .then(pl.lit("daily"))
        .when(pl.col("gap") <= GAPS[1][0])
        .then(pl.lit("weekly"))
        .otherwise(pl.lit("monthly"))
        .alias("frequency")
    )
    return [(str(name), part) for (name,), part in sorted(rows.partition_by("frequency", as_dict=True).items())]


def panels_of(facts: Facts, frequency: str) -> dict[str, Panel]:
    """Of each store, in periods of that frequency."""
    if frequency == facts.frequency:
        return {panel.store: panel for panel in facts.panels}
    found = {}
    for panel in facts.panels:
        try:
            found[panel.store] = build_panel(facts.dataset, panel.store, frequency=frequency, end=facts.end)
        except DatasetError:  # too short for a whole week, or of a coarser calendar than was predicted
            continue
    return found


def _answered(rows: pl.DataFrame, panel: Panel | None, season: int, gaps: Sequence[tuple[Any, Any]]) -> pl.DataFrame:
    """With what came, what the seasonal naive would have said on the same day, the category, and the state."""
    size = len(rows)
    actual, naive = np.full(size, np.nan), np.full(size, np.nan)
    state = np.full(size, GONE, object)
    category = np.full(size, "", object)
    if panel is not None:
        place = {sku: row for row, sku in enumerate(panel.skus)}
        row = np.array([place.get(sku, -1) for sku in rows["sku"].to_list()], np.int64)
        period = panel.timeline.index(_days(rows["date"]))
        known = panel.timeline.index(_days(rows["as_of"]))
        there = row >= 0
        state[there & (period >= panel.known)] = WAITING
        inside = there & (period < panel.known) & (period >= 0)
        own, at = row[inside], period[inside]
        sure = certain(panel)
        state[inside] = np.where(
            np.isfinite(sure[own, at]),
            COUNTED,
            np.where(panel.censored[own, at], CENSORED, HIDDEN),
        )
        for start, end in gaps:
            state[inside & (_days(rows["date"]) >= as_day(start)) & (_days(rows["date"]) <= as_day(end))] = HIDDEN
        actual[inside] = sure[own, at]
        naive[inside] = _naive(sure, own, at, known[inside], season)
        texts = panel.statics.texts.get("category")
        if texts is not None:
            category[there] = [texts[one] or "" for one in row[there].tolist()]
    return rows.with_columns(
        pl.Series("actual", actual),
        pl.Series("naive", naive),
        pl.Series("state", state.tolist(), pl.String),
        pl.Series("category", category.tolist(), pl.String),
    )


def _days(column: pl.Series) -> np.ndarray[Any, np.dtype[np.int64]]:
    return column.to_numpy().astype("datetime64[D]").astype(np.int64)


def _naive(sure: Any, row: Any, period: Any, known: Any, season: int) -> Any:
    """The same phase of the last season known by then, up to four back; else the mean of what was known by then."""
    said = np.full(len(row), np.nan)
    step = np.maximum(period - known, 1)
    for back in range(SEASONS):
        at = period - season * ((step - 1) // season + 1 + back)
        found = np.where(at >= 0, sure[row, np.maximum(at, 0)], np.nan)
        said = np.where(np.isfinite(said), said, found)
    number = np.cumsum(np.isfinite(sure), axis=1)
    total = np.cumsum(np.nan_to_num(sure), axis=1)
    last = np.clip(known, 0, sure.shape[1] - 1)
    mean = np.divide(
        total[row, last], number[row, last], out=np.full(len(row), np.nan), where=(number[row, last] > 0) & (known >= 0)
    )
    return np.where(np.isfinite(said), said, mean)


def _judged(cells: pl.DataFrame) -> pl.DataFrame:
    """With each cell's error, the losses of its quantiles, and how many of them lie below what came."""
    return pl.concat(
        [_with_losses(part, str(levels)) for (levels,), part in cells.partition_by("levels", as_dict=True).items()],
        how="diagonal",
    )


def _with_losses(cells: pl.DataFrame, text: str) -> pl.DataFrame:
    levels = [float(one) for one in text.split(",") if one]
    actual, mean = cells["actual"].to_numpy(), cells["mean"].to_numpy()
    columns: Mapping[str, Any] = {"error": mean - actual}
    if levels:
        said = np.stack([cells[f"q{one}"].to_numpy() for one in text.split(",")], axis=1)
        losses = pinball_losses(actual, said, levels)
        inside = (said[:, 0] <= actual) & (actual <= said[:, -1])
        columns = {
            **columns,
            "covered": inside.astype(np.float64) if len(levels) > 1 else np.zeros(len(actual)),
            "rank": (said < actual[:, None]).sum(axis=1),
            **{f"pinball_{one}": losses[:, place] for place, one in enumerate(text.split(","))},
        }
    return cells.with_columns(**{name: pl.Series(values) for name, values in columns.items()})


def _unpredicted(facts: Facts, rows: pl.DataFrame) -> int:
    """Series that sold something in the last four weeks, or as many periods, and were never spoken of."""
    said = set(rows.select("store", "sku").unique().iter_rows())
    lately = facts.sold[:, -28 if facts.frequency == "daily" else -4 :].sum(axis=1) > 0
    return sum(1 for name, sold in zip(facts.names, lately, strict=True) if sold and name not in said)


def settled(parts: Sequence[Part], matched: Matched, end: date, patience: int) -> list[Part]:
    """Those of which nothing more is to come: every cell is in, or its time was over so many days ago."""
    return [
        part
        for part in parts
        if part.id not in matched.unreadable
        and (
            (part.id not in matched.waiting and part.last <= end.isoformat())
            or as_day(part.last) + patience <= as_day(end)
        )
    ]
