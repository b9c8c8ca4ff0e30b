"""What the pictures of a study share: how a trial of each state looks, where an axis is cut, a param's own axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from invplat.core.page.wording import compact
from invplat.core.space import Choice, Dimension, Integer, Value
from invplat.evaluate.answers import Doubles
from invplat.evaluate.pictures.canvas import ACCENT, CARD, INK, OTHER, SOFT, counted, word
from invplat.tune.importance import ordered
from invplat.tune.study import param_text
from invplat.tune.trial import Finished, State

# Told apart by their form, too: a printer may have no colours.
LOOKS: dict[State, dict[str, Any]] = {
    State.DONE: {"marker": "o", "markersize": 4.6, "color": ACCENT, "alpha": 0.6, "markeredgewidth": 0},
    State.STOPPED: {
        "marker": "o",
        "markersize": 4.2,
        "markerfacecolor": CARD,
        "markeredgecolor": ACCENT,
        "markeredgewidth": 0.9,
    },
    State.DIVERGED: {"marker": "x", "markersize": 5.2, "color": OTHER, "markeredgewidth": 1.4},
    State.FAILED: {"marker": "+", "markersize": 6.5, "color": INK, "markeredgewidth": 1.2},
}
NAMES = {
    State.DONE: "done",
    State.STOPPED: "stopped early by the scheduler",
    State.DIVERGED: "diverged",
    State.FAILED: "failed",
}
BEST: dict[str, Any] = {
    "marker": "D",
    "markersize": 7,
    "color": ACCENT,
    "markeredgecolor": INK,
    "markeredgewidth": 1.3,
}
FAR = 3.0  # times the distance from the best to the median: beyond it an axis is cut
FEW, FARTHER = 20, 8.0  # of so few trials only what is out of all proportion is cut off
COUNTED = 12  # whole numbers or fewer stand side by side
MANY = 300  # trials whose marks are drawn smaller
CROWDED = 7  # options of a choice whose names still fit below a narrow picture


def ceiling(values: Sequence[float], far: float = FAR) -> tuple[float, bool]:
    """Where an axis of values ends, the smallest of which matter; and whether something lies beyond."""
    known = np.sort(np.asarray(values, np.float64))
    if not len(known):
        return 1.0, False
    best, top = float(known[0]), float(known[-1])
    limit = best + (far if len(known) >= FEW else FARTHER) * (float(np.median(known)) - best)
    if limit <= best or top <= limit * 1.02:
        return top, False
    inside = float(known[known <= limit][-1])
    return inside, top > inside


def within(axis: Axes, low: float, top: float) -> tuple[float, float]:
    """Set the axis of values; answers at which heights marks of what is worse and of what has no value are drawn."""
    span = (top - low) or abs(top) or 1.0
    ticks = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(low, top)
    shown = [float(f"{tick:.10g}") for tick in ticks if low - 0.06 * span <= tick <= top + 0.03 * span]
    axis.set_yticks(shown, [compact(tick) if abs(tick) >= 1e4 else f"{tick:.4g}" for tick in shown])
    axis.set_ylim(low - 0.06 * span, top + 0.2 * span)
    return top + 0.07 * span, top + 0.145 * span


def marks(axis: Axes, across: Doubles, trials: Sequence[Finished], values: Sequence[float | None], top: float) -> None:
    """Every trial where it belongs; above all those that are worse than shown, and those without a value."""
    known = [value for value in values if value is not None]
    worse, lost = within(axis, min(known, default=0.0), top)
    small = 0.72 if len(trials) > MANY else 1.0
    if len(known) < len(values):
        axis.axhspan((worse + lost) / 2, axis.get_ylim()[1], color=OTHER, alpha=0.06, linewidth=0)
    above = [place for place, value in enumerate(values) if value is not None and value > top]
    axis.plot(across[above], np.full(len(above), worse), "^", color=SOFT, markersize=5 * small, alpha=0.7)
    for state in State:
        mine = [
            place
            for place, trial in enumerate(trials)
            if trial.state is state and ((value := values[place]) is None or value <= top)
        ]
        up = np.array([lost if (value := values[place]) is None else value for place in mine])
        look = LOOKS[state] | {"markersize": small * LOOKS[state]["markersize"]}
        axis.plot(across[mine], up, linestyle="", **look)
    if known:
        best = next(place for place, value in enumerate(values) if value == min(known))
        axis.plot([across[best]], [min(known)], linestyle="", **BEST, zorder=5)


def visible(trials: Sequence[Finished], values: Sequence[float | None], top: float) -> list[State]:
    """States of which a mark is drawn; what is worse than shown has a mark of its own."""
    there = {trial.state for trial, value in zip(trials, values, strict=True) if value is None or value <= top}
    return [state for state in State if state in there]


def handles(states: Sequence[State], *, best: bool = True) -> list[Line2D]:
    found = [Line2D([], [], linestyle="", label=NAMES[state], **LOOKS[state]) for state in states]
    return ([Line2D([], [], linestyle="", label="the best", **BEST)] if best else []) + found


def beyond(cut: bool) -> list[Line2D]:
    """What is said of trials that lie above the picture."""
    return [Line2D([], [], linestyle="", color=SOFT, marker="^", markersize=5, label="worse than shown")] if cut else []


def power(value: float) -> str:
    return f"{value:g}".replace("e-0", "e-")


def spread(number: int) -> float:
    """A trial's own shift aside, from −1 to 1, the same in every picture."""
    return 2 * ((number * 0.6180339887) % 1) - 1


def shown_options(dimension: Choice, tried: Sequence[Value]) -> list[Value]:
    """Those of which there was a trial: of a grid's many options none that nobody asked for."""
    return [option for option in ordered(dimension) if option in tried]


def each(dimension: Dimension, tried: Sequence[Value]) -> bool:
    """Whether its values stand side by side, as options do: few whole numbers, too."""
    if isinstance(dimension, Integer):
        return not dimension.log and len(set(tried)) <= COUNTED and dimension.high - dimension.low <= 3 * COUNTED
    return isinstance(dimension, Choice)


def along(axis: Axes, dimension: Dimension, tried: Sequence[Value]) -> Doubles:
    """Make the horizontal axis that of a param, and say where on it each tried value lies."""
    if isinstance(dimension, Choice):
        options = shown_options(dimension, tried)
        texts = [word(param_text(option), 14) for option in options]
        every = -(-len(options) // CROWDED)
        texts = [text if place % every == 0 else "" for place, text in enumerate(texts)]
        slanted = sum(map(len, texts)) > 34
        axis.set_xticks(range(len(options)), texts, rotation=20 if slanted else 0, ha="right" if slanted else "center")
        axis.set_xlim(-0.6, len(options) - 0.4)
        axis.grid(axis="x", visible=False)
        return np.array([options.index(value) for value in tried], np.float64)
    values = np.array([float(value) for value in tried])
    low, high = min(float(values.min()), dimension.low), max(float(values.max()), dimension.high)
    if dimension.log:
        axis.set_xscale("log")
        axis.set_xlim(low / (high / low) ** 0.03, high * (high / low) ** 0.03)
        axis.xaxis.set_major_locator(LogLocator(10, numticks=6))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.xaxis.set_minor_formatter(NullFormatter())
    elif each(dimension, tried):
        axis.set_xlim(low - 0.6, high + 0.6)
        counted(axis.xaxis, 6, whole=True)
        axis.grid(axis="x", visible=False)
    else:
        room = 0.04 * ((high - low) or 1.0)
        axis.set_xlim(low - room, high + room)
        counted(axis.xaxis, 5)
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(float(f"{value:.10g}"))))
    return values
