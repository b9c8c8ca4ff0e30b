"""How the search went: each trial as it came, the best so far, by number and by minutes of work."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from invplat.evaluate.pictures.canvas import INK, SOFT, counted, figure, legend, styled
from invplat.tune.pictures.looks import beyond, ceiling, handles, marks, visible
from invplat.tune.study import Step


def history(
    steps: Sequence[Step], label: str, title: str, default: float | None = None, named: str = "default params"
) -> Figure:
    """`default`: the value of the default params, drawn as the line to beat."""
    numbers = [step.trial.number for step in steps]
    by_time = sorted(steps, key=lambda step: step.minutes)
    values = [step.value for step in steps if step.value is not None]
    top, cut = ceiling(values if default is None else [*values, default])
    with styled():
        drawn, (first, second) = figure(title, 3.9, 1, 2, sharey=True, width_ratios=[1.7, 1])
        _one(first, steps, numbers, top, default)
        _one(second, by_time, [step.minutes for step in by_time], top, default)
        first.set_ylabel(label)
        first.set_xlabel("number of the trial")
        second.set_xlabel("minutes of work")
        room = 0.5 + 0.03 * (max(numbers) - min(numbers))
        first.set_xlim(min(numbers) - room, max(numbers) + room)
        counted(first.xaxis, 8, whole=True)
        counted(second.xaxis, 5)
        second.set_xlim(0, 1.05 * max((step.minutes for step in steps), default=1.0) or 1.0)
        there = visible([step.trial for step in steps], [step.value for step in steps], top)
        lines = [Line2D([], [], color=INK, linewidth=1.6, label="best so far")]
        if default is not None:
            lines.append(Line2D([], [], color=SOFT, linewidth=1.2, linestyle=(0, (4, 3)), label=named))
        legend(drawn, [*handles(there, best=bool(values)), *lines, *beyond(cut)], 7)
    return drawn


def _one(
    axis: Axes,
    steps: Sequence[Step],
    places: Sequence[float],
    top: float,
    default: float | None,
) -> None:
    across = np.asarray(places, np.float64)
    marks(axis, across, [step.trial for step in steps], [step.value for step in steps], top)
    if default is not None and default <= top:
        axis.axhline(default, color=SOFT, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
    best, line = np.inf, []
    for step in steps:
        best = min(best, np.inf if step.value is None else step.value)
        line.append(best if np.isfinite(best) else np.nan)
    axis.step(across, np.array(line), where="post", color=INK, linewidth=1.6)
