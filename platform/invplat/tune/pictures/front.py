"""Several metrics at once: what each trial gets of two of them, and the line that none is beyond."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from invplat.core.page.wording import compact
from invplat.evaluate.pictures.canvas import CARD, INK, SOFT, counted, figure, legend, styled
from invplat.tune.pictures.looks import BEST, LOOKS, beyond, ceiling, visible, within
from invplat.tune.trial import Finished, State

WIDE = 20.0  # times the smallest: a logarithmic axis
BOX = {"facecolor": CARD, "edgecolor": "none", "alpha": 0.75, "pad": 0.8}
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
            top, cut = ceiling([up for _, _, up in known])
            worse, _ = within(axis, min((up for _, _, up in known), default=0.0), top)
            for state in (State.DONE, State.STOPPED):
                mine = [(across, up) for trial, across, up in known if trial.state is state and up <= top]
                axis.plot(*np.array(mine).reshape(-1, 2).T, linestyle="", **LOOKS[state])
            above = [across for _, across, up in known if up > top]
            axis.plot(above, [worse] * len(above), "^", color=SOFT, markersize=5, alpha=0.7)
            corner = sorted((across, min(up, worse), trial.number) for trial, across, up in known if trial in best)
            line = corner if len(metrics) == 2 else []
            axis.step([one[0] for one in line], [one[1] for one in line], where="post", color=INK, linewidth=1.4)
            axis.plot([one[0] for one in corner], [one[1] for one in corner], linestyle="", **BEST)
            for place, (across, up, trial) in enumerate(corner):
                if len(corner) <= NAMED or place in (0, len(corner) - 1):
                    text = f"trial {trial}" + (", worse than shown" if up == worse else "")
                    axis.annotate(
                        text, (across, up), (7, 6), textcoords="offset points", fontsize=8.5, color=INK, bbox=BOX
                    )
            values = [across for _, across, _ in known]
            if values and min(values) > 0 and max(values) / min(values) > WIDE:
                axis.set_xscale("log")
                axis.xaxis.set_major_locator(LogLocator(10, numticks=6))
                axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(float(f"{value:.6g}"))))
                axis.xaxis.set_minor_formatter(NullFormatter())
            else:
                counted(axis.xaxis, 5)
            axis.margins(x=0.07)
            axis.set_xlabel(labels[number])
        axes[0].set_ylabel(labels[0])
        ups = [trial.values[metrics[0]] for trial in trials]
        there = visible(trials, ups, ceiling([up for up in ups if up is not None])[0])
        handles = [
            Line2D(
                [], [], linestyle="", label="on the front: no other is better in one and as good in the rest", **BEST
            )
        ]
        looks = {State.DONE: "another trial", State.STOPPED: "stopped early"}
        handles += [
            Line2D([], [], linestyle="", label=looks[state], **LOOKS[state]) for state in there if state in looks
        ]
        legend(drawn, [*handles, *beyond(cut)])
    return drawn
