"""Two models that were asked the same live questions, held against what came: champion and challenger.

Only cells (store, SKU, as-of, period) that both spoke of before the period began, and whose demand is known whole,
count; so neither has the easier questions. Judged by are the medians, where both say them: a mean's absolute error is
least for whoever says too little. Errors of one period go together, therefore chance is judged by drawing periods, not
cells. Knows no service and writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from invplat.core.page.wording import percent, plural
from invplat.data.dataset import Dataset
from invplat.evaluate.given import CELL, read_cells, with_actuals
from invplat.evaluate.metrics import pinball_losses
from invplat.registry.database import Database
from invplat.registry.parts import PREDICTED, SHADOWED, Part, Shelf
from invplat.storage import Storage

LATELY = 182  # days that are looked back at
LEAST, PERIODS = 100, 7  # cells, and periods, of which a difference means something
DRAWS = 2000
SURE = (0.025, 0.975)
MEDIAN = "q0.5"


@dataclass(frozen=True)
class Side:
    wape: float  # share of what was sold that it missed
    bias: float  # forecasts less what was sold, as a share of it
    pinball: float | None = None  # mean over the levels that both say, as a share of what was sold
    coverage: float | None = None  # of the interval between the outermost of them


@dataclass(frozen=True)
class Rivalry:
    said: int  # cells that the challenger has spoken of lately
    waiting: int = 0  # of those that both spoke of: not yet due, or not yet in the data
    cells: int = 0  # held against what came
    periods: int = 0
    first: date | None = None
    last: date | None = None
    champion: Side | None = None
    challenger: Side | None = None
    difference: float | None = None  # of the challenger's error to the champion's, as a share of the champion's
    interval: tuple[float, float] | None = None  # that holds it 19 times of 20
    better: bool | None = None  # the challenger; None: nobody can tell yet

    @property
    def sentence(self) -> str:
        if not self.said:
            return "It has been asked nothing yet."
        if self.champion is None or self.challenger is None or self.difference is None:
            return f"It has forecast {plural(self.said, 'period')} of series; what came of them is not known yet."
        both = f"{percent(self.challenger.wape)} of what was sold, the champion {percent(self.champion.wape)}"
        seen = f"on the same {plural(self.cells, 'forecast')} of {plural(self.periods, 'period')}"
        told = {True: "that is better", False: "that is worse", None: "nobody can tell yet which is better"}
        return f"It misses {both}, {seen}: {told[self.better]}."

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "sentence": self.sentence}


def rivals(database: Database, storage: Storage, tenant: str, champion: str, challenger: str) -> Rivalry:
    """By the ids of the two."""
    dataset = Dataset.open(storage, tenant)
    end = date.fromisoformat(dataset.manifest.end)
    shadows = _parts(SHADOWED, database, tenant, challenger, end)
    theirs = read_cells(storage, shadows)
    if not len(theirs):
        return Rivalry(0)
    first, last = min(part.first for part in shadows), max(part.last for part in shadows)
    told = [one for one in _parts(PREDICTED, database, tenant, champion, end) if one.last >= first]
    ours = read_cells(storage, [one for one in told if one.first <= last])
    if not len(ours):
        return Rivalry(len(theirs))
    both = ours.join(theirs, on=CELL, how="inner", suffix="_2")
    known = with_actuals(dataset, both, end)
    seen = known.filter(pl.col("actual").is_finite())
    waiting = int((known["date"] > end).sum())
    if not len(seen) or not seen["actual"].sum() > 0:
        return Rivalry(len(theirs), waiting)
    levels = _levels(seen)
    difference, interval, better = _judged(seen, _point(levels))
    return Rivalry(
        len(theirs),
        waiting,
        len(seen),
        seen["date"].n_unique(),
        seen["date"].min(),  # type: ignore[arg-type]
        seen["date"].max(),  # type: ignore[arg-type]
        _side(seen, "", levels),
        _side(seen, "_2", levels),
        difference,
        interval,
        better,
    )


def stamp(database: Database, tenant: str, challenger: str) -> tuple[str, ...]:
    """Another one when more was said."""
    found = [one.id for one in SHADOWED.of_tenant(database, tenant) if one.model == challenger]
    return (str(len(found)), *found[-1:], *(one.id for one in PREDICTED.of_tenant(database, tenant)[-1:]))


def _parts(shelf: Shelf, database: Database, tenant: str, model: str, end: date) -> list[Part]:
    """Of one model, that speak of the last half year."""
    first = (end - timedelta(days=LATELY)).isoformat()
    return [one for one in shelf.of_tenant(database, tenant, first=first) if one.model == model]


def _levels(rows: pl.DataFrame) -> list[str]:
    """That both say, everywhere."""
    names = [name for name in rows.columns if name.startswith("q") and f"{name}_2" in rows.columns]
    whole = [name for name in names if not rows[name].is_null().any() and not rows[f"{name}_2"].is_null().any()]
    return sorted(whole, key=lambda name: float(name[1:]))


def _point(levels: Sequence[str]) -> str:
    return MEDIAN if MEDIAN in levels else "mean"


def _side(rows: pl.DataFrame, suffix: str, levels: Sequence[str]) -> Side:
    actual, error = rows["actual"].to_numpy(), (rows[f"mean{suffix}"] - rows["actual"]).to_numpy()
    sold = float(actual.sum())
    missed = float((rows[f"{_point(levels)}{suffix}"] - rows["actual"]).abs().sum())
    wape, bias = missed / sold, float(error.sum()) / sold
    if not levels:
        return Side(wape, bias)
    said = np.stack([rows[f"{name}{suffix}"].to_numpy() for name in levels], axis=1)
    losses = pinball_losses(actual, said, [float(name[1:]) for name in levels])
    inside = (said[:, 0] <= actual) & (actual <= said[:, -1])
    coverage = float(inside.mean()) if len(levels) > 1 else None
    return Side(wape, bias, float(losses.mean(axis=1).sum()) / sold, coverage)


def _judged(rows: pl.DataFrame, point: str) -> tuple[float | None, tuple[float, float] | None, bool | None]:
    """How much larger the challenger's error is, with the interval that periods drawn anew give it."""
    errors = rows.group_by("date").agg(
        (pl.col(point) - pl.col("actual")).abs().sum().alias("ours"),
        (pl.col(f"{point}_2") - pl.col("actual")).abs().sum().alias("theirs"),
    )
    ours, theirs = (errors.sort("date")[name].to_numpy() for name in ("ours", "theirs"))
    if not ours.sum() > 0:
        return None, None, None
    difference = float(theirs.sum() / ours.sum() - 1)
    if len(rows) < LEAST or len(ours) < PERIODS:
        return difference, None, None
    draw = np.random.default_rng(0).integers(0, len(ours), (DRAWS, len(ours)))
    drawn = theirs[draw].sum(axis=1) / np.maximum(ours[draw].sum(axis=1), 1e-12) - 1
    low, high = (float(one) for one in np.quantile(drawn, SURE))
    return difference, (low, high), True if high < 0 else False if low > 0 else None
