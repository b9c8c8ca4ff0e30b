"""Every trial as one line through the values of its params to what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from invplat.core.page.wording import compact
from invplat.core.space import Choice, Dimension, Space, Value
from invplat.evaluate.answers import Doubles
from invplat.evaluate.pictures.canvas import BEHIND, CARD, INK, OTHER, SHADES, figure, legend, styled, word
from invplat.tune.pictures.looks import MANY, ceiling, power, shown_options, spread
from invplat.tune.study import param_text
from invplat.tune.trial import Finished

BEST = 5  # trials at least, drawn before the others
TENTH, MOST = 10, 25  # one of so many is drawn as one of the best, up to so many
TEXTS = 6  # along an axis
BOUNDS = (0.0, 1.0)
BEYOND, LOST = 1.07, 1.15  # where trials worse than shown end, and those without a value


def parallel(
    space: Space,
    names: Sequence[str],
    trials: Sequence[Finished],
    values: Sequence[float | None],
    label: str,
    title: str,
) -> Figure:
    known = sorted(value for value in values if value is not None)
    top, cut = ceiling(known)
    low = known[0] if known else 0.0
    span = (top - low) or 1.0
    columns = [_column(space.dimensions[name], name, trials) for name in names]
    ends = [LOST if value is None else BEYOND if value > top else (value - low) / span for value in values]
    lines = np.stack([*columns, np.array(ends)], axis=1)
    best = best_of(len(known))
    good = known[best - 1] if known else 0.0
    with styled():
        drawn, (axis,) = figure(title, 4.6)
        groups: list[tuple[list[int], str, float, float]] = [
            ([place for place, value in enumerate(values) if value is not None and value > good], BEHIND, 0.8, 0.5),
            ([place for place, value in enumerate(values) if value is None], OTHER, 0.9, 0.55),
            ([place for place, value in enumerate(values) if value is not None and value <= good], SHADES[3], 1.5, 0.9),
        ]
        for mine, colour, width, strength in groups:
            _draw(axis, lines[mine], colour, width, strength * min(1.0, (MANY / len(trials)) ** 0.7))
        if known:
            first = next(place for place, value in enumerate(values) if value == low)
            _draw(axis, lines[[first]], INK, 2.4, 1.0)
        for place, name in enumerate(names):
            _axis(axis, place, _ticks(space.dimensions[name], [trial.params[name] for trial in trials]))
        _axis(axis, len(names), _value_ticks(low, top, cut, len(known) < len(values)))
        axis.set_xticks(range(len(names) + 1), [*(_broken(name) for name in names), _broken(label)])
        axis.tick_params(axis="x", length=0, labelcolor=INK, labeltop=True, labelbottom=False, pad=2)
        axis.set_yticks([])
        axis.set_xlim(-0.35, len(names) + 0.3)
        axis.set_ylim(-0.05, LOST + 0.05 if len(known) < len(values) else BEYOND + 0.06 if cut else 1.06)
        axis.grid(visible=False)
        axis.spines["bottom"].set_visible(False)
        there = [
            (INK, 2.4, "the best", bool(known)),
            (SHADES[3], 1.5, f"the {best} best", bool(known)),
            (BEHIND, 0.8, "the others", len(known) > best),
            (OTHER, 0.9, "diverged or failed", len(known) < len(values)),
        ]
        legend(
            drawn, [Line2D([], [], color=one, linewidth=width, label=text) for one, width, text, drew in there if drew]
        )
    return drawn


def best_of(count: int) -> int:
    """How many of so many trials stand for the best."""
    return max(min(BEST, count), min(count // TENTH, MOST))


def _column(dimension: Dimension, name: str, trials: Sequence[Finished]) -> Doubles:
    """Where each trial crosses the param's axis; trials of one option a little apart."""
    tried = [trial.params[name] for trial in trials]
    if isinstance(dimension, Choice):
        options = shown_options(dimension, tried)
        gap = 1 / max(len(options) - 1, 1)
        places = np.array([options.index(value) * gap if len(options) > 1 else 0.5 for value in tried])
        return places + 0.11 * min(gap, 0.3) * np.array([spread(trial.number) for trial in trials])
    low, high = _range(dimension, tried)
    return np.array([_place(float(value), low, high, dimension.log) for value in tried])


def _range(dimension: Dimension, tried: Sequence[Value]) -> tuple[float, float]:
    """All that was allowed, and what lies outside it on a grid."""
    assert not isinstance(dimension, Choice)
    numbers = [float(value) for value in tried]
    return min(*numbers, float(dimension.low)), max(*numbers, float(dimension.high))


def _place(value: float, low: float, high: float, log: bool) -> float:
    if high <= low:
        return 0.5
    return log10(value / low) / log10(high / low) if log else (value - low) / (high - low)


def _ticks(dimension: Dimension, tried: Sequence[Value]) -> list[tuple[float, str]]:
    if isinstance(dimension, Choice):
        options = shown_options(dimension, tried)
        every = -(-len(options) // (2 * TEXTS))
        if len(options) == 1:
            return [(0.5, word(param_text(options[0]), 12))]
        return [
            (place / (len(options) - 1), word(param_text(option), 12))
            for place, option in enumerate(options)
            if place % every == 0
        ]
    low, high = _range(dimension, tried)
    if dimension.log:
        powers = [10.0**power for power in range(-12, 13) if low * 0.999 <= 10.0**power <= high * 1.001]
        values = powers if len(powers) > 1 else [low, high]
        return [(_place(value, low, high, True), power(value)) for value in values]
    values = [float(value) for value in np.linspace(low, high, TEXTS)]
    return [(_place(value, low, high, False), compact(float(f"{value:.3g}"))) for value in values]


def _value_ticks(low: float, top: float, cut: bool, lost: bool) -> list[tuple[float, str]]:
    """Round numbers between the best and the upper end, and what lies beyond it."""
    span = (top - low) or 1.0
    round_ones = [float(tick) for tick in MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, top)]
    ticks = [
        ((tick - low) / span, compact(tick) if abs(tick) >= 1e4 else f"{tick:.4g}")
        for tick in round_ones
        if low <= tick <= top
    ]
    ticks += [(BEYOND, "worse")] if cut else []
    return [*ticks, (LOST, "no value")] if lost else ticks


def _axis(axis: Axes, place: int, ticks: Sequence[tuple[float, str]]) -> None:
    axis.plot([place, place], BOUNDS, color=INK, linewidth=1.0, zorder=4)
    box = {"facecolor": CARD, "edgecolor": "none", "alpha": 0.8, "pad": 0.8}
    for height, text in ticks:
        axis.plot([place - 0.015, place + 0.015], [height, height], color=INK, linewidth=1.0, zorder=4)
        axis.text(place - 0.04, height, text, ha="right", va="center", fontsize=8, color=INK, zorder=5, bbox=box)


def _draw(axis: Axes, lines: Doubles, colour: str, width: float, strength: float) -> None:
    across = np.arange(lines.shape[1])
    paths = [np.column_stack([across, line]) for line in lines]
    axis.add_collection(LineCollection(paths, colors=colour, linewidths=width, alpha=strength, capstyle="round"))


def _broken(name: str) -> str:
    """Over two lines where it is long; written as it is, so that it can be copied."""
    name = word(name, 40)
    if len(name) <= 13:
        return name
    middle = min(
        (place for place, letter in enumerate(name) if letter in "_ "), default=0, key=lambda p: abs(p - len(name) / 2)
    )
    return name[: middle + 1].rstrip(" ") + "\n" + name[middle + 1 :] if middle else name
