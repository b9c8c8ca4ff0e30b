"""Several metrics at once: what each trial gets of two of them, and the line that none is beyond."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from invplat.core.page.wording import compact
from invplat.evaluate.pictures.canvas import CARD, INK, SOFT, counted, figure, legend, styled
from invplat.evaluate.pictures.canvas import WIDE as WIDTH
from invplat.tune.pictures.looks import BEST, FARTHER, LOOKS, beyond, ceiling, within
from invplat.tune.trial import Finished, State

HEIGHT = 4.4  # inches
EVEN = 4.0  # times the smallest value of most trials is the largest: of one size
WIDE = 20.0  # times the smallest: a logarithmic axis
BOX = {"facecolor": CARD, "edgecolor": "none", "alpha": 0.75, "pad": 0.8}
APART = (1.5, 0.25)  # inches between two numbers of trials that can both be read
STATES = {State.DONE: "another trial", State.STOPPED: "stopped early"}

Point = tuple[float, float, Finished]


def front(
    trials: Sequence[Finished], best: Sequence[Finished], metrics: Sequence[str], labels: Sequence[str], title: str
) -> Figure:
    """The first metric upward, each other one across, one picture each; `best`: of the front."""
    with styled():
        drawn, axes = figure(title, HEIGHT, 1, len(metrics) - 1, sharey=True)
        cut, seen = False, set()
        for axis, metric, label in zip(axes, metrics[1:], labels[1:], strict=True):
            pairs = [(trial, trial.values[metric], trial.values[metrics[0]]) for trial in trials]
            points = [(across, up, trial) for trial, across, up in pairs if across is not None and up is not None]
            away = _cloud(axis, points, best, line=len(metrics) == 2)
            cut |= bool(away)
            seen |= {trial.state for _, _, trial in points if trial.number not in away}
            axis.set_xlabel(label)
        axes[0].set_ylabel(labels[0])
        handles = [Line2D([], [], linestyle="", label="on the front: no other is as good in all", **BEST)]
        handles += [
            Line2D([], [], linestyle="", label=name, **LOOKS[state]) for state, name in STATES.items() if state in seen
        ]
        legend(drawn, [*handles, *beyond(cut)])
    return drawn


def _cloud(axis: Axes, points: Sequence[Point], best: Sequence[Finished], *, line: bool) -> set[int]:
    """Answers which trials lie beyond the picture; those of the front are at its edge all the same."""
    top, _ = ceiling([up for _, up, _ in points])
    far = _far([across for across, up, _ in points if up <= top])
    worse, _ = within(axis, min((up for _, up, _ in points), default=0.0), top)
    near = min((across for across, _, _ in points), default=0.0)
    edge = _across(axis, near, far)
    away = [(across, up, trial) for across, up, trial in points if up > top or across > far]
    numbers = {trial.number for _, _, trial in away}
    for state in STATES:
        mine = [(x, y) for x, y, trial in points if trial.state is state and trial.number not in numbers]
        axis.plot(*np.array(mine).reshape(-1, 2).T, linestyle="", **LOOKS[state])
    axis.plot(
        [min(across, edge) for across, _, _ in away],
        [worse if up > top else up for _, up, _ in away],
        "^",
        color=SOFT,
        markersize=5,
        alpha=0.7,
    )
    numbered = {trial.number for trial in best}
    corner = sorted(
        (min(across, edge), worse if up > top else up, trial.number)
        for across, up, trial in points
        if trial.number in numbered
    )
    if line:
        axis.step([x for x, _, _ in corner], [y for _, y, _ in corner], where="post", color=INK, linewidth=1.4)
    axis.plot([x for x, _, _ in corner], [y for _, y, _ in corner], linestyle="", **BEST, zorder=5)
    _names(axis, corner, numbers)
    return numbers


def _far(values: Sequence[float]) -> float:
    """Where the horizontal axis ends: where most values are of one size, what is out of all proportion lies beyond."""
    low, high = np.quantile(values, (0.1, 0.9)) if values else (0.0, 1.0)
    if low > 0 and high / low > EVEN:
        return max(values)
    return ceiling(values, FARTHER)[0]


def _across(axis: Axes, near: float, far: float) -> float:
    """Set the horizontal axis; answers where marks of what lies beyond are drawn."""
    if near > 0 and far / near > WIDE:
        ratio = far / near
        axis.set_xscale("log")
        axis.set_xlim(near / ratio**0.06, far * ratio**0.16)
        axis.xaxis.set_major_locator(LogLocator(10, numticks=6))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(float(f"{value:.6g}"))))
        axis.xaxis.set_minor_locator(NullLocator())
        return float(far * ratio**0.08)
    span = (far - near) or abs(far) or 1.0
    axis.set_xlim(near - 0.06 * span, far + 0.16 * span)
    ticks = [float(tick) for tick in MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(near, far)]
    counted(axis.xaxis, 5)
    axis.set_xticks([tick for tick in ticks if near - 0.06 * span <= tick <= far + 0.03 * span])
    return far + 0.08 * span


def _names(axis: Axes, corner: Sequence[tuple[float, float, int]], away: set[int]) -> None:
    """The number of each trial of the front that has room for it, the best of the upward metric first."""
    size = np.asarray(axis.get_position().size) * np.array([WIDTH, HEIGHT])
    scaled = axis.transScale + axis.transLimits
    taken: list[tuple[float, float]] = []
    for across, up, number in sorted(corner, key=lambda one: one[1]):
        x, y = scaled.transform((across, up)) * size
        if any(abs(x - other) < APART[0] / 2 and abs(y - above) < APART[1] for other, above in taken):
            continue
        taken.append((float(x), float(y)))
        text = f"trial {number}" + (", worse than shown" if number in away else "")
        left = x > 0.86 * size[0]
        axis.annotate(
            text,
            (across, up),
            (-7 if left else 7, 6),
            textcoords="offset points",
            ha="right" if left else "left",
            fontsize=8.5,
            color=INK,
            bbox=BOX,
            zorder=4,
        )
