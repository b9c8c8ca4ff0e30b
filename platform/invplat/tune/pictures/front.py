"""Several metrics at once: what each trial gets of two of them, and the line that none is beyond."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from invplat.core.page.wording import compact
from invplat.evaluate.pictures.canvas import INK, counted, figure, legend, styled
from invplat.tune.pictures.looks import BEST, LOOKS, ceiling
from invplat.tune.trial import Finished, State

WIDE = 20.0  # times the smallest: a logarithmic axis
NAMED = 8  # trials of the front that have their number beside them


def front(
    trials: Sequence[Finished], best: Sequence[Finished], metrics: Sequence[str], labels: Sequence[str], title: str
) -> Figure:
    """The first metric upward, each other one across, one picture each; `best`: of the front."""
    with styled():
        others = range(1, len(metrics))
        drawn, axes = figure(title, 4.4, 1, len(others), sharey=True)
        for axis, number in zip(axes, others, strict=True):
            pairs = [(trial, trial.values[metrics[number]], trial.values[metrics[0]]) for trial in trials]
            known = [(trial, across, up) for trial, across, up in pairs if across is not None and up is not None]
            top, _ = ceiling([up for _, _, up in known])
            for state in (State.DONE, State.STOPPED):
                mine = [(across, up) for trial, across, up in known if trial.state is state and up <= top]
                axis.plot(*np.array(mine).reshape(-1, 2).T, linestyle="", **LOOKS[state])
            corner = sorted((across, up, trial.number) for trial, across, up in known if trial in best)
            line = corner if len(metrics) == 2 else []
            axis.step(
                [across for across, _, _ in line], [up for _, up, _ in line], where="post", color=INK, linewidth=1.4
            )
            axis.plot([one[0] for one in corner], [one[1] for one in corner], linestyle="", **BEST)
            for place, (across, up, trial) in enumerate(corner):
                if len(corner) <= NAMED or place in (0, len(corner) - 1):
                    axis.annotate(
                        f"trial {trial}", (across, up), (6, 6), textcoords="offset points", fontsize=8.5, color=INK
                    )
            values = [across for _, across, _ in known]
            if values and min(values) > 0 and max(values) / min(values) > WIDE:
                axis.set_xscale("log")
                axis.xaxis.set_major_locator(LogLocator(10, numticks=6))
                axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(float(f"{value:.6g}"))))
                axis.xaxis.set_minor_formatter(NullFormatter())
            else:
                counted(axis.xaxis, 5)
            axis.margins(0.07)
            counted(axis.yaxis, 5)
            axis.set_xlabel(labels[number])
        axes[0].set_ylabel(labels[0])
        there = [state for state in (State.DONE, State.STOPPED) if any(trial.state is state for trial in trials)]
        handles = [
            Line2D(
                [], [], linestyle="", label="on the front: no other is better in one and as good in the rest", **BEST
            )
        ]
        looks = {State.DONE: "another trial", State.STOPPED: "stopped early"}
        handles += [Line2D([], [], linestyle="", label=looks[state], **LOOKS[state]) for state in there]
        legend(drawn, handles)
    return drawn
