"""Pictures along the calendar: forecast fans, stock under two sets of orders, and how a net's training went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import Any

import numpy as np
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from invplat.evaluate.answers import Doubles
from invplat.evaluate.pictures.canvas import ACCENT, BEHIND, INK, OTHER, SOFT, counted, figure, legend, styled, word

CALENDAR: Any = dates  # it has no types
BANDS = ((0.05, 0.95, 0.16), (0.25, 0.75, 0.28))  # lowest and highest level, and how dark


@dataclass(frozen=True)
class Fan:
    """One series at one cutoff. Unknown values are NaN."""

    name: str
    history: Sequence[date]
    demand: Doubles  # along the history
    ahead: Sequence[date]
    actual: Doubles  # along what lies ahead
    mean: Doubles
    quantiles: Doubles  # ahead × levels
    levels: tuple[float, ...] = ()
    note: str = ""  # such as: best of 40, WAPE 12 %


def fans(shown: Sequence[Fan], unit: str = "units", title: str = "Forecasts of single series") -> Figure:
    """One below the other: what was sold, what was said of the time after the cutoff, and what came."""
    with styled():
        drawn, axes = figure(title, 0.8 + 2.15 * max(len(shown), 1), max(len(shown), 1), 1)
        bands: list[tuple[str, float]] = []
        for axis, fan in zip(axes, shown, strict=False):
            bands = _fan(axis, fan) or bands
            axis.set_title(word(fan.name, 70) + (f"   {fan.note}" if fan.note else ""))
            axis.set_ylabel(unit)
        handles = [
            Line2D([], [], color=INK, linewidth=1.1, label="known demand"),
            Line2D([], [], color=OTHER, marker="o", markersize=3.5, linewidth=1.1, label="what came"),
            Line2D([], [], color=ACCENT, linewidth=2, label="forecast (mean)"),
            *(Patch(color=ACCENT, alpha=dark, linewidth=0, label=label) for label, dark in bands),
        ]
        legend(drawn, handles)
    return drawn


def _fan(axis: Axes, fan: Fan) -> list[tuple[str, float]]:
    past, ahead = (CALENDAR.date2num(list(days)) for days in (fan.history, fan.ahead))
    axis.plot(past, fan.demand, color=INK, linewidth=1.1)
    told = []
    for low, high, dark in _bands(fan.levels):
        below, above = (fan.quantiles[:, fan.levels.index(level)] for level in (low, high))
        axis.fill_between(ahead, below, above, color=ACCENT, alpha=dark, linewidth=0)
        told.append((f"{100 * (high - low):.3g} % interval", dark))
    axis.plot(ahead, fan.mean, color=ACCENT, linewidth=2, marker="o" if len(ahead) == 1 else "")
    axis.plot(ahead, fan.actual, color=OTHER, linewidth=1.1, marker="o", markersize=3.5)
    gap = float(ahead[0] - past[-1]) if len(past) else 1.0
    axis.axvline(float(ahead[0]) - gap / 2, color=SOFT, linewidth=1, linestyle=(0, (3, 3)))
    axis.set_xlim(float((past if len(past) else ahead)[0]) - gap, float(ahead[-1]) + gap)
    known = np.concatenate([fan.demand, fan.actual, fan.mean, fan.quantiles.reshape(-1)])
    _calendar(axis, float(np.nanmax(known)) if np.isfinite(known).any() else 1.0)
    return told


def _bands(levels: tuple[float, ...]) -> list[tuple[float, float, float]]:
    """The widest central interval and the one nearest to the middle half, of the levels there are."""
    pairs = [(low, high) for low in levels for high in levels if low < 0.5 and abs(low + high - 1) < 1e-9]
    if not pairs:
        return []
    wide = min(pairs)
    inner = min(pairs, key=lambda pair: abs(pair[0] - 0.25))
    return [(*wide, BANDS[0][2])] + ([(*inner, BANDS[1][2])] if inner != wide else [])


def _calendar(axis: Axes, top: float) -> None:
    locator = CALENDAR.AutoDateLocator(minticks=3, maxticks=9)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(CALENDAR.ConciseDateFormatter(locator, offset_formats=["", *["%Y"] * 5]))
    axis.set_ylim(0, top * 1.06 or 1.0)
    counted(axis.yaxis, 4)


@dataclass(frozen=True)
class Stock:
    """One item's days under somebody's orders."""

    name: str
    on_hand: Doubles  # at the end of the period
    order: Doubles
    owed: Doubles  # demand that waits at the end of the period


def stock_curves(
    days: Sequence[date], demand: Doubles, ours: Stock, other: Stock, title: str, unit: str = "units"
) -> Figure:
    """Stock on hand above, beside demand; below it who ordered how much and when, and who owed how much."""
    with styled():
        drawn, axes = figure(title, 5.6, 3, 1, sharex=True, height_ratios=[3.2, 1.2, 1.2])
        across = CALENDAR.date2num(list(days))
        step = float(np.diff(across).min()) if len(across) > 1 else 1.0
        stock, orders, owed = axes
        stock.fill_between(across, ours.on_hand, color=ACCENT, alpha=0.16, step="mid", linewidth=0)
        stock.plot(across, ours.on_hand, color=ACCENT, linewidth=1.8, drawstyle="steps-mid")
        stock.plot(across, other.on_hand, color=OTHER, linewidth=1.4, linestyle=(0, (4, 2)), drawstyle="steps-mid")
        stock.plot(across, demand, color=INK, linewidth=0.9)
        highest = max(float(np.nanmax(values, initial=0.0)) for values in (ours.on_hand, other.on_hand, demand))
        _calendar(stock, highest)
        for axis, name in ((orders, "order"), (owed, "owed")):
            pair = [np.asarray(getattr(one, name)) for one in (ours, other)]
            for values, colour, move in zip(pair, (ACCENT, OTHER), (-0.21, 0.21), strict=True):
                axis.bar(across + move * step, values, width=0.42 * step, color=colour, linewidth=0)
            highest = max(float(values.max(initial=0.0)) for values in pair)
            _calendar(axis, highest)
            if highest == 0:
                axis.set_yticks([0])
                axis.text(0.01, 0.5, "none", transform=axis.transAxes, va="center", color=SOFT)
        stock.set_xlim(float(across[0]) - step, float(across[-1]) + step)
        stock.set_title("On hand at the end of the period")
        orders.set_title("Ordered")
        owed.set_title("Demand that waits at the end of the period")
        for axis in axes:
            axis.set_ylabel(unit)
        legend(
            drawn,
            [
                Line2D([], [], color=ACCENT, linewidth=1.8, label=word(ours.name)),
                Line2D([], [], color=OTHER, linewidth=1.4, linestyle=(0, (4, 2)), label=word(other.name)),
                Line2D([], [], color=INK, linewidth=0.9, label="demand"),
            ],
        )
    return drawn


def stock_of_all(on_hand: Mapping[str, Sequence[float]], period: str, title: str) -> Figure:
    """model → units on hand at the end of each period, all series together. The first is drawn as ours, the second
    beside it, the others behind."""
    looks: list[tuple[str, Any, float]] = [(ACCENT, "-", 2.2), (OTHER, (0, (4, 2)), 1.8)]
    with styled():
        drawn, (axis,) = figure(title, 3.7)
        handles: list[Line2D] = []
        for place, (name, values) in reversed(list(enumerate(on_hand.items()))):
            look: tuple[str, Any, float] = looks[place] if place < len(looks) else (BEHIND, "-", 1.0)
            colour, dashes, width = look
            steps = np.arange(1, len(values) + 1)
            axis.plot(
                steps, values, color=colour, linestyle=dashes, linewidth=width, marker="" if len(values) > 1 else "o"
            )
            if place < len(looks):
                handles.insert(0, Line2D([], [], color=colour, linestyle=dashes, linewidth=width, label=word(name)))
        if len(on_hand) > len(looks):
            handles.append(Line2D([], [], color=BEHIND, label=f"the other {len(on_hand) - len(looks)}"))
        legend(drawn, handles)
        axis.set_xlabel(f"{period}s, from when the first order can arrive")
        axis.set_xlim(0.7, max((len(values) for values in on_hand.values()), default=1) + 0.3)
        axis.set_ylabel("units on hand")
        counted(axis.xaxis, 10, whole=True)
        counted(axis.yaxis, 4)
        axis.set_ylim(0, 1.06 * max((max(values, default=0.0) for values in on_hand.values()), default=1.0) or 1.0)
    return drawn


@dataclass(frozen=True)
class Losses:
    train: Sequence[float]
    validation: Sequence[float | None]
    best: int  # the epoch whose weights were kept, from 1


def training(histories: Mapping[str, Losses], title: str = "Training") -> Figure:
    """One picture a net: the loss of each epoch on what it learnt from and on what it did not, and the epoch kept."""
    with styled():
        rows, across = ceil(len(histories) / 3) or 1, min(max(len(histories), 1), 3)
        drawn, axes = figure(title, 0.8 + 2.6 * rows, rows, across)
        for axis in axes[len(histories) :]:
            axis.set_axis_off()
        for axis, (name, losses) in zip(axes, histories.items(), strict=False):
            epochs = np.arange(1, len(losses.train) + 1)
            held = np.array([np.nan if value is None else value for value in losses.validation], np.float64)
            mark = "o" if len(epochs) < 3 else ""
            axis.plot(epochs, losses.train, color=SOFT, linewidth=1.3, linestyle=(0, (4, 2)), marker=mark, markersize=3)
            axis.plot(np.arange(1, len(held) + 1), held, color=ACCENT, linewidth=2, marker=mark, markersize=3)
            if 0 < losses.best <= len(epochs):
                kept = held[losses.best - 1] if len(held) >= losses.best else np.nan
                kept = kept if np.isfinite(kept) else losses.train[losses.best - 1]
                axis.plot([losses.best], [kept], "o", color=OTHER, markersize=6)
            both = np.concatenate([np.asarray(losses.train, np.float64), held])
            both = both[np.isfinite(both)]
            if len(both) and both.min() > 0 and both.max() / both.min() > 10:
                axis.set_yscale("log")
            else:
                counted(axis.yaxis, 4)
            counted(axis.xaxis, 5, whole=True)
            axis.set_title(word(name))
            axis.set_xlabel("epoch")
        for axis in axes[::across]:
            axis.set_ylabel("loss")
        legend(
            drawn,
            [
                Line2D([], [], color=SOFT, linewidth=1.3, linestyle=(0, (4, 2)), label="learnt from"),
                Line2D([], [], color=ACCENT, linewidth=2, label="held out"),
                Line2D([], [], color=OTHER, marker="o", markersize=6, linestyle="", label="weights kept"),
            ],
        )
    return drawn
