"""What came of each value of each param: one picture a param, every trial a mark, the median as a line."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from invplat.core.space import Choice, Dimension, Params, Space, Value
from invplat.evaluate.answers import Doubles
from invplat.evaluate.pictures.canvas import INK, SOFT, figure, legend, styled, word
from invplat.tune.pictures.looks import (
    along,
    beyond,
    ceiling,
    each,
    handles,
    marks,
    shown_options,
    spread,
    visible,
)
from invplat.tune.trial import Finished

BESIDE = 3  # pictures side by side
GROUP = 5  # trials that make a median of a stretch
GROUPS = 9  # stretches at most
EACH = 3  # trials that make a median of an option


def slices(
    space: Space,
    names: Sequence[str],
    trials: Sequence[Finished],
    values: Sequence[float | None],
    label: str,
    title: str,
    defaults: Params,
) -> Figure:
    known = [value for value in values if value is not None]
    top, cut = ceiling(known)
    rows, across = ceil(len(names) / BESIDE), min(len(names), BESIDE)
    with styled():
        drawn, axes = figure(title, 0.9 + 2.45 * rows, rows, across, sharey=True)
        for axis in axes[len(names) :]:
            axis.set_axis_off()
        for axis, name in zip(axes, names, strict=False):
            _slice(axis, space.dimensions[name], name, trials, values, top)
            _default(axis, space.dimensions[name], defaults[name], [trial.params[name] for trial in trials])
            axis.set_xlabel(word(name) + _scale(space.dimensions[name]))
        for axis in axes[::across]:
            axis.set_ylabel(label)
        lines = [
            *([Line2D([], [], color=INK, linewidth=1.6, label="median")] if len(trials) >= 3 * GROUP else []),
            Line2D([], [], color=SOFT, linewidth=1.1, linestyle=(0, (2, 2)), label="the default"),
        ]
        legend(drawn, [*handles(visible(trials, values, top), best=bool(known)), *lines, *beyond(cut)], 7)
    return drawn


def _slice(
    axis: Axes,
    dimension: Dimension,
    name: str,
    trials: Sequence[Finished],
    values: Sequence[float | None],
    top: float,
) -> None:
    tried = [trial.params[name] for trial in trials]
    places = along(axis, dimension, tried)
    side_by_side = each(dimension, tried)
    apart = 0.22 if side_by_side else 0.0
    marks(axis, places + apart * np.array([spread(trial.number) for trial in trials]), trials, values, top)
    told = np.array([np.inf if value is None else value for value in values])
    if side_by_side and len(trials) >= 3 * GROUP:
        _of_each(axis, places, told, top)
    elif not side_by_side:
        _of_stretches(axis, places, told, top)


def _of_each(axis: Axes, places: Doubles, told: Doubles, top: float) -> None:
    """Trials without a value count as the worst."""
    for place in np.unique(places):
        mine = told[places == place]
        if len(mine) >= EACH and np.median(mine) <= top:
            axis.plot([place - 0.3, place + 0.3], [np.median(mine)] * 2, color=INK, linewidth=1.6)


def _of_stretches(axis: Axes, places: Doubles, told: Doubles, top: float) -> None:
    """Stretches of a range with as many trials each."""
    groups = min(GROUPS, len(told) // GROUP)
    if groups < 3:
        return
    parts = np.array_split(np.argsort(places, kind="stable"), groups)
    middle = np.array([np.median(places[part]) for part in parts])
    height = np.array([np.median(told[part]) for part in parts])
    axis.plot(middle, np.where(height <= top, height, np.nan), color=INK, linewidth=1.6)


def _default(axis: Axes, dimension: Dimension, value: Value, tried: Sequence[Value]) -> None:
    if isinstance(dimension, Choice):
        options = shown_options(dimension, tried)
        if value not in options:
            return
        place = float(options.index(value))
    else:
        place = float(value)
    axis.axvline(place, color=SOFT, linewidth=1.1, linestyle=(0, (2, 2)), zorder=0.5)


def _scale(dimension: Dimension) -> str:
    return ", logarithmic" if not isinstance(dimension, Choice) and dimension.log else ""
