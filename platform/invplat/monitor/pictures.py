"""Pictures of the weeks: how right forecasts were, of what, how far ahead, and what the intervals held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from matplotlib import dates
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from invplat.evaluate.pictures.canvas import ACCENT, INK, OTHER, SHADES, SOFT, figure, legend, styled, word

CALENDAR: Any = dates  # it has no types
MOST = 4  # lines of categories in one picture: those that sell most
LOOKS: tuple[tuple[str, Any], ...] = (
    (ACCENT, "-"),
    (OTHER, (0, (5, 2))),
    (INK, (0, (1, 1.4))),
    (SHADES[2], (0, (7, 2, 1.5, 2))),
)


@dataclass(frozen=True)
class Line:
    name: str
    values: npt.NDArray[np.float64]
    behind: bool = False  # what the others are held against


def over_time(days: Sequence[date], lines: Sequence[Line], title: str, marked: Sequence[str] = ()) -> Figure:
    """Shares by week; `marked`: days on which something began."""
    with styled():
        drawn, (axis,) = figure(title, 2.9)
        across = CALENDAR.date2num(list(days))
        handles = []
        looks = iter(LOOKS)
        for line in lines:
            colour, dashes = (SOFT, (0, (2, 2))) if line.behind else next(looks)
            width = 1.3 if line.behind else 1.9
            dot: dict[str, Any] = {"marker": "o", "markersize": 3.5} if len(days) < 20 and not line.behind else {}
            axis.plot(across, line.values, color=colour, linestyle=dashes, linewidth=width, **dot)
            handles.append(Line2D([], [], color=colour, linestyle=dashes, linewidth=width, label=word(line.name)))
        for day in marked:
            axis.axvline(CALENDAR.date2num(date.fromisoformat(day)), color=SOFT, linewidth=0.9, linestyle=(0, (1, 3)))
        locator = CALENDAR.AutoDateLocator(minticks=3, maxticks=9)
        axis.xaxis.set_major_locator(locator)
        axis.xaxis.set_major_formatter(CALENDAR.ConciseDateFormatter(locator, offset_formats=["", *["%Y"] * 5]))
        axis.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g} %"))
        known = np.concatenate([line.values for line in lines])
        known = known[np.isfinite(known)]
        if known.size and known.min() >= 0:
            axis.set_ylim(0, float(known.max()) * 1.1 or 1.0)
        axis.set_xlim(across[0] - 4, max(across[-1], across[0] + 7) + 4)
        legend(drawn, handles, columns=5)
    return drawn


def accuracy(weeks: Sequence[Mapping[str, Any]], marked: Sequence[str]) -> Figure:
    days = [date.fromisoformat(week["week"]) for week in weeks]
    lines = [Line("forecasts", _column(weeks, "wape")), Line("seasonal naive", _column(weeks, "naive_wape"), True)]
    return over_time(days, lines, "Error by week, as a share of what was sold", marked)


def coverage(weeks: Sequence[Mapping[str, Any]]) -> Figure:
    days = [date.fromisoformat(week["week"]) for week in weeks]
    lines = [Line("held", _column(weeks, "coverage")), Line("promised", _column(weeks, "promised"), True)]
    return over_time(days, lines, "What came inside the outer interval")


def bias(weeks: Sequence[Mapping[str, Any]]) -> Figure:
    days = [date.fromisoformat(week["week"]) for week in weeks]
    nothing = Line("neither too much nor too little", np.zeros(len(days)), True)
    return over_time(days, [Line("forecast less sold", _column(weeks, "bias")), nothing], "Bias by week")


def by_category(sums: pl.DataFrame) -> Figure | None:
    """Of those that sell most; None where there is only one."""
    sold = sums.filter(pl.col("category") != "").group_by("category").agg(pl.col("actual").sum())
    names = sold.sort("actual", "category", descending=[True, False])["category"].to_list()[:MOST]
    if len(names) < 2:
        return None
    days = sums["week"].unique().sort().to_list()
    lines = [Line(name, _wape(sums.filter(pl.col("category") == name), days)) for name in names]
    return over_time(days, lines, "Error by week, by category")


def by_step(sums: pl.DataFrame) -> Figure | None:
    """The nearest and the farthest parts of the horizon."""
    last = int(sums["step"].max() or 1)  # type: ignore[arg-type]
    if last < 2:
        return None
    parts = min(3, last)
    borders = [round(last * part / parts) for part in range(parts + 1)]
    days = sums["week"].unique().sort().to_list()
    lines = []
    for low, high in pairwise(borders):
        name = f"step {high}" if high == low + 1 else f"steps {low + 1} to {high}"
        lines.append(Line(name, _wape(sums.filter(pl.col("step").is_between(low + 1, high)), days)))
    return over_time(days, lines, "Error by week, by how far ahead")


def _column(weeks: Sequence[Mapping[str, Any]], name: str) -> npt.NDArray[np.float64]:
    return np.array([np.nan if week.get(name) is None else float(week[name]) for week in weeks])


def _wape(sums: pl.DataFrame, days: Sequence[date]) -> npt.NDArray[np.float64]:
    table = sums.group_by("week").agg(pl.col("abs_error").sum(), pl.col("actual").sum())
    known = {week: wrong / sold for week, wrong, sold in table.iter_rows() if sold}
    return np.array([known.get(day, np.nan) for day in days])
