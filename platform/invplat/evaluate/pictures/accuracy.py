"""How right the models were: bars by metric, actual against predicted, error by step of the horizon."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import ceil, log10
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from invplat.core.page.wording import compact
from invplat.evaluate.answers import Doubles
from invplat.evaluate.pictures.canvas import (
    ACCENT,
    BEHIND,
    INK,
    OTHER,
    SHADES,
    SOFT,
    counted,
    figure,
    legend,
    styled,
    word,
)
from invplat.evaluate.pictures.measures import measure_of

FAR = 2.5  # times the median of a metric: a bar beyond it would make the others the same
BESIDE = 4  # pictures side by side
DENSE = 800  # points that are still told apart as dots
CELLS = 44  # along each side, where there are more
DECADES = 1.2  # from the usual value to the highest: beyond it the axes are logarithmic


def bars(
    figures: Mapping[str, Mapping[str, float | None]], ours: Collection[str] = (), title: str = "Models by metric"
) -> Figure:
    """model → metric → value, in the order given; `ours` stand out, the best of each metric is written bold."""
    metrics = list(dict.fromkeys(name for values in figures.values() for name in values))
    models = list(figures)
    rows = ceil(len(metrics) / BESIDE)
    across = ceil(len(metrics) / rows)
    with styled():
        drawn, axes = figure(title, 0.75 + rows * (0.5 + 0.235 * len(models)), rows, across, sharey=True)
        cut = False
        for place, axis in enumerate(axes):
            if place < len(metrics):
                cut |= _bar(axis, metrics[place], {model: figures[model].get(metrics[place]) for model in models}, ours)
            else:
                axis.set_axis_off()
        axes[0].set_ylim(len(models) - 0.4, -0.6)  # shared by all
        axes[0].set_yticks(range(len(models)), [word(model) for model in models])
        for axis in axes[::across]:
            for label, model in zip(axis.get_yticklabels(), models, strict=True):
                label.set_color(ACCENT if model in ours else INK)
        handles: list[Any] = [Patch(color=ACCENT, label="workloads"), Patch(color=BEHIND, label="references")]
        handles = handles if set(models) & set(ours) and set(models) - set(ours) else []
        ways = [
            name for name, there in (("↑ higher is better", _upward(metrics)), ("▸ the bar is cut off", cut)) if there
        ]
        handles += [Line2D([], [], linestyle="", label=way) for way in ways]
        if handles:
            legend(drawn, handles)
    return drawn


def _bar(axis: Axes, metric: str, values: Mapping[str, float | None], ours: Collection[str]) -> bool:
    """Whether a bar had to be cut off."""
    measure = measure_of(metric)
    known = {model: value for model, value in values.items() if value is not None}
    best = ""
    for model, value in known.items():
        best = model if not best or measure.better(value, known[best]) else best
    scale = 100 if measure.share else 1
    sizes = sorted(abs(value) * scale for value in known.values())
    limit = min(sizes[-1], FAR * sizes[len(sizes) // 2]) if sizes and sizes[len(sizes) // 2] > 0 else max([1, *sizes])
    limit = limit or 1.0
    low = max(-limit, min([0.0, *(value * scale for value in known.values())]))
    room = limit - low
    for place, model in enumerate(values):
        if model not in known:
            axis.text(0, place, "–", va="center", color=SOFT, fontsize=8.5)
            continue
        value = known[model]
        size = min(max(value * scale, low), limit)
        axis.barh(place, size, height=0.68, color=ACCENT if model in ours else BEHIND, linewidth=0)
        beyond = " ▸" if value * scale > limit * 1.001 else " ◂" if value * scale < low * 1.001 - 1e-9 else ""
        axis.text(
            max(size, 0) + 0.02 * room,
            place,
            measure.said(value) + beyond,
            va="center",
            fontsize=8.5,
            fontweight="bold" if model == best else "normal",
            color=INK,
        )
    axis.set_xlim(low * 1.02, limit + 0.34 * room)
    axis.set_title(measure.named + (" ↑" if measure.higher else ""))
    axis.set_xticks([0])
    axis.set_xticklabels([])
    axis.tick_params(axis="x", length=0)
    axis.grid(axis="y", visible=False)
    axis.spines["bottom"].set_visible(False)
    return any(value * scale > limit * 1.001 or value * scale < low * 1.001 - 1e-9 for value in known.values())


def _upward(metrics: Collection[str]) -> bool:
    return any(measure_of(metric).higher for metric in metrics)


def actual_against_predicted(
    pairs: Mapping[str, tuple[Doubles, Doubles]], unit: str = "units", title: str = "Actual against predicted"
) -> Figure:
    """model → actual, predicted; up to four beside each other on the same axes. Where values span decades, the axes
    are logarithms of one more than the value, so that zeros keep their place."""
    shown = dict(list(pairs.items())[:BESIDE])
    actual = np.concatenate([pair[0] for pair in shown.values()])
    both = np.concatenate([actual, *(pair[1] for pair in shown.values())])
    both = both[np.isfinite(both)]
    top = float(both.max(initial=1.0))
    usual = float(np.median(actual[actual > 0])) if (actual > 0).any() else 1.0
    logs = log10(max(top / usual, 1)) > DECADES
    with styled():
        across = max(len(shown), 3)
        drawn, axes = figure(title, 9.6 / across + 1.0, 1, across, sharex=True, sharey=True)
        for axis in axes[len(shown) :]:
            axis.set_axis_off()
        for axis, (model, (truth, said)) in zip(axes, shown.items(), strict=False):
            _cloud(axis, _scaled(truth, logs), _scaled(said, logs), log10(1 + top) if logs else top)
            axis.set_title(word(model, 96 // across))
            axis.set_xlabel(f"actual, {unit}")
            axis.set_aspect("equal")
            _ticks(axis, top, logs)
        axes[0].set_ylabel(f"predicted, {unit}")
        if len(actual) // len(shown) > DENSE:
            names = ("fewest", "", "", "", "most answers")
            handles = [Patch(color=shade, label=name) for shade, name in zip(SHADES, names, strict=True)]
            legend(drawn, [*handles, Line2D([], [], color=OTHER, linestyle=(0, (4, 3)), label="as predicted")])
        else:
            legend(drawn, [Line2D([], [], color=OTHER, linestyle=(0, (4, 3)), label="as predicted")])
    return drawn


def _scaled(values: Doubles, logs: bool) -> Doubles:
    return np.log10(1 + np.maximum(values, 0)) if logs else values


def _cloud(axis: Axes, truth: Doubles, said: Doubles, top: float) -> None:
    there = np.isfinite(truth) & np.isfinite(said)
    truth, said, top = truth[there], said[there], top or 1.0
    if len(truth) <= DENSE:
        axis.plot(truth, said, "o", markersize=3.5, color=ACCENT, alpha=0.35, markeredgewidth=0)
    else:
        edges = np.linspace(0, top, CELLS + 1)
        counts, _, _ = np.histogram2d(np.clip(truth, 0, top), np.clip(said, 0, top), bins=[edges, edges])
        across, up = np.nonzero(counts)
        share = np.log1p(counts[across, up]) / np.log1p(counts.max())
        shade = np.minimum((share * len(SHADES)).astype(int), len(SHADES) - 1)
        side = top / CELLS
        corners = np.array([[0, 0], [0, side], [side, side], [side, 0]])
        cells = np.stack([across, up], axis=1)[:, None, :] * side + corners
        colours = [SHADES[place] for place in shade]
        axis.add_collection(PolyCollection(cells, facecolors=colours, edgecolors=colours, linewidths=0.2))
    axis.plot([0, top], [0, top], color=OTHER, linewidth=1.2, linestyle=(0, (4, 3)))
    axis.set_xlim(-0.02 * top, 1.03 * top)
    axis.set_ylim(-0.02 * top, 1.03 * top)


def _ticks(axis: Axes, top: float, logs: bool) -> None:
    if not logs:
        counted(axis.xaxis, 4)
        counted(axis.yaxis, 4)
        return
    ticks = [0.0, *(10.0**power for power in range(0, 13) if 10.0**power <= top * 1.05)]
    if len(ticks) < 4:
        ticks = [0.0, *(tick for tick in (1.0, 3.0, 10.0, 30.0, 90.0) if tick <= top * 1.05)]
    places = [log10(1 + tick) for tick in ticks]
    axis.set_xticks(places, [compact(tick) for tick in ticks])
    axis.set_yticks(places, [compact(tick) for tick in ticks])


def error_by_step(
    errors: Mapping[str, Sequence[float | None]],
    metric: str,
    period: str,
    ours: Collection[str] = (),
    title: str = "Error by step of the horizon",
) -> Figure:
    """model → the metric of each step. Ours and the best of the others have a name and a colour; the rest stand
    behind in grey."""
    measure = measure_of(metric)
    scale = 100.0 if measure.share else 1.0
    lines = {
        model: np.array([np.nan if value is None else value * scale for value in values], np.float64)
        for model, values in errors.items()
    }
    usual = {model: float(np.nanmean(line)) for model, line in lines.items() if np.isfinite(line).any()}
    mine = sorted((model for model in usual if model in ours), key=usual.__getitem__)[:3]
    rest = sorted((model for model in usual if model not in mine), key=usual.__getitem__)
    looks = [(ACCENT, "-"), (ACCENT, (0, (5, 2))), (ACCENT, (0, (1.2, 1.6)))]
    named = dict(zip(mine, looks, strict=False))
    named |= dict(zip(rest, [(OTHER, "-"), (OTHER, (0, (5, 2)))][: 2 if mine else 3], strict=False))
    with styled():
        drawn, (axis,) = figure(title, 4.1)
        steps = np.arange(1, max((len(line) for line in lines.values()), default=1) + 1)
        dots = "o" if len(steps) < 4 else ""
        for model in rest:
            if model not in named:
                axis.plot(
                    steps[: len(lines[model])], lines[model], color=BEHIND, linewidth=1, marker=dots, markersize=3
                )
        for model, (colour, dashes) in reversed(named.items()):
            line = lines[model]
            axis.plot(
                steps[: len(line)], line, color=colour, linestyle=dashes, linewidth=2, marker=dots, label=word(model)
            )
        handles = axis.get_legend_handles_labels()[0][::-1]
        if len(usual) > len(named):
            handles.append(Line2D([], [], color=BEHIND, label=f"the other {len(usual) - len(named)}"))
        legend(drawn, handles)
        axis.set_xlabel(f"{period}s ahead")
        axis.set_ylabel(measure.named)
        shown = [lines[model] for model in named] or [np.ones(1)]
        top = float(np.nanmax(np.concatenate(shown))) * 1.3
        every = float(np.nanmax(np.concatenate(list(lines.values())))) * 1.05 if lines else 1.0
        axis.set_ylim(0, min(top, every) or 1.0)
        axis.set_xlim(steps[0] - 0.2, steps[-1] + 0.2)
        counted(axis.xaxis, 10, whole=True)
        if period == "day" and len(steps) >= 14:
            axis.set_xticks([1, *range(7, len(steps) + 1, 7)])
        counted(axis.yaxis)
    return drawn
