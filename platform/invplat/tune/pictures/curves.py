"""How the trials learnt: the validation loss by epoch, the ten best before all others."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from invplat.evaluate.answers import Doubles
from invplat.evaluate.pictures.canvas import ACCENT, BEHIND, INK, OTHER, SHADES, counted, figure, legend, styled
from invplat.tune.pictures.looks import BEST, LOOKS
from invplat.tune.trial import Finished, State

SHOWN = 10  # the best
WIDE = 8.0  # times the smallest loss: beyond it an axis is logarithmic


def curves(
    ranked: Sequence[Finished], others: Sequence[Finished], title: str, default: Finished | None = None
) -> Figure:
    """`ranked`: the best first; `others` have no value."""
    every = [trial for trial in (*ranked, *others) if trial.validation]
    low, high = _range(every, [*ranked[:SHOWN], *([default] if default is not None else [])])
    with styled():
        drawn, (axis,) = figure(title, 4.2)
        strength = min(0.75, 40 / max(len(every), 1))
        behind = [_path(trial) for trial in ranked[SHOWN:]]
        lost = [_path(trial) for trial in others if trial.state is State.DIVERGED]
        best = [_path(trial) for trial in ranked[1:SHOWN]]
        for paths, colour, width, alpha in (
            (behind, BEHIND, 0.9, strength),
            (lost, OTHER, 0.9, min(1.0, 4 * strength)),
            (best, SHADES[3], 1.3, 0.9),
        ):
            axis.add_collection(LineCollection(paths, colors=colour, linewidths=width, alpha=alpha))
        ends = np.array([path[-1] for path, trial in _early(ranked[SHOWN:])]).reshape(-1, 2)
        axis.plot(*ends.T, "o", color=BEHIND, markersize=3, markeredgewidth=0, alpha=min(1.0, 2 * strength))
        for path in lost:
            seen = path[np.isfinite(path[:, 1]) & (path[:, 1] <= high)]
            if len(seen):
                axis.plot(*seen[-1], linestyle="", **{**LOOKS[State.DIVERGED], "alpha": min(1.0, 5 * strength)})
        if default is not None and default.validation and default not in ranked[:1]:
            mark = "o" if len(default.validation) == 1 else ""
            axis.plot(*_path(default).T, color=INK, linewidth=1.4, linestyle=(0, (4, 3)), marker=mark, markersize=5)
        if ranked:
            axis.plot(*_path(ranked[0]).T, color=ACCENT, linewidth=2.6)
            if 0 < ranked[0].best <= len(ranked[0].validation):
                axis.plot([ranked[0].best], [ranked[0].validation[ranked[0].best - 1]], linestyle="", **BEST, zorder=5)
        if low > 0 and high / low > WIDE:
            axis.set_yscale("log")
            axis.set_ylim(low / (high / low) ** 0.05, high * (high / low) ** 0.03)
        else:
            span = (high - low) or abs(high) or 1.0
            axis.set_ylim(low - 0.06 * span, high + 0.05 * span)
            counted(axis.yaxis, 5)
        longest = max((len(trial.validation) for trial in every), default=1)
        axis.set_xlim(0.7, longest + 0.3)
        counted(axis.xaxis, 10, whole=True)
        axis.set_xlabel("epoch")
        axis.set_ylabel("validation loss")
        told = [
            (Line2D([], [], color=ACCENT, linewidth=2.6, label="the best"), bool(ranked)),
            (Line2D([], [], linestyle="", label="its weights are kept from here", **BEST), bool(ranked)),
            (Line2D([], [], color=SHADES[3], linewidth=1.3, label=f"the next {len(best)}"), bool(best)),
            (Line2D([], [], color=BEHIND, linewidth=0.9, label=f"{len(behind)} others"), bool(behind)),
            (
                Line2D([], [], color=INK, linewidth=1.4, linestyle=(0, (4, 3)), label="default params"),
                default is not None and default not in ranked[:1],
            ),
            (Line2D([], [], color=OTHER, linewidth=0.9, marker="x", markersize=5, label="diverged"), bool(lost)),
        ]
        legend(drawn, [handle for handle, drew in told if drew], 6)
    return drawn


def _early(trials: Sequence[Finished]) -> list[tuple[Doubles, Finished]]:
    return [(_path(trial), trial) for trial in trials if trial.state is State.STOPPED and trial.validation]


def _range(every: Sequence[Finished], told: Sequence[Finished]) -> tuple[float, float]:
    """From the smallest loss of all to the highest of those that are told apart; higher ones are cut off."""
    losses = [loss for trial in every for loss in trial.validation if isfinite(loss)]
    highest = [loss for trial in told or every for loss in trial.validation if isfinite(loss)]
    return min(losses, default=0.0), max(highest, default=max(losses, default=1.0))


def _path(trial: Finished) -> Doubles:
    losses = np.array(trial.validation, np.float64)
    return np.column_stack([np.arange(1, len(losses) + 1), losses])
